//! Who waits for a lock, and who holds it: the tree of those that block each other, with what its root does.

use common::{
    Reason,
    health::{Evidence, Threshold},
    units,
};

use super::{
    Ask, Check, Context, Verdict,
    lock_tree::{self, Line, Party},
    sessions::{self, Session},
    work::Work,
};
use crate::rows::{Answer, Row};

pub(super) const LIMITS: Threshold = Threshold { warning: 60.0, critical: 120.0 };
const POINTS: (u8, u8) = (15, 30);

pub(super) const CHECK: Check = Check {
    id: "lock-waits",
    title: "Lock waits",
    unit: "s",
    threshold: Some(LIMITS),
    why: "Who waits for a lock does nothing else, and whoever wants the same lock waits behind: one forgotten transaction \
          can stop an application.",
    docs_url: "https://www.postgresql.org/docs/current/explicit-locking.html",
    ask: |known| match known.major() {
        _ if known.sees_only_itself() => Ask::Unavailable(known.no_privilege()),
        ..14 => Ask::sql(SQL_13),
        _ => Ask::sql(SQL),
    },
    judge,
};

/// `pg_blocking_pids` holds up the lock manager for a moment, so that it is only called of those that wait, and of 20 at
/// most: those that have waited longest.
const SQL: &str = "\
with waiting as materialized (
  select l.pid, l.waited_s, pg_blocking_pids(l.pid) as blockers
    from (select pid, max(extract(epoch from clock_timestamp() - waitstart)::float8) as waited_s
            from pg_locks
           where not granted and pid <> pg_backend_pid()
           group by pid
           order by 2 desc nulls last
           limit 20) as l
), parties as (
  select pid from waiting
   union
  select unnest(blockers) from waiting
)
select p.pid, a.usename as user_name, a.application_name, a.datname as database_name, a.backend_type, a.state,
       extract(epoch from clock_timestamp() - coalesce(
         case when a.state = 'active' then a.query_start else a.state_change end, a.xact_start))::float8 as age_s,
       left(a.query, 300) as statement,
       w.waited_s, array_to_string(w.blockers, ',') as blockers
  from parties p
  left join waiting w on w.pid = p.pid
  left join pg_stat_activity a on a.pid = p.pid";

/// Before version 14 a lock does not say since when it is waited for: at most since the statement began.
const SQL_13: &str = "\
with waiting as materialized (
  select a.pid, a.waited_s, pg_blocking_pids(a.pid) as blockers
    from (select pid, extract(epoch from clock_timestamp() - query_start)::float8 as waited_s
            from pg_stat_activity
           where wait_event_type = 'Lock' and pid <> pg_backend_pid()
           order by query_start
           limit 20) as a
), parties as (
  select pid from waiting
   union
  select unnest(blockers) from waiting
)
select p.pid, a.usename as user_name, a.application_name, a.datname as database_name, a.backend_type, a.state,
       extract(epoch from clock_timestamp() - coalesce(
         case when a.state = 'active' then a.query_start else a.state_change end, a.xact_start))::float8 as age_s,
       left(a.query, 300) as statement,
       w.waited_s, array_to_string(w.blockers, ',') as blockers
  from parties p
  left join waiting w on w.pid = p.pid
  left join pg_stat_activity a on a.pid = p.pid";

