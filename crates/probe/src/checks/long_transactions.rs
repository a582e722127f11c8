//! Transactions that are open for long, whatever they do meanwhile; and who keeps vacuum from cleaning up: the oldest
//! snapshot may be a session's, a replication slot's or a prepared transaction's.
//!
//! A transaction that consists of one statement is that statement: `long-statements` counts it.

use common::{
    Reason,
    health::{Evidence, Threshold},
    text, units,
};

use super::{
    Ask, Check, Context, Verdict,
    sessions::{self, Session},
    work::Work,
};
use crate::rows::{Answer, Row};

pub(super) const LIMITS: Threshold = Threshold { warning: 60.0, critical: 600.0 };
const POINTS: (u8, u8) = (10, 20);

pub(super) const CHECK: Check = Check {
    id: "long-transactions",
    title: "Long transactions",
    unit: "s",
    threshold: Some(LIMITS),
    why: "Vacuum keeps every row that the oldest transaction could still see, in all tables: they bloat, and old row \
          versions make everybody's reads slower.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
    ask: |known| {
        if known.sees_only_itself() { Ask::Unavailable(known.no_privilege()) } else { Ask::sql(SQL) }
    },
    judge,
};

/// The open transactions, and behind them whoever holds the oldest snapshot.
const SQL: &str = "\
(select pid, usename as user_name, application_name, datname as database_name, backend_type, state,
        extract(epoch from clock_timestamp() - xact_start)::float8 as age_s,
        case when state = 'active' then extract(epoch from query_start - xact_start)::float8 end as before_statement_s,
        left(query, 300) as statement,
        null::text as holder, null::text as holder_name, null::int as holder_xids
   from pg_stat_activity
  where xact_start is not null
    and backend_type = 'client backend'
    and pid <> pg_backend_pid()
    and (application_name, usename) is distinct from ('pg-dashboard', session_user)
  order by xact_start
  limit 50)
union all
(select null, null, null, null, null, null, null, null, null, holder, holder_name, xids
   from (select 'session' as holder, pid::text as holder_name, age(backend_xmin) as xids
           from pg_stat_activity
          where backend_xmin is not null and pid <> pg_backend_pid()
          union all
         select 'slot', slot_name::text, greatest(age(xmin), age(catalog_xmin))
           from pg_replication_slots
          where xmin is not null or catalog_xmin is not null
          union all
         select 'prepared', gid, age(transaction)
           from pg_prepared_xacts) as holders
  order by xids desc nulls last
  limit 1)";

/// A horizon so many transactions old is said, though no transaction is a finding: a million dead rows may have piled up.
const OLD_HORIZON_XIDS: i64 = 1_000_000;

/// A statement that began within this much of its transaction is all of it.
const AT_ONCE_S: f64 = 1.0;

/// Every open transaction with its age.
const FIX: &str = "\
SELECT pid, usename, application_name, state, now() - xact_start AS open, age(backend_xmin) AS holds_back, query
  FROM pg_stat_activity
 WHERE xact_start IS NOT NULL
 ORDER BY xact_start;";

#[derive(Debug, Clone)]
struct Open {
    session: Session,
    /// From its begin to that of the statement that runs now.
    before_statement_s: Option<f64>,
}

impl Open {
    fn is_one_statement(&self) -> bool {
        self.session.state.as_deref() == Some("active")
            && self.before_statement_s.is_some_and(|seconds| seconds < AT_ONCE_S)
    }
}

/// Who holds the oldest snapshot, and how many transactions ago it was taken.
#[derive(Debug, Clone)]
struct Horizon {
    holder: String,
    xids: i64,
}

impl Horizon {
    fn from_row(row: Row<'_>) -> Option<Self> {
        let name = text::shorten(&row.text("holder_name")?, 80);
        let holder = match row.text("holder")?.as_str() {
            "session" => format!("pid {name}"),
            "slot" => format!("replication slot {name}"),
            "prepared" => format!("prepared transaction {name}"),
            _ => return None,
        };
        Some(Self { holder, xids: row.number::<i64>("holder_xids").filter(|xids| *xids >= 0)? })
    }

