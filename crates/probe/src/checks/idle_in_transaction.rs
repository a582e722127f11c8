//! Sessions that wait within a transaction for their application: it has forgotten to end it, or does something else
//! meanwhile. What the transaction has locked stays locked, and vacuum keeps every row that it could still see.
//!
//! The leader of a parallel `pg_dump` waits so for as long as its workers read: backups are named apart and are no finding.

use common::{
    Reason,
    health::{Evidence, Threshold},
};

use super::{
    Ask, Check, Context, Verdict,
    sessions::{self, Session},
    work::Work,
};
use crate::{
    rows::Answer,
    sql::{identifier, is_plain},
};

pub(super) const LIMITS: Threshold = Threshold { warning: 30.0 * 60.0, critical: 60.0 * 60.0 };
const POINTS: (u8, u8) = (10, 25);

pub(super) const CHECK: Check = Check {
    id: "idle-in-transaction",
    title: "Idle in transaction",
    unit: "s",
    threshold: Some(LIMITS),
    why: "A transaction that nobody ends keeps its locks, and keeps vacuum from removing any row that it could still see.",
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT",
    ask: |known| {
        if known.sees_only_itself() { Ask::Unavailable(known.no_privilege()) } else { Ask::sql(SQL) }
    },
    judge,
};

/// `state_change` is when the last statement ended.
const SQL: &str = "\
select pid, usename as user_name, application_name, datname as database_name, backend_type, state,
       extract(epoch from clock_timestamp() - state_change)::float8 as age_s,
       left(query, 300) as statement
  from pg_stat_activity
 where state in ('idle in transaction', 'idle in transaction (aborted)')
   and backend_type = 'client backend'
   and pid <> pg_backend_pid()
 order by state_change
 limit 50";

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let idle = sessions::oldest_first(answer);
    let limits = context.thresholds.idle_in_transaction_s;
    if sessions::beyond(&idle, limits).is_empty() {
        sessions::all_are_seen(context)?;
    }
    Ok(verdict(&idle, limits, &context.target.database_name))
}

fn verdict(idle: &[Session], limits: Threshold, database: &str) -> Verdict {
    let of_applications: Vec<&Session> =
        idle.iter().filter(|session| is_of_an_application(session)).collect();
    let oldest = of_applications.first();
    let value = oldest.and_then(|session| session.age_s).unwrap_or_default();
    let beyond = sessions::beyond(idle, limits);
    let found = beyond.iter().filter(|session| is_of_an_application(session)).count();
    let mut detail = match oldest {
        None if beyond.is_empty() => "No session is idle in a transaction.".to_owned(),
        None => "No session of an application is idle in a transaction.".to_owned(),
        Some(oldest) if found == 0 => format!(
            "{} in a transaction, the longest for {}.",
            sessions::how_many(of_applications.len(), "session is idle", "sessions are idle"),
            sessions::age(oldest)
        ),
        Some(oldest) => format!(
            "{} in a transaction for long, {} of {} for {}. Find out why the application does not end it; \
             idle_in_transaction_session_timeout ends such sessions by itself.",
            sessions::how_many(found, "session is idle", "sessions are idle"),
            oldest.subject(),
            oldest.who(),
            sessions::age(oldest),
        ),
    };
    let apart = beyond.len() - found;
    if apart > 0 {
        let apart = sessions::how_many(apart, "backup waits", "backups wait");
        detail.push_str(&format!(" {apart} for its other sessions, as such work does."));
    }
    // What is a finding is shown before what is none.
    let (findings, others): (Vec<&Session>, Vec<&Session>) =
        beyond.into_iter().partition(|session| is_of_an_application(session));
    let evidence = findings.into_iter().chain(others).map(evidence).collect();
    let mut verdict = Verdict::by(limits, POINTS, value, detail).with_evidence(evidence);
    verdict.fix_sql = (verdict.is_finding() && is_plain(database)).then(|| {
        format!("ALTER DATABASE {} SET idle_in_transaction_session_timeout = '10min';", identifier(database))
    });
    verdict
}

