//! What a session that runs for long is about: work that is meant to take long is named apart.

use super::sessions::Session;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Application,
    Backup,
    /// Vacuum, analyze, index builds.
    Maintenance,
    /// An autovacuum that does not give way: it prevents wraparound.
    Wraparound,
}

/// How backup tools call themselves (`application_name`), in lower case.
const BACKUP_TOOLS: [&str; 8] =
    ["pg_dump", "pg_basebackup", "pg_receivewal", "pgbackrest", "pg_probackup", "barman", "wal-g", "pg_back"];

/// How the statements begin that build and clean, in lower case.
const MAINTENANCE: [&str; 8] = [
    "vacuum",
    "analyze",
    "analyse",
    "reindex",
    "create index",
    "create unique index",
    "cluster",
    "refresh materialized view",
];

impl Work {
    pub(super) fn of(session: &Session) -> Self {
        let statement = session.statement.as_deref().unwrap_or_default();
        if session.backend_type.as_deref() == Some("autovacuum worker") {
            return if statement.contains("to prevent wraparound") {
                Self::Wraparound
            } else {
                Self::Maintenance
            };
        }
        let application = session.application.as_deref().unwrap_or_default().to_lowercase();
        if BACKUP_TOOLS.iter().any(|tool| application.starts_with(tool)) || is_of_a_backup(statement) {
            return Self::Backup;
        }
        // The last statement of one that is idle in its transaction is over: it waits for its application.
        if session.is_idle_in_transaction() {
            return Self::Application;
        }
        let statement = statement.trim_start().to_lowercase();
        if MAINTENANCE.iter().any(|begin| statement.starts_with(begin)) {
            return Self::Maintenance;
        }
        Self::Application
    }

    /// `it is a backup`.
    pub(super) fn note(self) -> Option<&'static str> {
        match self {
            Self::Application => None,
            Self::Backup => Some("a backup"),
            Self::Maintenance => Some("maintenance"),
            Self::Wraparound => Some("a vacuum that prevents wraparound: let it finish"),
        }
    }
}

/// `pg_dump` reads a table by `COPY public.orders (id, …) TO stdout;`, whatever it calls itself; the functions are those
/// of a backup of files (pg_start_backup up to version 14).
fn is_of_a_backup(statement: &str) -> bool {
    let copies_out =
        statement.starts_with("COPY ") && statement.trim_end_matches([';', ' ']).ends_with(" TO stdout");
    let functions = ["pg_backup_start", "pg_backup_stop", "pg_start_backup", "pg_stop_backup"];
    copies_out || functions.iter().any(|function| statement.contains(function))
}

#[cfg(test)]
mod tests {
    use super::{super::sessions::tests::session, *};

    fn of(application: &str, statement: &str) -> Work {
        Work::of(&Session {
            application: Some(application.to_owned()),
            statement: Some(statement.to_owned()),
            ..session(1, 1.0)
        })
    }

    #[test]
    fn backup_tools_are_known_by_name_and_by_what_they_say() {
        for tool in
            ["pg_dump", "pg_dumpall", "pg_basebackup", "pgBackRest [backup]", "barman_backup", "WAL-G"]
        {
            assert_eq!(of(tool, "select 1"), Work::Backup, "{tool}");
        }
        assert_eq!(of("", "COPY public.orders (id, total) TO stdout;"), Work::Backup);
        assert_eq!(of("", "select pg_backup_start('nightly', true)"), Work::Backup);
        assert_eq!(of("web", "COPY orders FROM stdin"), Work::Application);
    }

    #[test]
    fn who_forgets_a_transaction_after_an_analyze_maintains_nothing() {
        let session = |state: &str| Session {
            state: Some(state.to_owned()),
            statement: Some("ANALYZE orders".to_owned()),
            ..session(1, 1.0)
        };
        assert_eq!(Work::of(&session("active")), Work::Maintenance);
        assert_eq!(Work::of(&session("idle in transaction")), Work::Application);
    }

    #[test]
    fn maintenance_is_known_by_how_its_statement_begins() {
        assert_eq!(of("psql", "VACUUM (ANALYZE) orders"), Work::Maintenance);
        assert_eq!(of("psql", "create index concurrently on orders (id)"), Work::Maintenance);
        assert_eq!(of("psql", "select vacuum from orders"), Work::Application);
    }

    #[test]
    fn a_vacuum_that_prevents_wraparound_is_told_from_others() {
        let worker = |statement: &str| Session {
            backend_type: Some("autovacuum worker".to_owned()),
            statement: Some(statement.to_owned()),
            ..session(1, 1.0)
        };
        assert_eq!(
            Work::of(&worker("autovacuum: VACUUM public.t (to prevent wraparound)")),
            Work::Wraparound
        );
        assert_eq!(Work::of(&worker("autovacuum: VACUUM public.t")), Work::Maintenance);
    }
}
