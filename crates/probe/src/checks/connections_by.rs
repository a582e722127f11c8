//! Who holds the connections: by user and application, with what they do. Never a finding; it is what one looks at when
//! `connections-used` is one.

use common::{Reason, health::Evidence, units};

use super::{Ask, Check, Verdict, check::not_an_answer, sessions::Session};
use crate::rows::Row;

pub(super) const CHECK: Check = Check {
    id: "connections-by",
    title: "Who holds the connections",
    unit: "count",
    threshold: None,
    why: "Who holds most of the connections is where to begin when they run out.",
    docs_url: "https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW",
    ask: |known| {
        if known.sees_only_itself() { Ask::Unavailable(known.no_privilege()) } else { Ask::sql(SQL) }
    },
    judge: |answer, _| verdict(answer.rows().map(Holder::from_row).collect()),
};

const SQL: &str = "\
select usename as user_name, application_name,
       count(*) as held,
       count(*) filter (where state in ('active', 'fastpath function call')) as active,
       count(*) filter (where state = 'idle') as idle,
       count(*) filter (where state in ('idle in transaction', 'idle in transaction (aborted)')) as in_transaction,
       sum(count(*)) over () as all_held,
       sum(count(*) filter (where state in ('active', 'fastpath function call'))) over () as all_active,
       sum(count(*) filter (where state = 'idle')) over () as all_idle,
       sum(count(*) filter (where state in ('idle in transaction', 'idle in transaction (aborted)'))) over ()
         as all_in_transaction
  from pg_stat_activity
 where backend_type = 'client backend'
 group by 1, 2
 order by held desc, 1, 2
 limit 10";

/// Connections by what they do.
#[derive(Debug, Clone, Copy)]
struct Held {
    total: i64,
    active: i64,
    idle: i64,
    in_transaction: i64,
}

impl Held {
    fn from_row(row: Row<'_>, columns: [&str; 4]) -> Option<Self> {
        let count = |column: &str| row.number::<i64>(column).filter(|count| *count >= 0);
        let [total, active, idle, in_transaction] = columns;
        Some(Self {
            total: count(total)?,
            active: count(active)?,
            idle: count(idle)?,
            in_transaction: count(in_transaction)?,
        })
    }

    /// `3 active, 8 idle, 1 idle in transaction`.
    fn by_state(self) -> String {
        let states =
            [(self.active, "active"), (self.idle, "idle"), (self.in_transaction, "idle in transaction")];
        let known = states.iter().fold(0_i64, |sum, (count, _)| sum.saturating_add(*count));
        let other = self.total.saturating_sub(known).max(0);
        let states: Vec<String> = states
            .into_iter()
            .chain([(other, "starting or without a known state")])
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{} {state}", units::thousands(count)))
            .collect();
        states.join(", ")
    }
}

#[derive(Debug, Clone)]
struct Holder {
    who: String,
    held: Option<Held>,
    all: Option<Held>,
}

impl Holder {
    fn from_row(row: Row<'_>) -> Self {
        Self {
            who: Session::from_row(row).who(),
            held: Held::from_row(row, ["held", "active", "idle", "in_transaction"]),
            all: Held::from_row(row, ["all_held", "all_active", "all_idle", "all_in_transaction"]),
        }
    }
}

fn verdict(holders: Vec<Holder>) -> Result<Verdict, Reason> {
    let all = holders.first().and_then(|holder| holder.all).ok_or_else(not_an_answer)?;
    let evidence: Vec<Evidence> = holders
        .iter()
        .filter_map(|holder| {
            let held = holder.held?;
            let detail = format!("{}: {}", units::thousands(held.total), held.by_state());
            Some(Evidence { subject: holder.who.clone(), detail, fix_sql: None })
        })
        .collect();
    let mut detail = format!("{}: {}.", plural(all.total), all.by_state());
    if let Some((most, held)) = holders.first().and_then(|holder| Some((&holder.who, holder.held?))) {
        detail.push_str(&format!(" {most} holds most of them, {}.", units::thousands(held.total)));
    }
    Ok(Verdict::ok(all.total as f64, detail).with_evidence(evidence))
}

fn plural(count: i64) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{} connections", units::thousands(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(who: &str, total: i64, all: i64) -> Holder {
        let held = |total| Held { total, active: 1, idle: 0, in_transaction: 0 };
        Holder { who: who.to_owned(), held: Some(held(total)), all: Some(held(all)) }
    }

    #[test]
    fn the_one_that_holds_most_is_named_and_every_state_is_counted() {
        let shown = verdict(vec![holder("app (web)", 7, 12), holder("etl", 5, 12)]).unwrap();
        assert_eq!(shown.value, Some(12.0));
        assert!(!shown.is_finding());
        assert_eq!(
            shown.detail,
            "12 connections: 1 active, 11 starting or without a known state. app (web) holds most of them, 7."
        );
        assert_eq!(shown.evidence.len(), 2);
    }

    #[test]
    fn an_answer_without_counts_is_none() {
        assert!(verdict(Vec::new()).is_err());
        assert!(verdict(vec![Holder { who: "app".to_owned(), held: None, all: None }]).is_err());
        let most = i64::MAX;
        let held = Held { total: most, active: most, idle: most, in_transaction: most };
        verdict(vec![Holder { who: "app".to_owned(), held: Some(held), all: Some(held) }]).unwrap();
    }
}
