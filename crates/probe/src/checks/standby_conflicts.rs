//! Statements on a standby that were ended because replay could not wait for them any longer.

use common::{Reason, health::Evidence, units};

use super::{Ask, Check, Context, Verdict, check::not_an_answer};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "standby-conflicts",
    title: "Statements ended by replay",
    unit: "count",
    threshold: None,
    why: "A standby ends statements that replay has waited for long enough: reports fail there, and only there.",
    docs_url: "https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT",
    ask: |known| match known.major() {
        _ if !known.is_standby() => Ask::Skip("Only a standby ends statements in favour of replay."),
        ..16 => Ask::sql(SQL_15),
        _ => Ask::sql(SQL),
    },
    judge,
};

const SQL: &str = "\
select c.confl_tablespace, c.confl_lock, c.confl_snapshot, c.confl_bufferpin, c.confl_deadlock,
       c.confl_active_logicalslot,
       extract(epoch from d.stats_reset)::float8 as reset_s
  from pg_stat_database_conflicts c
  join pg_stat_database d on d.datid = c.datid
 where c.datname = current_database()";

/// Up to version 15, where no logical slot is on a standby.
const SQL_15: &str = "\
select c.confl_tablespace, c.confl_lock, c.confl_snapshot, c.confl_bufferpin, c.confl_deadlock,
       0 as confl_active_logicalslot,
       extract(epoch from d.stats_reset)::float8 as reset_s
  from pg_stat_database_conflicts c
  join pg_stat_database d on d.datid = c.datid
 where c.datname = current_database()";

const POINTS: u8 = 10;

/// Column, and what it counts.
const KINDS: [(&str, &str); 6] = [
    ("confl_snapshot", "rows that they could still see were to be removed"),
    ("confl_lock", "a lock of theirs was in the way"),
    ("confl_bufferpin", "a page of theirs was to be cleaned"),
    ("confl_deadlock", "replay and they waited for each other"),
    ("confl_tablespace", "a tablespace was dropped"),
    ("confl_active_logicalslot", "a logical slot needed rows that were to be removed"),
];

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let row = answer.one()?;
    let counts = counts(row).ok_or_else(not_an_answer)?;
    let reset_s = row.finite("reset_s");
    let mut grown = Vec::new();
    let mut seconds = Err(not_an_answer());
    for ((column, kind), count) in KINDS.iter().zip(counts) {
        seconds = context.growth(&format!("conflicts.{column}"), count, reset_s).map(|growth| {
            grown.push((*kind, growth.count));
            growth.seconds
        });
    }
    Ok(match seconds {
        Ok(seconds) => verdict(&grown, seconds),
        Err(reason) => Verdict::no_interval(reason),
    })
}

fn counts(row: Row<'_>) -> Option<Vec<i64>> {
    KINDS.iter().map(|(column, _)| row.number::<i64>(column).filter(|count| *count >= 0)).collect()
}

fn verdict(grown: &[(&str, i64)], seconds: f64) -> Verdict {
    let all = grown.iter().fold(0_i64, |sum, (_, count)| sum.saturating_add(*count));
    let over = units::span(seconds);
    if all == 0 {
        return Verdict::ok(0.0, format!("No statement was ended by replay in the last {over}."));
    }
    let statements = if all == 1 {
        "1 statement was".to_owned()
    } else {
        format!("{} statements were", units::thousands(all))
    };
    let detail = format!(
        "{statements} ended by replay in the last {over}. A larger max_standby_streaming_delay lets replay wait longer; \
         hot_standby_feedback keeps the primary from removing what statements here still see, at the cost of bloat there."
    );
    let evidence = grown.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| Evidence {
        subject: (*kind).to_owned(),
        detail: units::thousands(*count),
        fix_sql: None,
    });
    Verdict::warning(POINTS, all as f64, detail)
        .with_fix("ALTER SYSTEM SET hot_standby_feedback = on;\nSELECT pg_reload_conf();")
        .with_evidence(evidence.collect())
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn each_statement_that_replay_ended_counts() {
        assert_eq!(verdict(&[("a", 0)], 60.0).status, CheckStatus::Ok);
        let found = verdict(&[("a", 2), ("b", 0), ("c", 1)], 60.0);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(3.0), 10));
        assert_eq!(found.evidence.len(), 2);
        assert_eq!(verdict(&[("a", i64::MAX), ("b", i64::MAX)], 1.0).status, CheckStatus::Warning);
    }
}