fn is_of_an_application(session: &Session) -> bool {
    Work::of(session) == Work::Application
}

fn evidence(session: &Session) -> Evidence {
    let idle = match session.state.as_deref() {
        Some("idle in transaction (aborted)") => "idle in a failed transaction",
        _ => "idle in its transaction",
    };
    let note = Work::of(session).note().map(|note| format!(" ({note})")).unwrap_or_default();
    let fix = if is_of_an_application(session) { session.terminate() } else { None };
    session.evidence(&format!("is {idle} for {}{note}, after", sessions::age(session)), fix)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::{super::sessions::tests::session, *};

    fn idle(age_s: f64) -> Session {
        Session { state: Some("idle in transaction".to_owned()), ..session(4711, age_s) }
    }

    fn of(age_s: f64) -> Verdict {
        verdict(&[idle(age_s), idle(1.0)], LIMITS, "shop")
    }

    #[test]
    fn the_limits_are_30_and_60_minutes() {
        assert_eq!(verdict(&[], LIMITS, "shop").status, CheckStatus::Ok);
        assert_eq!(of(1799.0).status, CheckStatus::Ok);
        assert_eq!((of(1800.0).status, of(1800.0).points), (CheckStatus::Warning, 10));
        assert_eq!((of(3600.0).status, of(3600.0).points), (CheckStatus::Critical, 25));
    }

    #[test]
    fn only_the_sessions_beyond_the_limit_are_shown_each_with_what_ends_it() {
        let found = of(2400.0);
        assert_eq!(found.evidence.len(), 1);
        let evidence = &found.evidence[0];
        assert_eq!(evidence.subject, "pid 4711");
        assert_eq!(
            evidence.detail,
            "app (web) in shop is idle in its transaction for 40 min, after: select 1"
        );
        assert_eq!(evidence.fix_sql.as_deref(), Some("SELECT pg_terminate_backend(4711);"));
        assert!(found.fix_sql.unwrap().starts_with("ALTER DATABASE \"shop\" SET idle_in_transaction"));
    }

    #[test]
    fn the_leader_of_a_parallel_dump_is_named_apart_and_nobody_is_told_to_end_it() {
        let leader = Session { application: Some("pg_dump".to_owned()), ..idle(9000.0) };
        let shown = verdict(std::slice::from_ref(&leader), LIMITS, "shop");
        assert_eq!((shown.status, shown.value, shown.points), (CheckStatus::Ok, Some(0.0), 0));
        assert!(
            shown.detail.ends_with("1 backup waits for its other sessions, as such work does."),
            "{}",
            shown.detail
        );
        assert!(shown.evidence[0].detail.contains("(a backup)"), "{:?}", shown.evidence);
        assert_eq!((shown.fix_sql, shown.evidence[0].fix_sql.clone()), (None, None));

        let found = verdict(&[leader, idle(2400.0)], LIMITS, "shop");
        assert_eq!((found.status, found.value), (CheckStatus::Warning, Some(2400.0)));
        assert!(
            found.detail.starts_with("1 session is idle in a transaction for long, pid 4711"),
            "{}",
            found.detail
        );
        assert!(
            found.evidence[0].fix_sql.is_some() && found.evidence[1].fix_sql.is_none(),
            "{:?}",
            found.evidence
        );
    }

    #[test]
    fn a_database_whose_name_deceives_is_in_no_sql() {
        assert_eq!(verdict(&[idle(4000.0)], LIMITS, "sh\u{202E}op").fix_sql, None);
    }

    #[test]
    fn however_many_there_are_ten_are_shown() {
        let many: Vec<_> = (0..50).map(|_| idle(4000.0)).collect();
        let found = verdict(&many, LIMITS, "shop");
        assert_eq!(found.evidence.len(), 10);
        assert!(found.detail.starts_with("50 or more sessions are idle"), "{}", found.detail);
    }
}
