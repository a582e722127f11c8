//! What is asked before a load test: how many sessions the target has to give, and whether a statement of somebody's own
//! may be run there.

use std::time::Instant;

use common::{Phase, TestError, TestErrorKind, load::LoadRequest};
use tokio_util::sync::CancellationToken;

use super::{
    line::{Line, Waited, Watch},
    question::Question,
};
pub use crate::rights::BeyondTheDatabase;
use crate::{Limits, Target, health::transaction::MARK, pooler, rights, rows::Row, words};

/// Slots of the server, and of the database, that are left to everybody else.
const LEFT_FREE: i64 = 5;
/// Sessions of the role that are left to the dashboard itself, which watches with the same role.
const LEFT_TO_US: i64 = 2;

/// Slots and limits are as they stand; superusers have no limits of their own, and nobody gets the reserved slots.
/// Sessions that we may not look into tell their role, and nothing about what kind they are: they count.
const ROOM: &str = "\
with /* pg-dashboard */ taken as (
    select usesysid, datid
    from pg_stat_activity
    where pid <> pg_backend_pid()
        and (backend_type = 'client backend' or backend_type is null and usesysid is not null)
)
select current_setting('max_connections')::bigint
           - current_setting('superuser_reserved_connections')::bigint
           - coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::bigint
           - (select count(*) from taken) as free,
       case when r.rolconnlimit >= 0 and not r.rolsuper
           then r.rolconnlimit - (select count(*) from taken where usesysid = r.oid) end as free_to_role,
       case when d.datconnlimit >= 0 and not r.rolsuper
           then d.datconnlimit - (select count(*) from taken where datid = d.oid) end as free_in_database,
       pg_backend_pid() as backend_pid";

const HERE: &str = "\
from pg_roles r, pg_database d
where r.rolname = current_user and d.datname = current_database()";

/// What is known of a target that a load test may begin on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadAdmission {
    pub pooler: bool,
    /// How many sessions it may have; at least as many as were asked for.
    pub may_use: u32,
}

/// Why a load test may not begin.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadRefusal {
    /// More sessions than the target has to give.
    Sessions { may_use: u32, limit: SessionLimit },
    /// Who may reach beyond the database runs no statement of somebody's own: a function in it would do so as well.
    Role(BeyondTheDatabase),
    /// The server refused the statement when it was tried once.
    Statement(TestError),
    /// The target could not be asked.
    Target(Box<TestError>),
}

/// What leaves the fewest sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionLimit {
    Server,
    Database,
    Role,
}

/// Asks the target over a session of its own, which is closed again.
pub(crate) async fn ask(
    target: &Target,
    request: &LoadRequest,
    limits: &Limits,
) -> Result<LoadAdmission, LoadRefusal> {
    let deadline = Instant::now() + limits.connect;
    let line = Box::pin(Line::open(target, limits, deadline)).await.map_err(LoadRefusal::Target)?;
    let mut line = line;
    let admission = match Box::pin(judge(&mut line, target, request, limits)).await {
        Ok(admission) => admission,
        Err(refusal) => {
            line.hang_up().await;
            return Err(refusal);
        }
    };
    let Some(sql) = &request.statement else {
        line.hang_up().await;
        return Ok(admission);
    };
    let question = Question::new(Some(sql), admission.pooler, limits);
    Box::pin(tried(line, &question, limits)).await.map(|()| admission)
}

async fn judge(
    line: &mut Line<'_>,
    target: &Target,
    request: &LoadRequest,
    limits: &Limits,
) -> Result<LoadAdmission, LoadRefusal> {
    let deadline = Instant::now() + limits.round;
    let sql = format!(
        "begin {MARK} read only; set {MARK} local statement_timeout = {}; set {MARK} local lock_timeout = {}; \
         set {MARK} local search_path = pg_catalog; {ROOM}, {} {HERE}; rollback {MARK}",
        limits.statement.as_millis().max(1),
        limits.lock.as_millis().max(1),
        rights::COLUMNS,
    );
    let answer = line.simple(&sql, deadline).await.map_err(LoadRefusal::Target)?;
    let unexpected = || {
        LoadRefusal::Target(Box::new(TestError {
            kind: TestErrorKind::Protocol,
            phase: Phase::Query,
            message: "The server does not say how many sessions it has to give.".to_owned(),
            hint: "A load test needs to know: it leaves some to everybody else.".to_owned(),
            sqlstate: None,
        }))
    };
    let row = answer.first().ok_or_else(unexpected)?;
    if request.statement.is_some()
        && let Some(beyond) = BeyondTheDatabase::of(row)
    {
        return Err(LoadRefusal::Role(beyond));
    }
    let (may_use, limit) = room(row).ok_or_else(unexpected)?;
    if request.connections > may_use {
        return Err(LoadRefusal::Sessions { may_use, limit });
    }
    let backend_pid = row.number("backend_pid");
    let pooler = pooler::recognise(&line.greeting, backend_pid, target.port).is_some();
    Ok(LoadAdmission { pooler, may_use })
}

/// How many sessions a test may have, and what limits them. `None`: the server's numbers are none.
fn room(row: Row<'_>) -> Option<(u32, SessionLimit)> {
    let free: i64 = row.number("free")?;
    let of_role = row.number::<i64>("free_to_role").map(|free| free.saturating_sub(LEFT_TO_US));
    let in_database = row.number::<i64>("free_in_database").map(|free| free.saturating_sub(LEFT_FREE));
    let all = [
        (Some(free.saturating_sub(LEFT_FREE)), SessionLimit::Server),
        (in_database, SessionLimit::Database),
        (of_role, SessionLimit::Role),
    ];
    let (free, limit) =
        all.into_iter().filter_map(|(free, limit)| Some((free?, limit))).min_by_key(|(free, _)| *free)?;
    Some((u32::try_from(free.max(0)).unwrap_or(u32::MAX), limit))
}

/// Runs the statement once: what is no single statement, needs parameters or rights, or takes too long is told before
/// hundreds of sessions find out.
async fn tried(mut line: Line<'_>, question: &Question, limits: &Limits) -> Result<(), LoadRefusal> {
    let mut watch = Watch::new(&CancellationToken::new());
    let deadline = Instant::now() + limits.load_request;
    let failed = match line.ask(question, &mut watch, deadline).await {
        Waited::For(asked) => match asked.outcome {
            Ok(()) => {
                line.hang_up().await;
                return Ok(());
            }
            Err(error) => {
                let failed = line.failure(&error);
                line.hang_up().await;
                failed
            }
        },
        Waited::Broken => line.why_it_ended(),
        Waited::Late | Waited::Stopped => {
            let failed = words::load_timeout(&line.scene());
            line.abandon(question).await;
            failed
        }
    };
    Err(LoadRefusal::Statement(failed))
}
