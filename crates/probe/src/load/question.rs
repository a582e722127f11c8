//! What is asked again and again.

use std::time::Instant;

use common::load::DEFAULT_STATEMENT;
use tokio_postgres::{Client, Error, Statement};

use crate::{Limits, health::transaction::MARK};

/// The question of a load test, by the shortest way that the target allows.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// `select 1`, prepared once in each session: what `pgbench -M prepared` does.
    Prepared,
    /// `select 1` by the simple protocol: through a pooler the next request may go to another server session.
    Simple,
    /// One statement of somebody's own, read only, within the server's limits, and rolled back.
    Statement { begin: String, sql: String },
}

/// One answer.
pub(super) struct Asked {
    /// When it was complete.
    pub(super) at: Instant,
    pub(super) outcome: Result<(), Error>,
    /// Whether the session can be asked again.
    pub(super) usable: bool,
}

impl Question {
    pub(super) fn new(statement: Option<&str>, pooler: bool, limits: &Limits) -> Self {
        match statement {
            Some(sql) => Self::Statement { begin: begin(limits), sql: sql.to_owned() },
            None if pooler => Self::Simple,
            None => Self::Prepared,
        }
    }

    /// Whether one request may keep the server at work after its session is closed.
    pub(super) fn may_run_on(&self) -> bool {
        matches!(self, Self::Statement { .. })
    }

    /// `prepared` is `select 1`, for [`Question::Prepared`].
    pub(super) async fn ask(&self, client: &Client, prepared: Option<&Statement>) -> Asked {
        let outcome = match (self, prepared) {
            (Self::Statement { begin, sql }, _) => return transaction(client, begin, sql).await,
            (Self::Prepared, Some(statement)) => client.execute(statement, &[]).await.map(drop),
            (Self::Prepared, None) | (Self::Simple, _) => client.batch_execute(DEFAULT_STATEMENT).await,
        };
        let usable = outcome.as_ref().map_or_else(survives, |()| true);
        Asked { at: Instant::now(), outcome, usable }
    }
}

/// Behind the statement, whether it failed or not. A rollback alone keeps advisory locks of the session, which a pool
/// would give to whoever comes next; where the statement has ended the transaction, this fails, and the session with it.
const ROLLBACK: &str = "\
rollback /* pg-dashboard */ to savepoint before; \
select /* pg-dashboard */ pg_catalog.pg_advisory_unlock_all(); \
rollback /* pg-dashboard */";

/// Settings are local to the transaction: a pooled session goes back as it came.
fn begin(limits: &Limits) -> String {
    format!(
        "begin {MARK} read only; \
         set {MARK} local statement_timeout = {}; \
         set {MARK} local lock_timeout = {}; \
         set {MARK} local idle_in_transaction_session_timeout = {idle}; \
         savepoint {MARK} before",
        limits.statement.as_millis().max(1),
        limits.lock.as_millis().max(1),
        // The statement follows at once, unless we are gone.
        idle = limits.statement.as_millis().max(1),
    )
}

/// The statement is sent only once the transaction is there: after a `begin` that failed it would stand alone, neither
/// read only nor rolled back. It goes by the extended protocol, which takes one statement at a time, unnamed, so that
/// nothing stays in a pooled session. The rollback goes along with it and is not counted.
async fn transaction(client: &Client, begin: &str, sql: &str) -> Asked {
    if let Err(error) = client.batch_execute(begin).await {
        return Asked { at: Instant::now(), outcome: Err(error), usable: false };
    }
    let statement = async {
        let outcome = client.execute_typed(sql, &[]).await.map(drop);
        (Instant::now(), outcome)
    };
    let ((at, outcome), rolled_back) = futures::join!(statement, client.batch_execute(ROLLBACK));
    let usable = rolled_back.is_ok() && outcome.as_ref().map_or_else(survives, |()| true);
    Asked { at, outcome, usable }
}

/// Whether the server only said no to the question, and listens for the next.
fn survives(error: &Error) -> bool {
    let Some(error) = error.as_db_error() else { return false };
    let code = error.code().code();
    // Severities are told in the server's language by old poolers: the codes say the same.
    let ends_it =
        matches!(error.severity(), "FATAL" | "PANIC") || code.starts_with("57P") || code.starts_with("08");
    !ends_it
}
