//! From what was read to the numbers of a health: gauges as they are, counters as rates, and for every number that
//! is missing, why.

use common::Reason;

use super::{
    counters::{Counters, Interval},
    reading::Reading,
};
use crate::{
    checks::reason_for_server,
    measured::{BlocksOver, Measured},
    sql,
};

/// Every key of [`common::health::Metrics`].
pub(super) const KEYS: [&str; 18] = [
    "cache_hit_ratio",
    "active_connections",
    "idle_connections",
    "idle_in_transaction_connections",
    "total_connections",
    "max_connections",
    "reserved_connections",
    "database_size_bytes",
    "transactions_per_s",
    "rollback_ratio",
    "deadlocks",
    "temp_bytes_per_s",
    "replication_lag_s",
    "replication_lag_bytes",
    "oldest_xid_age",
    "longest_transaction_s",
    "waiting_locks",
    "wal_bytes_per_s",
];

pub(super) fn from_reading(reading: &Reading, previous: Option<&Counters>) -> Measured {
    let mut measured = Measured::default();
    connections(reading, &mut measured);
    let locks = measured.take("waiting_locks", reading.waiting_locks.clone());
    measured.metrics.waiting_locks = locks;
    let age = measured.take("oldest_xid_age", reading.oldest_xid_age.clone());
    measured.metrics.oldest_xid_age = age;
    replication(reading, &mut measured);
    rates(reading, previous, &mut measured);
    measured
}

fn connections(reading: &Reading, measured: &mut Measured) {
    let about = reading.known.as_ref().map_err(Clone::clone);
    let max = measured.take("max_connections", about.clone().map(|about| about.max_connections));
    let reserved =
        measured.take("reserved_connections", about.clone().map(|about| about.reserved_connections));
    measured.metrics.max_connections = max;
    measured.metrics.reserved_connections = reserved;

    let activity = reading.activity.as_ref().map_err(Clone::clone);
    let total = measured.take("total_connections", activity.clone().map(|activity| activity.total));
    measured.metrics.total_connections = total;

    // Sessions whose state cannot be seen would be counted as none.
    let user = about.ok().and_then(|about| about.role_name.clone()).unwrap_or_default();
    let seen = activity
        .and_then(|activity| if activity.hidden > 0 { Err(sql::no_privilege(&user)) } else { Ok(activity) });
    let longest =
        measured.take("longest_transaction_s", seen.clone().map(|activity| activity.longest_transaction_s));
    measured.metrics.longest_transaction_s = longest;
    let seen = seen.and_then(|activity| {
        if activity.untracked > 0 {
            let fix = "ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();";
            let reason = Reason::with_fix("track_activities is off", fix);
            Err(match &reading.known {
                Ok(known) => reason_for_server(reason, known),
                Err(_) => reason,
            })
        } else {
            Ok(activity)
        }
    });
    let active = measured.take("active_connections", seen.clone().map(|activity| activity.active));
    let idle = measured.take("idle_connections", seen.clone().map(|activity| activity.idle));
    let waiting =
        measured.take("idle_in_transaction_connections", seen.map(|activity| activity.in_transaction));
    measured.metrics.active_connections = active;
    measured.metrics.idle_connections = idle;
    measured.metrics.idle_in_transaction_connections = waiting;
}

fn replication(reading: &Reading, measured: &mut Measured) {
    let keys = ["replication_lag_s", "replication_lag_bytes"];
    match &reading.replication {
        Ok(replication) if replication.standby => {
            measured.metrics.replication_lag_s = replication.lag_s;
            measured.metrics.replication_lag_bytes = replication.lag_bytes;
            let nothing = Reason::new(
                "this standby has received nothing from a primary: one that takes the log from an archive cannot tell how far \
                 behind it is",
            );
            if replication.lag_s.is_none() {
                measured.missing(&keys[..1], &nothing);
            }
            if replication.lag_bytes.is_none() {
                measured.missing(&keys[1..], &nothing);
            }
        }
        Ok(_) => measured.missing(&keys, &Reason::new("not_a_standby")),
        Err(reason) => measured.missing(&keys, reason),
    }
}

fn rates(reading: &Reading, previous: Option<&Counters>, measured: &mut Measured) {
    const RATES: [&str; 4] = ["transactions_per_s", "rollback_ratio", "deadlocks", "temp_bytes_per_s"];
    let counters = match &reading.counters {
        Ok(counters) => counters,
        Err(reason) => {
            measured.missing(&RATES, reason);
            measured.missing(&["cache_hit_ratio", "wal_bytes_per_s"], reason);
            return;
        }
    };
    let interval = counters.since(previous);
    match &interval {
        Ok(interval) => {
            let ended = interval.commits.saturating_add(interval.rollbacks);
            measured.metrics.transactions_per_s = Some(interval.per_second(ended));
            measured.metrics.deadlocks = Some(interval.deadlocks);
            measured.metrics.temp_bytes_per_s = Some(interval.per_second(interval.temp_bytes));
            if ended > 0 {
                measured.metrics.rollback_ratio = Some(interval.rollbacks as f64 / ended as f64);
            } else {
                measured.missing(&["rollback_ratio"], &Reason::new("no transaction ended in the interval"));
            }
        }
        Err(reason) => measured.missing(&RATES, reason),
    }
    wal(reading, &interval, measured);
    cache(counters, &interval, measured);
}

fn wal(reading: &Reading, interval: &Result<Interval, Reason>, measured: &mut Measured) {
    let why = match (&reading.wal, interval) {
        (Err(reason), _) | (_, Err(reason)) => reason.clone(),
        (Ok(()), Ok(interval)) => match interval.wal_bytes {
            Some(bytes) => {
                measured.metrics.wal_bytes_per_s = Some(interval.per_second(bytes));
                return;
            }
            None => Reason::new(Reason::FIRST_READING),
        },
    };
    measured.missing(&["wal_bytes_per_s"], &why);
}

/// Over the interval; before there is one, since the counters began: a long average is better than nothing, and the
/// check says which it is.
fn cache(counters: &Counters, interval: &Result<Interval, Reason>, measured: &mut Measured) {
    let (hit, read, over) = match interval {
        Ok(interval) => (interval.blocks_hit, interval.blocks_read, BlocksOver::Interval(interval.seconds)),
        Err(_) => (counters.blks_hit, counters.blks_read, BlocksOver::Ever(counters.stats_reset_s)),
    };
    measured.blocks = hit.saturating_add(read);
    measured.blocks_over = over;
    if measured.blocks > 0 {
        measured.metrics.cache_hit_ratio = Some(hit as f64 / measured.blocks as f64);
    } else {
        measured.missing(&["cache_hit_ratio"], &Reason::new("no block was asked for in the interval"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(number: i64) -> Counters {
        Counters {
            database_oid: 5,
            xact_commit: number,
            xact_rollback: number,
            blks_hit: number,
            blks_read: number,
            deadlocks: number,
            temp_bytes: number,
            wal_bytes: None,
            stats_reset_s: None,
            started_at_s: 1.0,
            read_at_s: 2.0,
        }
    }

    #[test]
    fn sums_at_the_end_of_their_range_are_no_accident() {
        for (number, ratio) in [(i64::MAX, Some(1.0)), (i64::MIN, None), (0, None)] {
            let mut measured = Measured::default();
            cache(&counters(number), &Err(Reason::new(Reason::FIRST_READING)), &mut measured);
            assert_eq!(measured.metrics.cache_hit_ratio, ratio, "{number}");
            assert_eq!(measured.unavailable.contains_key("cache_hit_ratio"), ratio.is_none());
        }
    }
}
