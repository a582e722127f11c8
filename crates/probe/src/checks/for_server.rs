//! SQL that a check advises, so that it runs where a person would run it: a managed server takes no `ALTER SYSTEM`, and a
//! standby nothing that writes.

use common::Reason;

use super::Verdict;
use crate::health::Known;

/// What was found, with SQL for this server.
pub(crate) fn for_server(found: Result<Verdict, Reason>, known: &Known) -> Result<Verdict, Reason> {
    let mut verdict = found.map_err(|reason| reason_for_server(reason, known))?;
    verdict.fix_sql = verdict.fix_sql.map(|sql| runs_on(&sql, known));
    verdict.no_value = verdict.no_value.map(|reason| reason_for_server(reason, known));
    for evidence in &mut verdict.evidence {
        evidence.fix_sql = evidence.fix_sql.take().map(|sql| runs_on(&sql, known));
    }
    Ok(verdict)
}

/// A reason, with SQL for this server.
pub(crate) fn reason_for_server(reason: Reason, known: &Known) -> Reason {
    Reason { fix_sql: reason.fix_sql.map(|sql| runs_on(&sql, known)), ..reason }
}

fn runs_on(sql: &str, known: &Known) -> String {
    let sql = match known.provider {
        Some(provider) => in_settings_of(provider, sql),
        None => sql.to_owned(),
    };
    if known.is_standby() && sql.lines().any(writes) { format!("-- on the primary:\n{sql}") } else { sql }
}

/// Each setting as a comment; whoever takes it there also reloads it.
fn in_settings_of(provider: &str, sql: &str) -> String {
    if !sql.lines().any(|line| setting(line).is_some()) {
        return sql.to_owned();
    }
    let lines = sql.lines().filter(|line| line.trim() != RELOAD).map(|line| match setting(line) {
        Some(setting) => format!("-- in the settings of {provider}: {setting}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

const RELOAD: &str = "SELECT pg_reload_conf();";

/// `name = value` of a line that sets it for the whole server.
fn setting(line: &str) -> Option<&str> {
    let setting = line.trim().strip_prefix("ALTER SYSTEM SET ")?;
    let setting = setting.strip_suffix(RELOAD).unwrap_or(setting);
    Some(setting.trim_end().trim_end_matches(';'))
}

/// Whether a standby refuses this line. It takes `ALTER SYSTEM`, which writes a file of its own, and drops slots of its own.
fn writes(line: &str) -> bool {
    const WRITE: [&str; 14] = [
        "ALTER", "ANALYZE", "CLUSTER", "COMMENT", "COMMIT", "CREATE", "DELETE", "DROP", "GRANT", "REINDEX",
        "REVOKE", "ROLLBACK", "UPDATE", "VACUUM",
    ];
    let line = line.trim_start();
    let word = line.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let alters_system = line.starts_with("ALTER SYSTEM ");
    (WRITE.contains(&word) && !alters_system)
        || line.starts_with("SELECT setval(")
        || (line.starts_with("--") && line.contains("\\password"))
}

#[cfg(test)]
mod tests {
    use common::health::Evidence;

    use super::*;

    const SETTING: &str =
        "-- A limit:\nALTER SYSTEM SET max_slot_wal_keep_size = '50GB';\nSELECT pg_reload_conf();";

    fn managed() -> Known {
        Known { provider: Some("Amazon RDS"), ..Known::default() }
    }

    fn standby() -> Known {
        Known { standby: Some(true), ..Known::default() }
    }

    #[test]
    fn a_managed_server_is_not_told_to_alter_its_system() {
        assert_eq!(
            runs_on(SETTING, &managed()),
            "-- A limit:\n-- in the settings of Amazon RDS: max_slot_wal_keep_size = '50GB'"
        );
        assert_eq!(
            runs_on("ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();", &managed()),
            "-- in the settings of Amazon RDS: track_activities = on"
        );
        assert_eq!(runs_on(SETTING, &Known::default()), SETTING);
        assert_eq!(runs_on("VACUUM t;", &managed()), "VACUUM t;");
    }

    #[test]
    fn on_a_standby_what_writes_is_said_to_be_for_the_primary() {
        for sql in [
            "DROP INDEX CONCURRENTLY \"public\".\"a\";",
            "-- first free some space\nVACUUM (FREEZE, VERBOSE);",
            "ALTER DATABASE \"shop\" SET idle_in_transaction_session_timeout = '10min';",
            "ALTER EXTENSION pg_stat_statements UPDATE;",
            "-- in psql: \\password \"app\"",
        ] {
            assert_eq!(runs_on(sql, &standby()), format!("-- on the primary:\n{sql}"));
            assert_eq!(runs_on(sql, &Known::default()), sql);
        }
        for sql in [
            SETTING,
            "SELECT pg_terminate_backend(7);",
            "SELECT pg_drop_replication_slot('x');",
            "SELECT pg_wal_replay_resume();",
            "SELECT pid\n  FROM pg_stat_activity\n WHERE state = 'active';",
        ] {
            assert_eq!(runs_on(sql, &standby()), sql, "a standby takes it");
        }
    }

    #[test]
    fn evidence_and_reasons_hold_sql_for_this_server_too() {
        let evidence = |sql: &str| Evidence {
            subject: "x".to_owned(),
            detail: "x".to_owned(),
            fix_sql: Some(sql.to_owned()),
        };
        let verdict = Verdict::warning(1, 1.0, "x").with_evidence(vec![evidence("REINDEX INDEX x;")]);
        let shown = for_server(Ok(verdict), &standby()).unwrap();
        assert_eq!(shown.evidence[0].fix_sql.as_deref(), Some("-- on the primary:\nREINDEX INDEX x;"));
        let reason = Reason::with_fix("no_privilege", "GRANT pg_monitor TO \"app\";");
        let reason = for_server(Err(reason), &standby()).unwrap_err();
        assert_eq!(reason.fix_sql.as_deref(), Some("-- on the primary:\nGRANT pg_monitor TO \"app\";"));
    }
}
