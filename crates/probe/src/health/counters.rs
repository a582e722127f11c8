//! Counters that only grow, and the interval between two readings of them.
//!
//! A restart, a reset, a fall or another database starts a new interval: the difference would be a wrong number.

use common::Reason;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    named_counters::{LONGEST_INTERVAL_S, SHORTEST_INTERVAL_S},
    transaction,
};
use crate::{
    rows::{Answer, Row},
    session::Session,
};

/// `pg_stat_database` of our database. By the server's clock, so that the network's delays are not in the rates.
pub(super) const DATABASE: &str = "\
select d.datid as database_oid,
       d.xact_commit, d.xact_rollback,
       d.blks_hit, d.blks_read,
       d.deadlocks, d.temp_bytes,
       extract(epoch from d.stats_reset)::float8 as stats_reset_s,
       extract(epoch from pg_postmaster_start_time())::float8 as started_at_s,
       extract(epoch from clock_timestamp())::float8 as read_at_s
  from pg_stat_database d
 where d.datname = current_database()";

/// Bytes of WAL since the cluster began; a standby counts what it has replayed.
pub(super) const WAL: &str = "\
select case when pg_is_in_recovery()
            then pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')
            else pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')
       end as wal_bytes";

/// What rates are made from. Kept between readings by the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub database_oid: i64,
    pub xact_commit: i64,
    pub xact_rollback: i64,
    pub blks_hit: i64,
    pub blks_read: i64,
    pub deadlocks: i64,
    pub temp_bytes: i64,
    /// `None` where WAL positions could not be read.
    pub wal_bytes: Option<i64>,
    /// Seconds since the epoch, by the server.
    pub stats_reset_s: Option<f64>,
    pub started_at_s: f64,
    pub read_at_s: f64,
}

impl Counters {
    pub(super) fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            database_oid: row.number("database_oid")?,
            xact_commit: count(row, "xact_commit")?,
            xact_rollback: count(row, "xact_rollback")?,
            blks_hit: count(row, "blks_hit")?,
            blks_read: count(row, "blks_read")?,
            deadlocks: count(row, "deadlocks")?,
            temp_bytes: count(row, "temp_bytes")?,
            wal_bytes: None,
            stats_reset_s: row.finite("stats_reset_s"),
            started_at_s: row.finite("started_at_s")?,
            read_at_s: row.finite("read_at_s")?,
        })
    }

    /// Before a database's first session has reported, servers up to 14 have no counters: neither a time of reset
    /// nor numbers. What follows counts from zero.
    fn had_not_begun(&self) -> bool {
        self.stats_reset_s.is_none()
            && [self.xact_commit, self.xact_rollback, self.blks_hit, self.blks_read]
                .iter()
                .all(|count| *count == 0)
    }

    /// The interval since `previous`, or why there is none.
    pub(super) fn since(&self, previous: Option<&Self>) -> Result<Interval, Reason> {
        let previous = previous.ok_or_else(|| Reason::new(Reason::FIRST_READING))?;
        let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 0.001,
            (None, None) => true,
            _ => false,
        };
        if previous.database_oid != self.database_oid {
            return Err(Reason::new("another database than at the reading before: a new interval begins"));
        }
        if (previous.started_at_s - self.started_at_s).abs() > 1.0 {
            return Err(Reason::new(
                "the server was restarted since the reading before: a new interval begins",
            ));
        }
        if !same(previous.stats_reset_s, self.stats_reset_s) && !previous.had_not_begun() {
            return Err(Reason::new(
                "the counters were reset since the reading before: a new interval begins",
            ));
        }
        let interval = Interval {
            seconds: self.read_at_s - previous.read_at_s,
            commits: self.xact_commit.saturating_sub(previous.xact_commit),
            rollbacks: self.xact_rollback.saturating_sub(previous.xact_rollback),
            blocks_hit: self.blks_hit.saturating_sub(previous.blks_hit),
            blocks_read: self.blks_read.saturating_sub(previous.blks_read),
            deadlocks: self.deadlocks.saturating_sub(previous.deadlocks),
            temp_bytes: self.temp_bytes.saturating_sub(previous.temp_bytes),
            wal_bytes: self.wal_bytes.zip(previous.wal_bytes).map(|(now, then)| now.saturating_sub(then)),
        };
        let fell = [
            interval.commits,
            interval.rollbacks,
            interval.blocks_hit,
            interval.blocks_read,
            interval.deadlocks,
            interval.temp_bytes,
            interval.wal_bytes.unwrap_or(0),
        ]
        .into_iter()
        .any(|difference| difference < 0);
        if fell {
            return Err(Reason::new("a counter fell since the reading before: a new interval begins"));
        }
        if interval.seconds < SHORTEST_INTERVAL_S {
            return Err(Reason::new("too soon after the reading before"));
        }
        if interval.seconds > LONGEST_INTERVAL_S {
            return Err(Reason::new("too long after the reading before: a new interval begins"));
        }
        Ok(interval)
    }
}