fn party(row: Row<'_>) -> Party {
    let mut session = Session::from_row(row);
    session.pid = row.number("pid");
    let blockers = row.text("blockers").unwrap_or_default();
    Party {
        session,
        waits_for: blockers.split(',').filter_map(|pid| pid.parse().ok()).collect(),
        waited_s: row.finite("waited_s").map(|waited| waited.max(0.0)),
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let parties: Vec<Party> = answer.rows().map(party).collect();
    let at_most = context.known.major() < 14;
    Ok(verdict(&parties, at_most, context.thresholds.lock_wait_s))
}

/// `at_most`: what is known of how long they wait is an upper bound.
fn verdict(parties: &[Party], at_most: bool, limits: Threshold) -> Verdict {
    let waiting: Vec<&Party> = parties.iter().filter(|party| party.waits()).collect();
    if waiting.is_empty() {
        return Verdict { threshold: Some(limits), ..Verdict::ok(0.0, "No session waits for a lock.") };
    }
    let longest_s = waiting.iter().filter_map(|party| party.waited_s).fold(0.0, f64::max);
    let lines = lock_tree::lines(parties);
    let root = lines.first();
    let blocker = root.map_or_else(|| "somebody".to_owned(), subject);
    let mut detail = format!(
        "{} for a lock, the longest for {}{}.",
        sessions::how_many(waiting.len(), "session waits", "sessions wait"),
        if at_most { "at most " } else { "" },
        units::span(longest_s)
    );
    if let Some(Line { blocks, party, pid, .. }) = root {
        let does = does(*pid, *party);
        let whom = if *blocks == 1 { "it".to_owned() } else { format!("{blocks} of them") };
        detail.push_str(&format!(" {blocker} holds {whom} up: {does}."));
    }
    if at_most {
        detail.push_str(
            " This version does not say since when a lock is waited for, only since when the statement runs.",
        );
    }
    let evidence = lines.iter().map(evidence).collect();
    let verdict = Verdict::by(limits, POINTS, longest_s, detail).with_evidence(evidence);
    match root.and_then(|root| ends(root.party?)) {
        Some(fix) if verdict.is_finding() => verdict.with_fix(fix),
        _ => verdict,
    }
}

fn subject(line: &Line<'_>) -> String {
    if line.pid > 0 { format!("pid {}", line.pid) } else { "a prepared transaction".to_owned() }
}

/// `app (web) in shop is idle in its transaction for 5 min, after: update …`.
fn does(pid: i32, party: Option<&Party>) -> String {
    let Some(session) = party.map(|party| &party.session).filter(|_| pid > 0) else {
        return match pid {
            0 => "see prepared-transactions".to_owned(),
            _ => "it has ended since".to_owned(),
        };
    };
    let since = session.age_s.map(|_| format!(" for {}", sessions::age(session))).unwrap_or_default();
    let who = match Work::of(session).note() {
        // Whoever runs it would only have to begin again.
        Some(note) => format!("{} ({note}; it ends by itself)", session.who()),
        None => session.who(),
    };
    let statement = session.and_statement();
    match session.state.as_deref() {
        Some("active") => format!("{who} runs{since}{statement}"),
        Some("idle in transaction") => format!("{who} is idle in its transaction{since}, after{statement}"),
        Some("idle in transaction (aborted)") => {
            format!("{who} is idle in a failed transaction{since}, after{statement}")
        }
        _ => format!("{who}{statement}"),
    }
}

/// An idle session has no statement to cancel. Nobody is told to end a backup, an index build or a vacuum, least of all one
/// that prevents wraparound: it ends by itself, and would begin anew.
fn ends(party: &Party) -> Option<String> {
    let session = &party.session;
    session.pid.filter(|pid| *pid > 0)?;
    if Work::of(session) != Work::Application {
        return None;
    }
    if session.state.as_deref() == Some("active") { session.cancel() } else { session.terminate() }
}

fn evidence(line: &Line<'_>) -> Evidence {
    let subject = format!("{}{}", "↳ ".repeat(line.depth.min(5)), subject(line));
    let (detail, fix_sql) = match (line.waits_for, line.party) {
        (Some(blocker), Some(party)) => {
            let waited =
                party.waited_s.map(|waited| format!(" for {}", units::span(waited))).unwrap_or_default();
            let for_whom =
                if blocker > 0 { format!("pid {blocker}") } else { "a prepared transaction".to_owned() };
            let session = &party.session;
            (format!("{} waits{waited} for {for_whom}{}", session.who(), session.and_statement()), None)
        }
        (_, party) => {
            let others = match line.blocks {
                1 => "1 waits".to_owned(),
                blocks => format!("{blocks} wait"),
            };
            (format!("{others} because of it; {}", does(line.pid, party)), party.and_then(ends))
        }
    };
    Evidence { subject, detail, fix_sql }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::{super::sessions::tests::session, *};

    fn root() -> Party {
        let state = Some("idle in transaction".to_owned());
        let statement = Some("update orders set total = 1".to_owned());
        Party { session: Session { state, statement, ..session(1, 300.0) }, ..Party::default() }
    }

    fn waiter(pid: i32, waited_s: f64) -> Party {
        Party { session: session(pid, 500.0), waits_for: vec![1], waited_s: Some(waited_s) }
    }

    fn of(waited_s: f64) -> Verdict {
        verdict(&[root(), waiter(2, waited_s), waiter(3, 1.0)], false, LIMITS)
    }

    #[test]
    fn the_limits_are_one_and_two_minutes_of_waiting() {
        assert_eq!(verdict(&[], false, LIMITS).status, CheckStatus::Ok);
        assert_eq!(of(59.0).status, CheckStatus::Ok);
        assert_eq!((of(60.0).status, of(60.0).points), (CheckStatus::Warning, 15));
        assert_eq!((of(120.0).status, of(120.0).points), (CheckStatus::Critical, 30));
    }

    #[test]
    fn the_root_says_what_it_does_and_how_to_end_it() {
        let found = of(180.0);
        assert_eq!(
            found.detail,
            "2 sessions wait for a lock, the longest for 3 min. pid 1 holds 2 of them up: app (web) in shop is idle in \
             its transaction for 5 min, after: update orders set total = 1."
        );
        assert_eq!(found.fix_sql.as_deref(), Some("SELECT pg_terminate_backend(1);"));
        let subjects: Vec<&str> = found.evidence.iter().map(|line| line.subject.as_str()).collect();
        assert_eq!(subjects, ["pid 1", "↳ pid 2", "↳ pid 3"]);
        assert_eq!(found.evidence[1].detail, "app (web) in shop waits for 3 min for pid 1: select 1");
        assert_eq!(found.evidence[1].fix_sql, None, "who waits is not to blame");
    }

    #[test]
    fn a_root_that_works_is_cancelled_and_one_that_is_no_session_is_named() {
        let working = Party { session: session(1, 300.0), ..Party::default() };
        let found = verdict(&[working, waiter(2, 90.0)], false, LIMITS);
        assert_eq!(found.fix_sql.as_deref(), Some("SELECT pg_cancel_backend(1);"));
        let prepared = Party { waits_for: vec![0], ..waiter(2, 90.0) };
        let found = verdict(&[prepared], false, LIMITS);
        assert!(
            found.detail.contains("a prepared transaction holds it up: see prepared-transactions"),
            "{}",
            found.detail
        );
        assert_eq!(found.fix_sql, None);
    }

    #[test]
    fn nobody_is_told_to_end_a_backup_or_a_vacuum_that_others_wait_for() {
        let vacuum = Session {
            user: None,
            application: None,
            backend_type: Some("autovacuum worker".to_owned()),
            statement: Some("autovacuum: VACUUM public.orders (to prevent wraparound)".to_owned()),
            ..session(1, 300.0)
        };
        let dump = Session { application: Some("pg_dump".to_owned()), ..root().session };
        for (session, what) in [(vacuum, "prevents wraparound"), (dump, "(a backup; it ends by itself)")] {
            let found = verdict(&[Party { session, ..Party::default() }, waiter(2, 180.0)], false, LIMITS);
            assert_eq!(found.status, CheckStatus::Critical, "those behind it wait all the same");
            assert!(found.detail.contains(what), "{}", found.detail);
            assert!(
                found.fix_sql.is_none() && found.evidence.iter().all(|one| one.fix_sql.is_none()),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_is_only_an_upper_bound_is_said_to_be_one() {
        let found = verdict(&[root(), waiter(2, 90.0)], true, LIMITS);
        assert!(found.detail.contains("for at most 1 min"), "{}", found.detail);
    }

    #[test]
    fn who_does_not_say_how_long_it_waits_is_counted_all_the_same() {
        let unknown = Party { waited_s: None, ..waiter(2, 0.0) };
        let shown = verdict(&[root(), unknown], false, LIMITS);
        assert_eq!((shown.status, shown.value), (CheckStatus::Ok, Some(0.0)));
        assert!(shown.detail.starts_with("1 session waits for a lock"), "{}", shown.detail);
    }
}
