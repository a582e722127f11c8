//! Several independent queries in one read-only transaction and one round trip.
//!
//! Every query is a message of its own, sent without waiting for the one before. A savepoint stands before the
//! first; each message begins by going back to it, so that an error ends only its own query: the next one finds a
//! transaction that works. Through a pooler in transaction mode all of it is one transaction on one server session.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use crate::{
    Limits,
    rows::Answer,
    session::{AskError, Session},
};

/// A comment in everything that is asked: where `pg_stat_statements` counts our own statements, it keeps the comment.
pub(crate) const MARK: &str = "/* pg-dashboard */";

/// `sql` with the [`MARK`] behind its first word: before it, newer servers leave it out.
fn marked(sql: &str) -> String {
    match sql.trim_start().split_once(char::is_whitespace) {
        Some((word, rest)) => format!("{word} {MARK} {rest}"),
        None => sql.to_owned(),
    }
}

/// Settings are local to the transaction: a pooled session goes back as it came. With only `pg_catalog` to look in,
/// nobody's function of the same name is called by mistake, nor somebody's temporary table read that was left in a pooled
/// session: those come first unless they are named.
///
/// What takes long takes one process of the server, not several.
fn begin(limits: &Limits, statement: Duration) -> String {
    format!(
        "begin {MARK} read only; \
         set {MARK} local statement_timeout = {}; \
         set {MARK} local lock_timeout = {}; \
         set {MARK} local idle_in_transaction_session_timeout = {idle}; \
         set {MARK} local search_path = pg_catalog, pg_temp; \
         set {MARK} local jit = off; \
         set {MARK} local max_parallel_workers_per_gather = 0; \
         savepoint {MARK} before",
        statement.as_millis().max(1),
        limits.lock.as_millis().max(1),
        // All messages are sent at once: nothing of ours ever waits in a transaction, unless we are gone.
        idle = limits.statement.as_millis().max(1),
    )
}

/// How often the server looks whether we are still there while it works for us: killed or cut off, we cannot cancel.
const STILL_THERE: &str = "\
set /* pg-dashboard */ local client_connection_check_interval = '2s';
release /* pg-dashboard */ savepoint before; savepoint /* pg-dashboard */ before";

/// From version 14. Some platforms refuse it, which the next message takes back as it does any error.
fn can_look_whether_we_are_there(session: &Session) -> bool {
    let major = session.server_version.as_deref().and_then(|version| {
        version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse::<u32>().ok())
    });
    major.is_some_and(|major| major >= 14) && !session.cannot_look.load(Ordering::Relaxed)
}

/// The answers, in order.
pub(crate) async fn read(
    session: &Session,
    queries: &[&str],
    deadline: Instant,
) -> Vec<Result<Answer, AskError>> {
    read_within(session, queries, session.limits().statement, deadline).await
}

/// How long the server has been at this transaction. It is asked last, and answered also where what came before it
/// failed.
const TOOK: &str =
    "select extract(epoch from clock_timestamp() - transaction_timestamp())::float8 * 1000 as took_ms";

/// [`read`] with a time limit for each of them, and the milliseconds that the server took for all of it where it said so.
pub(crate) async fn read_timed(
    session: &Session,
    queries: &[&str],
    statement: Duration,
    deadline: Instant,
) -> (Vec<Result<Answer, AskError>>, Option<f64>) {
    let queries: Vec<&str> = queries.iter().copied().chain([TOOK]).collect();
    let mut answers = read_within(session, &queries, statement, deadline).await;
    let took = answers.pop().and_then(Result::ok);
    let took_ms = took.and_then(|answer| answer.first()?.finite("took_ms"));
    (answers, took_ms)
}

/// [`read`] with another time limit for each of them.
async fn read_within(
    session: &Session,
    queries: &[&str],
    statement: Duration,
    deadline: Instant,
) -> Vec<Result<Answer, AskError>> {
    let mut messages = vec![begin(session.limits(), statement)];
    let looks = can_look_whether_we_are_there(session);
    if looks {
        messages.push(STILL_THERE.to_owned());
    }
    messages
        .extend(queries.iter().map(|sql| format!("rollback {MARK} to savepoint before; {}", marked(sql))));
    // Nothing was written, and a rollback would count as one of the server's. What failed last is rolled back all the same.
    messages.push(format!("commit {MARK}"));
    let mut answers = session.ask_all(&messages, deadline).await;
    answers.pop();
    let begun = answers.remove(0);
    if looks
        && let Err(AskError::Server(error)) = answers.remove(0)
        && begun.is_ok()
        && !error.is_closed()
    {
        // Asked again and again, it would be an error in the server's log each time.
        session.cannot_look.store(true, Ordering::Relaxed);
    }
    // Without a transaction every query fails for want of it; the first tells why there is none.
    if let (Err(error), Some(first)) = (begun, answers.first_mut()) {
        *first = Err(error);
    }
    answers
}