    fn evidence(&self) -> Evidence {
        let detail = match self.xids {
            0 => "holds the oldest snapshot".to_owned(),
            1 => "holds the oldest snapshot: vacuum keeps what was deleted since one transaction ago"
                .to_owned(),
            xids => format!(
                "holds the oldest snapshot: vacuum keeps what was deleted since {} transactions ago",
                units::thousands(xids)
            ),
        };
        Evidence { subject: self.holder.clone(), detail, fix_sql: None }
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let mut open = Vec::new();
    let mut horizon = None;
    for row in answer.rows() {
        match Horizon::from_row(row) {
            Some(found) => horizon = Some(found),
            None => open.push(Open {
                session: Session::from_row(row),
                before_statement_s: row.finite("before_statement_s"),
            }),
        }
    }
    let verdict = verdict(&mut open, horizon.as_ref(), context.thresholds.long_transaction_s);
    if !verdict.is_finding() {
        sessions::all_are_seen(context)?;
    }
    Ok(verdict)
}

fn verdict(open: &mut Vec<Open>, horizon: Option<&Horizon>, limits: Threshold) -> Verdict {
    let age = |open: &Open| open.session.age_s.unwrap_or_default();
    open.retain(|open| open.session.age_s.is_some());
    open.sort_by(|a, b| age(b).total_cmp(&age(a)));
    let long: Vec<&Open> = open.iter().filter(|open| age(open) >= limits.warning).collect();
    let counts = |open: &&&Open| !open.is_one_statement() && Work::of(&open.session) == Work::Application;
    let found: Vec<&Open> = long.iter().filter(counts).copied().collect();
    let apart = long.len() - found.len();
    let value = open.iter().filter(|open| counts(&open)).map(age).next().unwrap_or_default();

    let mut detail = match (found.first(), open.first()) {
        (Some(oldest), _) => format!(
            "{} open for long: {} of {} for {}. Transactions should end as soon as their work is done.",
            sessions::how_many(found.len(), "transaction is", "transactions are"),
            oldest.session.subject(),
            oldest.session.who(),
            units::span(age(oldest)),
        ),
        (None, Some(oldest)) => format!("The oldest transaction is open for {}.", units::span(age(oldest))),
        (None, None) => "No transaction is open.".to_owned(),
    };
    if apart > 0 {
        detail.push_str(&format!(
            " {} one long statement, a backup or maintenance, and not counted here.",
            sessions::how_many(apart, "long transaction is", "long transactions are")
        ));
    }
    let mut evidence: Vec<Evidence> = Vec::new();
    let is_old = |horizon: &&Horizon| !found.is_empty() || horizon.xids >= OLD_HORIZON_XIDS;
    evidence.extend(horizon.filter(is_old).map(Horizon::evidence));
    evidence.extend(long.iter().map(|open| {
        let session = &open.session;
        let idle = if session.is_idle_in_transaction() { ", idle now" } else { "" };
        let note = match (Work::of(session).note(), open.is_one_statement()) {
            (Some(note), _) => format!(" ({note})"),
            (None, true) => " (one statement)".to_owned(),
            (None, false) => String::new(),
        };
        let fix = if counts(&open) { session.terminate() } else { None };
        session.evidence(&format!("has it open for {}{idle}{note}", sessions::age(session)), fix)
    }));
    let verdict = Verdict::by(limits, POINTS, value, detail).with_evidence(evidence);
    if verdict.is_finding() { verdict.with_fix(FIX) } else { verdict }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::{super::sessions::tests::session, *};

    fn open(age_s: f64) -> Open {
        let session = Session { state: Some("idle in transaction".to_owned()), ..session(7, age_s) };
        Open { session, before_statement_s: None }
    }

    fn of(mut all: Vec<Open>) -> Verdict {
        verdict(&mut all, Some(&Horizon { holder: "replication slot old".to_owned(), xids: 12_345 }), LIMITS)
    }

    #[test]
    fn the_limits_are_one_and_ten_minutes() {
        assert_eq!((of(vec![]).status, of(vec![]).value), (CheckStatus::Ok, Some(0.0)));
        assert_eq!(of(vec![open(59.0)]).status, CheckStatus::Ok);
        assert_eq!(of(vec![open(60.0)]).status, CheckStatus::Warning);
        assert_eq!(of(vec![open(1.0), open(600.0)]).status, CheckStatus::Critical);
    }

    #[test]
    fn who_holds_the_oldest_snapshot_comes_first() {
        let found = of(vec![open(60.0)]);
        assert_eq!(found.evidence[0].subject, "replication slot old");
        assert!(found.evidence[0].detail.contains("12\u{202F}345 transactions ago"), "{:?}", found.evidence);
        assert_eq!(found.evidence[1].fix_sql.as_deref(), Some("SELECT pg_terminate_backend(7);"));
        assert!(of(vec![open(1.0)]).evidence.is_empty(), "a young horizon is nothing to say");
    }

    #[test]
    fn a_transaction_of_one_statement_is_not_counted_twice() {
        let one = Open { session: session(8, 700.0), before_statement_s: Some(0.001) };
        let shown = of(vec![one.clone()]);
        assert_eq!((shown.status, shown.points), (CheckStatus::Ok, 0));
        assert!(shown.detail.contains("not counted here"), "{}", shown.detail);
        let later = Open { before_statement_s: Some(650.0), ..one };
        assert_eq!(of(vec![later]).status, CheckStatus::Critical);
    }

    #[test]
    fn a_dump_is_named_apart() {
        let mut dump = open(9000.0);
        dump.session.application = Some("pg_dump".to_owned());
        let shown = of(vec![dump]);
        assert_eq!((shown.status, shown.value), (CheckStatus::Ok, Some(0.0)));
        assert!(shown.evidence[0].detail.contains("(a backup)"), "{:?}", shown.evidence);
    }

    #[test]
    fn a_session_that_does_not_say_how_old_it_is_is_left_out() {
        let mut unknown = open(1.0);
        unknown.session.age_s = None;
        assert_eq!(of(vec![unknown]).status, CheckStatus::Ok);
    }
}
