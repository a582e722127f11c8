//! Several independent queries in one read-only transaction and one round trip.
//!
//! Every query is a message of its own, sent without waiting for the one before. A savepoint stands before the
//! first; each message begins by going back to it, so that an error ends only its own query: the next one finds a
//! transaction that works. Through a pooler in transaction mode all of it is one transaction on one server session.

use tokio::time::Instant;

use crate::{
    rows::Answer,
    session::{AskError, Session},
};

/// Settings are local to the transaction: a pooled session goes back as it came. With only `pg_catalog` to look in,
/// nobody's function of the same name is called by mistake.
fn begin(session: &Session<'_>) -> String {
    let limits = session.limits();
    format!(
        "begin read only; \
         set local statement_timeout = {}; \
         set local lock_timeout = {}; \
         set local idle_in_transaction_session_timeout = 30000; \
         set local search_path = pg_catalog; \
         set local jit = off; \
         savepoint before",
        limits.statement.as_millis().max(1),
        limits.lock.as_millis().max(1),
    )
}

/// The answers, in order.
pub(super) async fn read(
    session: &Session<'_>,
    queries: &[&str],
    deadline: Instant,
) -> Vec<Result<Answer, AskError>> {
    let mut messages = vec![begin(session)];
    messages.extend(queries.iter().map(|sql| format!("rollback to savepoint before; {sql}")));
    messages.push("rollback".to_owned());
    let mut answers = session.ask_all(&messages, deadline).await;
    answers.pop();
    // Without a transaction every query fails for want of it; the first tells why there is none.
    if let (Err(error), Some(first)) = (answers.remove(0), answers.first_mut()) {
        *first = Err(error);
    }
    answers
}
