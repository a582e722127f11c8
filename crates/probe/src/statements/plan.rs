//! The plan that a statement of `pg_stat_statements` would get, whatever its parameters (PostgreSQL 16 and newer).
//!
//! Planning runs code: functions that are said to be immutable, those of types and operators. So it is done only as a
//! login that can do no harm which a read-only transaction does not prevent; the server itself says which login that
//! is, in the same transaction. One statement, never run, and nothing stays.

use common::{Phase, TestError, plannable::has_plan, text};
use tokio::time::Instant;

use crate::{
    Limits, Target, connect_test,
    health::transaction::MARK,
    rights::{self, BeyondTheDatabase},
    rows::Answer,
    session::{AskError, Session},
    words,
};

/// Bytes of a plan that are kept.
const MOST_PLAN: usize = 64 * 1024;

/// Looked up by nobody's names but PostgreSQL's own; the savepoint gives the login's search_path back.
fn rights() -> String {
    format!(
        "set {MARK} local search_path = pg_catalog; \
         select {MARK} current_setting('server_version_num') as version_num, {}",
        rights::COLUMNS,
    )
}

/// Why a statement is not planned, before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    #[error("Only {} have a plan.", common::plannable::PLANNABLE)]
    NoPlan,
    #[error("Its text holds a semicolon: it may be more than one statement.")]
    Several,
    #[error("Plans without parameters came with PostgreSQL 16; this server is older.")]
    TooOld,
    #[error("The login is a superuser, or can become one: what planning runs could do anything.")]
    Superuser,
    #[error(
        "The login may read or write the server's files or run its programs, and so could what planning runs."
    )]
    ReachesServer,
    #[error("The server did not say what the login may do.")]
    Unknown,
}

impl PlanRefusal {
    /// Another login could.
    pub fn is_about_the_login(self) -> bool {
        matches!(self, Self::Superuser | Self::ReachesServer | Self::Unknown)
    }

    /// It holds for every statement.
    fn is_about_the_server(self) -> bool {
        self.is_about_the_login() || self == Self::TooOld
    }

    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoPlan => "Choose another statement.",
            Self::Several => "Run EXPLAIN (GENERIC_PLAN) yourself.",
            Self::TooOld => "Run EXPLAIN yourself, with values in place of the parameters.",
            Self::Superuser | Self::ReachesServer | Self::Unknown => {
                "Connect with a login that may only read: a member of pg_monitor and pg_read_all_data at most."
            }
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone)]
pub enum PlanError {
    Refused(PlanRefusal),
    /// It could not be connected to, or the server's answer was an error.
    Failed(Box<TestError>),
}

/// Whether a normalised text is one that may be planned, as far as that is seen by it.
pub fn is_plannable(query: &str) -> bool {
    by_its_text(query).is_none()
}

fn by_its_text(query: &str) -> Option<PlanRefusal> {
    if !has_plan(query) {
        return Some(PlanRefusal::NoPlan);
    }
    // Nothing else parts statements. The extended protocol would take one only, but wants values for its parameters,
    // and makes the plan that those get. A normalised text has no semicolon but in comments and names.
    query.contains(';').then_some(PlanRefusal::Several)
}

/// The lines of the plan of `query`, a normalised text that the server itself told, whole.
pub(crate) async fn run(target: &Target, query: &str, limits: &Limits) -> Result<String, PlanError> {
    let outcome = run_all(target, &[query], limits).await.pop();
    outcome.unwrap_or(Err(PlanError::Refused(PlanRefusal::Unknown)))
}

/// [`run`] of several on one session, each in a transaction of its own, all within the time of one reading. What ends it
/// (the login is refused, the session is lost) is the answer to those that are left.
pub(crate) async fn run_all(
    target: &Target,
    queries: &[&str],
    limits: &Limits,
) -> Vec<Result<String, PlanError>> {
    let mut session = None;
    let mut over: Option<PlanError> = None;
    let mut outcomes = Vec::with_capacity(queries.len());
    let deadline = Instant::now() + limits.connect + limits.health;
    for query in queries {
        if let Some(error) = &over {
            outcomes.push(Err(error.clone()));
            continue;
        }
        if let Some(refusal) = by_its_text(query) {
            outcomes.push(Err(PlanError::Refused(refusal)));
            continue;
        }
        let opened = match session.take() {
            Some(opened) => Ok(opened),
            None => open(target, limits).await,
        };
        let (outcome, left) = match opened {
            Ok(opened) => on(opened, query, deadline).await,
            Err(error) => (Err(error), None),
        };
        session = left;
        match &outcome {
            Err(PlanError::Refused(refusal)) if refusal.is_about_the_server() => over = outcome.clone().err(),
            Err(PlanError::Failed(_)) if session.is_none() => over = outcome.clone().err(),
            _ => {}
        }
        outcomes.push(outcome);
    }
    if let Some(session) = session {
        // Rolled back already; hanging up makes sure of it.
        session.close().await;
    }
    outcomes
}