/// No counter of a server gets this far (2^61); what is negative is none.
const MOST: i64 = 1 << 61;

fn count(row: Row<'_>, column: &str) -> Option<i64> {
    row.number(column).filter(is_a_count)
}

fn is_a_count(number: &i64) -> bool {
    (0..=MOST).contains(number)
}

/// What happened between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) seconds: f64,
    pub(super) commits: i64,
    pub(super) rollbacks: i64,
    pub(super) blocks_hit: i64,
    pub(super) blocks_read: i64,
    pub(super) deadlocks: i64,
    pub(super) temp_bytes: i64,
    pub(super) wal_bytes: Option<i64>,
}

impl Interval {
    pub(super) fn per_second(&self, count: i64) -> f64 {
        count as f64 / self.seconds
    }
}

/// Only the counters, for the first of two readings. What cannot be read is left to the second, which says why.
pub(super) async fn read(session: &Session, deadline: Instant) -> Option<Counters> {
    let mut answers = transaction::read(session, &[DATABASE, WAL], deadline).await.into_iter();
    let database = answers.next()?.ok()?;
    let wal = answers.next()?.ok();
    let mut counters = Counters::from_row(database.first()?)?;
    counters.wal_bytes = wal.as_ref().and_then(wal_bytes);
    Some(counters)
}

pub(super) fn wal_bytes(answer: &Answer) -> Option<i64> {
    answer.first().and_then(|row| count(row, "wal_bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64, commits: i64) -> Counters {
        Counters {
            database_oid: 5,
            xact_commit: commits,
            xact_rollback: 1,
            blks_hit: 100,
            blks_read: 10,
            deadlocks: 0,
            temp_bytes: 0,
            wal_bytes: Some(1000),
            stats_reset_s: None,
            started_at_s: 50.0,
            read_at_s: seconds,
        }
    }

    #[test]
    fn rates_are_over_the_seconds_between_two_readings() {
        let interval = at(110.0, 600).since(Some(&at(100.0, 100))).unwrap();
        assert_eq!(interval.per_second(interval.commits), 50.0);
    }

    #[test]
    fn the_first_reading_has_no_interval() {
        assert_eq!(at(1.0, 1).since(None).unwrap_err().reason, Reason::FIRST_READING);
    }

    #[test]
    fn a_restart_a_reset_a_fall_or_another_database_begins_a_new_interval() {
        let before = at(100.0, 100);
        let changed: [(&str, Counters); 5] = [
            ("restarted", Counters { started_at_s: 105.0, ..at(110.0, 200) }),
            ("reset", Counters { stats_reset_s: Some(105.0), ..at(110.0, 200) }),
            ("fell", at(110.0, 99)),
            ("another database", Counters { database_oid: 6, ..at(110.0, 200) }),
            ("too soon", at(100.05, 100)),
        ];
        for (why, now) in changed {
            let reason = now.since(Some(&before)).unwrap_err().reason;
            assert!(reason.contains(why), "{reason}");
        }
    }

    #[test]
    fn numbers_that_no_counter_reaches_are_refused_and_overflow_nothing() {
        for number in [-1, i64::MIN, i64::MAX, MOST + 1] {
            assert!(!is_a_count(&number), "{number}");
        }
        assert!(is_a_count(&0) && is_a_count(&MOST));
        let (least, most) = (at(100.0, i64::MIN), at(110.0, i64::MAX));
        assert_eq!(most.since(Some(&least)).unwrap().commits, i64::MAX);
        let fell = Counters { read_at_s: 110.0, ..least }.since(Some(&Counters { read_at_s: 100.0, ..most }));
        assert!(fell.unwrap_err().reason.contains("fell"));
    }

    #[test]
    fn counters_that_had_not_begun_are_a_beginning() {
        let before = Counters { blks_hit: 0, blks_read: 0, xact_rollback: 0, ..at(100.0, 0) };
        let now = Counters { stats_reset_s: Some(101.0), ..at(110.0, 20) };
        assert_eq!(now.since(Some(&before)).unwrap().commits, 20);
    }

    #[test]
    fn counters_survive_the_store() {
        let counters = at(1_732_444_444.123_456, 7);
        let json = serde_json::to_string(&counters).unwrap();
        assert_eq!(serde_json::from_str::<Counters>(&json).unwrap(), counters);
    }
}
