//! Statements that run for long. What is meant to (backups, maintenance) is named apart and is no finding; an
//! autovacuum that prevents wraparound is noted, so that nobody ends it.

use common::{
    Reason,
    health::{Evidence, Threshold},
};

use super::{
    Ask, Check, Context, Verdict,
    sessions::{self, Session},
    work::Work,
};
use crate::rows::Answer;

pub(super) const LIMITS: Threshold = Threshold { warning: 60.0, critical: 600.0 };
const POINTS: (u8, u8) = (10, 20);

pub(super) const CHECK: Check = Check {
    id: "long-statements",
    title: "Long statements",
    unit: "s",
    threshold: Some(LIMITS),
    why: "A statement that runs for long holds a connection, its locks and its snapshot, and somebody waits for it.",
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-STATEMENT-TIMEOUT",
    ask: |known| {
        if known.sees_only_itself() { Ask::Unavailable(known.no_privilege()) } else { Ask::sql(SQL) }
    },
    judge,
};

/// Walsenders stream for as long as a standby lives, and the dashboard's own sessions have a time limit.
const SQL: &str = "\
select pid, usename as user_name, application_name, datname as database_name, backend_type, state,
       extract(epoch from clock_timestamp() - query_start)::float8 as age_s,
       left(query, 300) as statement
  from pg_stat_activity
 where state in ('active', 'fastpath function call')
   and backend_type in ('client backend', 'autovacuum worker')
   and pid <> pg_backend_pid()
   and (application_name, usename) is distinct from ('pg-dashboard', session_user)
 order by query_start
 limit 50";

/// What runs now.
const FIX: &str = "\
SELECT pid, usename, application_name, now() - query_start AS runs, wait_event_type, wait_event, query
  FROM pg_stat_activity
 WHERE state = 'active'
 ORDER BY query_start;";

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let running = sessions::oldest_first(answer);
    let limits = context.thresholds.long_statement_s;
    if sessions::beyond(&running, limits).is_empty() {
        sessions::all_are_seen(context)?;
    }
    Ok(verdict(&running, limits))
}

fn verdict(running: &[Session], limits: Threshold) -> Verdict {
    let long = sessions::beyond(running, limits);
    let of_applications: Vec<&Session> =
        running.iter().filter(|session| Work::of(session) == Work::Application).collect();
    let value = of_applications.first().and_then(|session| session.age_s).unwrap_or_default();
    let evidence: Vec<Evidence> = long.iter().map(|session| evidence(session)).collect();
    let apart = long.iter().filter(|session| Work::of(session) != Work::Application).count();
    let found = long.len() - apart;
    let mut detail = match (found, of_applications.first()) {
        (0, None) => "No statement of an application runs.".to_owned(),
        (0, Some(oldest)) => format!("The longest statement runs for {}.", sessions::age(oldest)),
        (found, Some(oldest)) => format!(
            "{} for long: {} of {} for {}. See whether somebody still waits for it, and what it waits for; \
             statement_timeout bounds it for a role.",
            sessions::how_many(found, "statement runs", "statements run"),
            oldest.subject(),
            oldest.who(),
            sessions::age(oldest)
        ),
        (_, None) => String::new(),
    };
    if apart > 0 {
        let apart = sessions::how_many(apart, "backup or maintenance runs", "backups and maintenance run");
        detail.push_str(&format!(" {apart} for long, as such work does."));
    }
    let verdict = Verdict::by(limits, POINTS, value, detail).with_evidence(evidence);
    if verdict.is_finding() { verdict.with_fix(FIX) } else { verdict }
}

fn evidence(session: &Session) -> Evidence {
    let work = Work::of(session);
    let note = work.note().map(|note| format!(" ({note})")).unwrap_or_default();
    let fix = if work == Work::Application { session.cancel() } else { None };
    session.evidence(&format!("runs for {}{note}", sessions::age(session)), fix)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::{super::sessions::tests::session, *};

    fn with(application: &str, age_s: f64) -> Session {
        Session { application: Some(application.to_owned()), ..session(4711, age_s) }
    }

    #[test]
    fn the_limits_are_one_and_ten_minutes() {
        let of = |age_s| verdict(&[session(1, age_s)], LIMITS);
        assert_eq!(of(59.0).status, CheckStatus::Ok);
        assert_eq!((of(60.0).status, of(60.0).points), (CheckStatus::Warning, 10));
        assert_eq!((of(600.0).status, of(600.0).points), (CheckStatus::Critical, 20));
        assert_eq!(of(60.0).evidence[0].fix_sql.as_deref(), Some("SELECT pg_cancel_backend(1);"));
        assert_eq!((verdict(&[], LIMITS).status, verdict(&[], LIMITS).value), (CheckStatus::Ok, Some(0.0)));
    }

    #[test]
    fn a_backup_is_named_apart_and_is_no_finding() {
        let shown = verdict(&[with("pg_dump", 9000.0), session(2, 5.0)], LIMITS);
        assert_eq!((shown.status, shown.value), (CheckStatus::Ok, Some(5.0)));
        assert!(
            shown.detail.ends_with("1 backup or maintenance runs for long, as such work does."),
            "{}",
            shown.detail
        );
        assert_eq!(shown.evidence.len(), 1);
        assert!(shown.evidence[0].detail.contains("(a backup)"), "{:?}", shown.evidence);
        assert_eq!(shown.evidence[0].fix_sql, None, "nobody is told to end it");
    }

    #[test]
    fn beside_a_backup_the_statement_of_an_application_is_found() {
        let shown = verdict(&[with("pg_dump", 9000.0), session(2, 700.0)], LIMITS);
        assert_eq!((shown.status, shown.value), (CheckStatus::Critical, Some(700.0)));
        assert!(shown.detail.starts_with("1 statement runs for long: pid 2"), "{}", shown.detail);
    }
}