async fn open(target: &Target, limits: &Limits) -> Result<Session, PlanError> {
    let (test, session) = Box::pin(connect_test::open(target, limits)).await;
    session.ok_or_else(|| match test.error {
        Some(error) => PlanError::Failed(Box::new(error)),
        None => PlanError::Refused(PlanRefusal::Unknown),
    })
}

/// The plan, and the session where it can be used again.
async fn on(
    session: Session,
    query: &str,
    deadline: Instant,
) -> (Result<String, PlanError>, Option<Session>) {
    if !session.use_again() {
        session.close().await;
        return (Err(PlanError::Refused(PlanRefusal::Unknown)), None);
    }
    match ask(&session, query, deadline).await {
        Ok(outcome) => (outcome, Some(session)),
        Err(AskError::Server(error)) => {
            let words = words::postgres_error(&error, Phase::Query, &session.scene());
            session.close().await;
            (Err(PlanError::Failed(Box::new(words))), None)
        }
        Err(AskError::Timeout) => {
            let words = words::timeout(Phase::Query, &session.scene());
            session.abandon().await;
            (Err(PlanError::Failed(Box::new(words))), None)
        }
    }
}

/// An error of the whole is one after which the session is of no use.
async fn ask(
    session: &Session,
    query: &str,
    deadline: Instant,
) -> Result<Result<String, PlanError>, AskError> {
    let limits = session.limits();
    let begin = format!(
        "begin {MARK} read only; \
         set {MARK} local statement_timeout = {}; \
         set {MARK} local lock_timeout = {}; \
         set {MARK} local idle_in_transaction_session_timeout = {idle}; \
         savepoint {MARK} before",
        limits.statement.as_millis().max(1),
        limits.lock.as_millis().max(1),
        // We answer at once, unless we are gone.
        idle = limits.statement.as_millis().max(1),
    );
    let messages = [begin, rights(), format!("rollback {MARK} to savepoint before")];
    let mut answers = session.ask_all(&messages, deadline).await.into_iter();
    let (begun, rights, back) = (answers.next(), answers.next(), answers.next());
    for answer in [begun, back].into_iter().flatten() {
        answer?;
    }
    let rights = rights.unwrap_or(Ok(Answer::empty()))?;
    let outcome = match refusal(&rights) {
        Some(refusal) => Err(PlanError::Refused(refusal)),
        None => {
            let explain =
                format!("EXPLAIN {MARK} (GENERIC_PLAN, VERBOSE off, COSTS on, FORMAT text) {query}");
            let answer = session.ask_all(&[explain], deadline).await.pop();
            match answer.unwrap_or(Ok(Answer::empty())) {
                Ok(answer) => Ok(shown(&answer)),
                Err(AskError::Server(error)) if !error.is_closed() => {
                    let words = words::postgres_error(&error, Phase::Query, &session.scene());
                    Err(PlanError::Failed(Box::new(words)))
                }
                Err(lost) => return Err(lost),
            }
        }
    };
    for answer in session.ask_all(&[format!("rollback {MARK}")], deadline).await {
        answer?;
    }
    Ok(outcome)
}

fn refusal(rights: &Answer) -> Option<PlanRefusal> {
    let row = rights.rows().find(|row| row.text("version_num").is_some());
    let version: Option<i32> = row.and_then(|row| row.number("version_num"));
    match (version, row.and_then(BeyondTheDatabase::of)) {
        (None, _) => Some(PlanRefusal::Unknown),
        (Some(version), _) if version < 160_000 => Some(PlanRefusal::TooOld),
        (Some(_), Some(BeyondTheDatabase::Superuser)) => Some(PlanRefusal::Superuser),
        (Some(_), Some(BeyondTheDatabase::MemberOf(_))) => Some(PlanRefusal::ReachesServer),
        (Some(_), None) => None,
    }
}

/// A plan holds names of the server's.
fn shown(plan: &Answer) -> String {
    let lines: Vec<String> = plan.rows().filter_map(|row| row.text("QUERY PLAN")).collect();
    text::clean_sql(&lines.join("\n"), MOST_PLAN)
}
