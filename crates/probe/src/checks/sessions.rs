//! Sessions of `pg_stat_activity` as checks show them: who it is, what it does and since when, and how to end it.

use common::{
    Reason,
    health::{Evidence, Threshold},
    text, units,
};

use super::Context;
use crate::rows::{Answer, Row};

/// More rows than are shown, so that it can be said how many there are. Each query's `limit` is this.
pub(super) const MOST_ROWS: usize = 50;

/// The most characters of a statement and of a name.
const STATEMENT_CHARS: usize = 160;
const NAME_CHARS: usize = 80;

/// One session. Its texts are cleaned and cut.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Session {
    pub(super) pid: Option<i32>,
    pub(super) user: Option<String>,
    pub(super) application: Option<String>,
    pub(super) database: Option<String>,
    pub(super) backend_type: Option<String>,
    pub(super) state: Option<String>,
    /// Since when it does what the check is about, in seconds; never negative.
    pub(super) age_s: Option<f64>,
    /// The one that runs, or the last one.
    pub(super) statement: Option<String>,
}

impl Session {
    pub(super) fn from_row(row: Row<'_>) -> Self {
        let name = |column| {
            row.text(column).map(|name| text::shorten(&name, NAME_CHARS)).filter(|name| !name.is_empty())
        };
        Self {
            pid: row.number("pid").filter(|pid| *pid > 0),
            user: name("user_name"),
            application: name("application_name"),
            database: name("database_name"),
            backend_type: name("backend_type"),
            state: name("state"),
            age_s: row.finite("age_s").map(|age| age.max(0.0)),
            statement: row
                .text("statement")
                .map(|statement| text::shorten(&statement, STATEMENT_CHARS))
                .filter(|statement| !statement.is_empty()),
        }
    }

    pub(super) fn subject(&self) -> String {
        self.pid.map_or_else(|| "a session".to_owned(), |pid| format!("pid {pid}"))
    }

    /// `app (web) in shop`.
    pub(super) fn who(&self) -> String {
        let mut who = match (&self.user, &self.backend_type) {
            (Some(user), _) => user.clone(),
            (None, Some(backend)) => backend.clone(),
            (None, None) => "somebody".to_owned(),
        };
        if let Some(application) = &self.application {
            who.push_str(&format!(" ({application})"));
        }
        if let Some(database) = &self.database {
            who.push_str(&format!(" in {database}"));
        }
        who
    }

    pub(super) fn is_idle_in_transaction(&self) -> bool {
        self.state.as_deref().is_some_and(|state| state.starts_with("idle in transaction"))
    }

    /// Stops the statement; the session goes on.
    pub(super) fn cancel(&self) -> Option<String> {
        self.pid.map(|pid| format!("SELECT pg_cancel_backend({pid});"))
    }

    /// Ends the session: what an idle one takes.
    pub(super) fn terminate(&self) -> Option<String> {
        self.pid.map(|pid| format!("SELECT pg_terminate_backend({pid});"))
    }

    /// `: update t …`, or nothing.
    pub(super) fn and_statement(&self) -> String {
        self.statement.as_ref().map(|statement| format!(": {statement}")).unwrap_or_default()
    }

    pub(super) fn evidence(&self, doing: &str, fix_sql: Option<String>) -> Evidence {
        let detail = format!("{} {doing}{}", self.who(), self.and_statement());
        Evidence { subject: self.subject(), detail, fix_sql }
    }
}

/// The sessions of an answer that say how old they are, the oldest first.
pub(super) fn oldest_first(answer: &Answer) -> Vec<Session> {
    let mut sessions: Vec<Session> = answer.rows().map(Session::from_row).collect();
    sessions.retain(|session| session.age_s.is_some());
    sessions.sort_by(|a, b| b.age_s.unwrap_or_default().total_cmp(&a.age_s.unwrap_or_default()));
    sessions.truncate(MOST_ROWS);
    sessions
}

/// Those at or beyond the warning.
pub(super) fn beyond(sessions: &[Session], limits: Threshold) -> Vec<&Session> {
    sessions.iter().filter(|session| session.age_s.is_some_and(|age| age >= limits.warning)).collect()
}

/// `3 sessions`, `50 or more sessions`.
pub(super) fn how_many(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count if count >= MOST_ROWS => format!("{count} or more {many}"),
        count => format!("{count} {many}"),
    }
}

/// `42 min`.
pub(super) fn age(session: &Session) -> String {
    units::span(session.age_s.unwrap_or_default())
}

/// Whether nothing found means that there is nothing.
///
/// # Errors
/// Why others' sessions cannot be seen: no privilege, `track_activities` off, a time limit.
pub(super) fn all_are_seen(context: &Context<'_>) -> Result<(), Reason> {
    match context.measured.unavailable.get("idle_in_transaction_connections") {
        Some(reason) => Err(reason.clone()),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A session of an application in a shop.
    pub(in crate::checks) fn session(pid: i32, age_s: f64) -> Session {
        Session {
            pid: Some(pid),
            user: Some("app".to_owned()),
            application: Some("web".to_owned()),
            database: Some("shop".to_owned()),
            backend_type: Some("client backend".to_owned()),
            state: Some("active".to_owned()),
            age_s: Some(age_s),
            statement: Some("select 1".to_owned()),
        }
    }

    #[test]
    fn a_session_is_named_by_who_it_is() {
        assert_eq!(session(7, 1.0).who(), "app (web) in shop");
        let worker = Session {
            user: None,
            application: None,
            backend_type: Some("autovacuum worker".to_owned()),
            ..session(7, 1.0)
        };
        assert_eq!(worker.who(), "autovacuum worker in shop");
        assert_eq!(Session::default().who(), "somebody");
    }

    #[test]
    fn a_session_without_a_process_id_has_no_sql() {
        let nobody = Session::default();
        assert_eq!((nobody.cancel(), nobody.terminate()), (None, None));
        assert_eq!(session(7, 1.0).terminate().as_deref(), Some("SELECT pg_terminate_backend(7);"));
    }

    #[test]
    fn there_may_be_more_than_were_sent() {
        assert_eq!(how_many(1, "session", "sessions"), "1 session");
        assert_eq!(how_many(50, "session", "sessions"), "50 or more sessions");
    }
}
