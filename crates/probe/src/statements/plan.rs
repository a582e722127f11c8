//! The plan that a statement of `pg_stat_statements` would get, whatever its parameters (PostgreSQL 16 and newer).
//!
//! Planning runs code: functions that are said to be immutable, those of types and operators. So it is done only as a
//! login that can do no harm which a read-only transaction does not prevent; the server itself says which login that
//! is, in the same transaction. One statement, never run, and nothing stays.

use common::{Phase, TestError, text};
use tokio::time::Instant;

use crate::{
    Limits, Target, connect_test,
    rows::Answer,
    session::{AskError, Session},
    words,
};

/// Bytes of a plan that are kept.
const MOST_PLAN: usize = 64 * 1024;

/// Looked up by nobody's names but PostgreSQL's own; the savepoint gives the login's search_path back.
const RIGHTS: &str = "\
set local search_path = pg_catalog;
select /* pg-dashboard */ current_setting('server_version_num') as version_num,
       exists (select from pg_roles r
                where r.rolsuper and (pg_has_role(current_user, r.oid, 'member') or pg_has_role(session_user, r.oid, 'member'))
       ) as superuser,
       exists (select from pg_roles r
                where r.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
                  and (pg_has_role(current_user, r.oid, 'member') or pg_has_role(session_user, r.oid, 'member'))
       ) as reaches_server";

/// Why a statement is not planned, before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    #[error("Only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES and WITH have a plan.")]
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

/// The lines of the plan of `query`, a normalised text that the server itself told, whole.
pub(crate) async fn run(target: &Target, query: &str, limits: &Limits) -> Result<String, PlanError> {
    if !has_plan(query) {
        return Err(PlanError::Refused(PlanRefusal::NoPlan));
    }
    // Nothing else parts statements. The extended protocol would take one only, but wants values for its parameters,
    // and makes the plan that those get. A normalised text has no semicolon but in comments and names.
    if query.contains(';') {
        return Err(PlanError::Refused(PlanRefusal::Several));
    }
    let (test, session) = Box::pin(connect_test::open(target, limits)).await;
    let Some(session) = session else {
        return Err(match test.error {
            Some(error) => PlanError::Failed(Box::new(error)),
            None => PlanError::Refused(PlanRefusal::Unknown),
        });
    };
    let deadline = Instant::now() + limits.health;
    match ask(&session, query, deadline).await {
        Ok(outcome) => {
            // Rolled back already; hanging up makes sure of it.
            session.close().await;
            outcome.map_err(PlanError::Refused)
        }
        Err(AskError::Server(error)) => {
            let words = words::postgres_error(&error, Phase::Query, &session.scene());
            session.close().await;
            Err(PlanError::Failed(Box::new(words)))
        }
        Err(AskError::Timeout) => {
            let words = words::timeout(Phase::Query, &session.scene());
            session.abandon().await;
            Err(PlanError::Failed(Box::new(words)))
        }
    }
}

async fn ask(
    session: &Session,
    query: &str,
    deadline: Instant,
) -> Result<Result<String, PlanRefusal>, AskError> {
    let limits = session.limits();
    let begin = format!(
        "begin read only; \
         set local statement_timeout = {}; \
         set local lock_timeout = {}; \
         set local idle_in_transaction_session_timeout = 30000; \
         savepoint before",
        limits.statement.as_millis().max(1),
        limits.lock.as_millis().max(1),
    );
    let messages = [begin, RIGHTS.to_owned(), "rollback to savepoint before".to_owned()];
    let mut answers = session.ask_all(&messages, deadline).await.into_iter();
    let (begun, rights, back) = (answers.next(), answers.next(), answers.next());
    for answer in [begun, back].into_iter().flatten() {
        answer?;
    }
    let rights = rights.unwrap_or(Ok(Answer::empty()))?;
    let outcome = match refusal(&rights) {
        Some(refusal) => Ok(Err(refusal)),
        None => {
            let explain = format!("EXPLAIN (GENERIC_PLAN, VERBOSE off, COSTS on, FORMAT text) {query}");
            let answer = session.ask_all(&[explain], deadline).await.pop();
            answer.unwrap_or(Ok(Answer::empty())).map(|answer| Ok(shown(&answer)))
        }
    };
    if !matches!(outcome, Err(AskError::Timeout)) {
        for answer in session.ask_all(&["rollback".to_owned()], deadline).await {
            answer?;
        }
    }
    outcome
}

fn refusal(rights: &Answer) -> Option<PlanRefusal> {
    let row = rights.rows().find(|row| row.text("version_num").is_some());
    let version: Option<i32> = row.and_then(|row| row.number("version_num"));
    let superuser = row.and_then(|row| row.flag("superuser"));
    let reaches_server = row.and_then(|row| row.flag("reaches_server"));
    match (version, superuser, reaches_server) {
        (Some(version), ..) if version < 160_000 => Some(PlanRefusal::TooOld),
        (Some(_), Some(true), _) => Some(PlanRefusal::Superuser),
        (Some(_), Some(false), Some(true)) => Some(PlanRefusal::ReachesServer),
        (Some(_), Some(false), Some(false)) => None,
        _ => Some(PlanRefusal::Unknown),
    }
}

/// Whether a text begins like a statement that has a plan, behind its comments.
fn has_plan(query: &str) -> bool {
    let word: String = behind_comments(query)
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase();
    matches!(word.as_str(), "select" | "insert" | "update" | "delete" | "merge" | "values" | "with")
}

fn behind_comments(query: &str) -> &str {
    let mut rest = query.trim_start();
    loop {
        rest = if let Some(line) = rest.strip_prefix("--") {
            line.split_once('\n').map_or("", |(_, rest)| rest).trim_start()
        } else if rest.starts_with("/*") {
            behind_block(rest).trim_start()
        } else if let Some(inner) = rest.strip_prefix('(') {
            inner.trim_start()
        } else {
            return rest;
        }
    }
}

/// Block comments nest.
fn behind_block(text: &str) -> &str {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return &text[at..];
            }
        } else {
            match rest.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => break,
            }
        }
    }
    ""
}

/// A plan holds names of the server's.
fn shown(plan: &Answer) -> String {
    let lines: Vec<String> = plan.rows().filter_map(|row| row.text("QUERY PLAN")).collect();
    text::clean_sql(&lines.join("\n"), MOST_PLAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_plan_is_told_by_its_first_word() {
        for query in [
            "select $1",
            "  /* a /* nested */ comment */ -- and a line\n SELECT 1",
            "WITH x AS (select $1) delete from t",
            "(select 1) union (select 2)",
            "merge into t using s on true when matched then delete",
            "values ($1)",
        ] {
            assert!(has_plan(query), "{query}");
        }
        for query in [
            "",
            "/* open select",
            "create table t()",
            "analyze t",
            "execute p",
            "selects 1",
            "; select 1",
            "do $$x$$",
            "-- select 1",
        ] {
            assert!(!has_plan(query), "{query}");
        }
    }
}
