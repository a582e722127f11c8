//! What lies between two snapshots.
//!
//! A server forgets: its counters are reset, by hand, in a crash or entry by entry, and entries are thrown out to make
//! room and come back. What it forgot cannot be known; what is counted here happened between the two. Where it
//! cannot be told whether an entry was thrown out and came back, a new interval begins for it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::statements::{StatementCost, StatementInterval, StatementKey};

use super::{
    extension::Version,
    snapshot::{Entry, Snapshot},
};

/// What all statements cost between `before` and `now`, every one of them.
pub(super) fn between(before: Option<&Snapshot>, now: &Snapshot) -> StatementInterval {
    let all = || now.entries.iter().map(|entry| (now.key(entry), entry.cost())).collect();
    match before.map(|before| (before, continuity(before, now))) {
        None | Some((_, Continuity::Another)) => {
            interval(now.about.reset_s.and_then(|reset_s| now.by_our_clock(reset_s)), now, true, all())
        }
        // All that is counted now was counted since.
        Some((before, Continuity::Reset)) => {
            let reset_at = now.about.reset_s.filter(|reset_s| *reset_s > before.about.now_s);
            let began_at = reset_at.and_then(|reset_s| now.by_our_clock(reset_s));
            let began_at = began_at.filter(|at| (before.taken_at..now.taken_at).contains(at));
            interval(Some(began_at.unwrap_or(before.taken_at)), now, false, all())
        }
        Some((before, Continuity::Same)) => {
            interval(Some(before.taken_at), now, false, differences(before, now))
        }
    }
}

fn interval(
    began_at: Option<DateTime<Utc>>,
    now: &Snapshot,
    cumulative: bool,
    statements: Vec<(StatementKey, StatementCost)>,
) -> StatementInterval {
    StatementInterval {
        began_at,
        ended_at: now.taken_at,
        cumulative,
        calls: statements.iter().fold(0, |sum: i64, (_, cost)| sum.saturating_add(cost.calls)),
        total_ms: statements.iter().map(|(_, cost)| cost.total_ms).sum(),
        statements,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuity {
    Same,
    /// The same counters, reset in between.
    Reset,
    /// The counters of something else.
    Another,
}

fn continuity(before: &Snapshot, now: &Snapshot) -> Continuity {
    let (then, about) = (&before.about, &now.about);
    if then.database_oid != about.database_oid
        || before.taken_at >= now.taken_at
        || then.now_s >= about.now_s
        // Updated in between: other columns.
        || before.version != now.version
    {
        return Continuity::Another;
    }
    if then.reset_s != about.reset_s {
        return match about.reset_s {
            // Longer ago than the reading before: another server answers to the name.
            Some(reset_s) if reset_s <= then.now_s => Continuity::Another,
            _ => Continuity::Reset,
        };
    }
    let has_forgotten = match (then.dealloc, about.dealloc) {
        (Some(then), Some(now)) => now < then,
        _ => false,
    };
    if has_forgotten || most_fell(before, now) { Continuity::Reset } else { Continuity::Same }
}

/// After a crash nothing is left, and nothing says so.
fn most_fell(before: &Snapshot, now: &Snapshot) -> bool {
    let then = by_key(before);
    let (mut common, mut fell) = (0_usize, 0_usize);
    for entry in &now.entries {
        if let Some(then) = then.get(&now.key(entry)) {
            common += 1;
            fell += usize::from(has_fallen(then, entry));
        }
    }
    fell * 2 > common
}

fn by_key(snapshot: &Snapshot) -> HashMap<StatementKey, &Entry> {
    snapshot.entries.iter().map(|entry| (snapshot.key(entry), entry)).collect()
}

fn differences(before: &Snapshot, now: &Snapshot) -> Vec<(StatementKey, StatementCost)> {
    let then = by_key(before);
    let evicted = match (before.about.dealloc, now.about.dealloc) {
        (Some(then), Some(now)) => now > then,
        _ => now.about.full != Some(false),
    };
    let found = now.entries.iter().filter_map(|entry| {
        let key = now.key(entry);
        let cost = match then.get(&key) {
            Some(then) => since_then(then, entry, now.version, evicted),
            None => is_new(entry, before).then(|| entry.cost()),
        };
        cost.map(|cost| (key, cost))
    });
    found.collect()
}

/// Whether an entry that was not there before began since.
fn is_new(entry: &Entry, before: &Snapshot) -> bool {
    match entry.since_s {
        Some(since_s) => since_s > before.about.now_s,
        // Of a snapshot that does not hold all, it may have been left out.
        None => !before.partial,
    }
}

fn since_then(then: &Entry, now: &Entry, version: Version, evicted: bool) -> Option<StatementCost> {
    let says_since = version >= Version(1, 11);
    let began_anew = match (then.since_s, now.since_s) {
        (Some(then), Some(now)) if says_since => now > then + 0.000_5,
        _ => false,
    };
    if began_anew || has_fallen(then, now) || (!says_since && extremes_fell(then, now)) {
        return Some(now.cost());
    }
    // It may have been thrown out and come back. Then it would not have the same shortest or longest call.
    let comes_back = !says_since && evicted;
    if comes_back && !same(then.min_ms, now.min_ms) && !same(then.max_ms, now.max_ms) {
        return None;
    }
    let (was, is) = (then.cost(), now.cost());
    let calls = now.calls - then.calls;
    (calls > 0).then(|| {
        let total_ms = (now.total_ms - then.total_ms).max(0.0);
        StatementCost {
            calls,
            total_ms,
            // Never less than equal times would give.
            squares: (is.squares - was.squares).max(total_ms * total_ms / calls as f64),
            rows: now.rows - then.rows,
            shared_hit_bytes: now.hit_bytes - then.hit_bytes,
            shared_read_bytes: now.read_bytes - then.read_bytes,
            temp_bytes: now.temp_bytes - then.temp_bytes,
            wal_bytes: now.wal_bytes.zip(then.wal_bytes).map(|(now, then)| now - then),
            min_ms: (now.min_ms < then.min_ms).then_some(now.min_ms),
            max_ms: (now.max_ms > then.max_ms).then_some(now.max_ms),
        }
    })
}

fn has_fallen(then: &Entry, now: &Entry) -> bool {
    let wal_fell = matches!((then.wal_bytes, now.wal_bytes), (Some(then), Some(now)) if now < then);
    now.calls < then.calls
        || now.rows < then.rows
        || now.hit_bytes < then.hit_bytes
        || now.read_bytes < then.read_bytes
        || now.temp_bytes < then.temp_bytes
        || wal_fell
        || (now.total_ms < then.total_ms && !same(now.total_ms, then.total_ms))
}

/// Of one entry the longest call only grows, and the shortest only falls. From 1.11 on they can be reset apart.
fn extremes_fell(then: &Entry, now: &Entry) -> bool {
    (now.max_ms < then.max_ms && !same(now.max_ms, then.max_ms))
        || (now.min_ms > then.min_ms && !same(now.min_ms, then.min_ms))
}

/// The same number, as JSON may have kept it.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::{super::snapshot::About, *};

    fn entry(query_id: i64, calls: i64, total_ms: f64) -> Entry {
        Entry {
            user_oid: 10,
            query_id,
            toplevel: true,
            calls,
            total_ms,
            min_ms: 0.5,
            max_ms: 9.0,
            stddev_ms: 0.0,
            rows: calls,
            hit_bytes: 8192 * calls,
            read_bytes: 0,
            temp_bytes: 0,
            wal_bytes: Some(0),
            since_s: None,
        }
    }

    /// A snapshot of PostgreSQL 16, `minute` minutes after the first.
    fn snapshot(minute: i64, entries: Vec<Entry>) -> Snapshot {
        let at = DateTime::from_timestamp(1_800_000_000 + 60 * minute, 0).unwrap();
        Snapshot {
            taken_at: at,
            version: Version(1, 10),
            about: About {
                user_oid: 10,
                database_oid: 5,
                // Its clock is an hour behind.
                now_s: at.timestamp() as f64 - 3600.0,
                dealloc: Some(0),
                reset_s: Some(1_700_000_000.0),
                full: None,
            },
            partial: false,
            entries,
        }
    }

    fn calls(interval: &StatementInterval) -> Vec<(i64, i64)> {
        interval.statements.iter().map(|(key, cost)| (key.query_id, cost.calls)).collect()
    }

    #[test]
    fn the_first_reading_is_since_the_counters_began() {
        let now = snapshot(0, vec![entry(1, 5, 10.0), entry(2, 1, 1.0)]);
        let interval = between(None, &now);
        assert!(interval.cumulative);
        assert_eq!(interval.began_at.unwrap().timestamp(), 1_700_000_000 + 3600, "by our clock");
        assert_eq!((interval.calls, interval.total_ms), (6, 11.0));
        let mut silent = now;
        silent.about.reset_s = None;
        assert_eq!(between(None, &silent).began_at, None);
    }

    #[test]
    fn only_what_was_called_since_counts() {
        let before = snapshot(0, vec![entry(1, 5, 10.0), entry(2, 1, 1.0), entry(4, 7, 7.0)]);
        let mut first = entry(1, 8, 20.0);
        first.max_ms = 9.5;
        let now = snapshot(1, vec![first, entry(2, 1, 1.0), entry(3, 2, 4.0)]);
        let interval = between(Some(&before), &now);
        assert_eq!(calls(&interval), [(1, 3), (3, 2)]);
        assert_eq!((interval.calls, interval.total_ms, interval.cumulative), (5, 14.0, false));
        assert_eq!((interval.began_at, interval.ended_at), (Some(before.taken_at), now.taken_at));
        let one = interval.statements[0].1;
        assert_eq!((one.rows, one.shared_hit_bytes), (3, 3 * 8192));
        assert_eq!((one.min_ms, one.max_ms), (None, Some(9.5)), "the shortest may be of any time");
        let new = interval.statements[1].1;
        assert_eq!((new.min_ms, new.max_ms), (Some(0.5), Some(9.0)));
    }

    #[test]
    fn the_deviation_of_an_interval_is_that_of_its_calls() {
        // 2 and 4 ms before (mean 3, deviation 1); then 10 and 20 ms (mean 15, deviation 5).
        let mut then = entry(1, 2, 6.0);
        then.stddev_ms = 1.0;
        let mut now = entry(1, 4, 36.0);
        now.stddev_ms = 7.0_f64.hypot(1.0);
        let variance_of_all = (4.0 + 16.0 + 100.0 + 400.0) / 4.0 - 81.0_f64;
        now.stddev_ms = variance_of_all.sqrt();
        let interval = between(Some(&snapshot(0, vec![then])), &snapshot(1, vec![now]));
        let cost = interval.statements[0].1;
        let variance = cost.squares / 2.0 - 15.0 * 15.0;
        assert!((variance.sqrt() - 5.0).abs() < 1e-9, "{cost:?}");
    }

    #[test]
    fn a_reset_begins_a_new_interval_with_all_that_is_counted_since() {
        let before = snapshot(0, vec![entry(1, 5, 10.0), entry(2, 5, 10.0)]);
        // More than before, but since the reset.
        let mut now = snapshot(2, vec![entry(1, 6, 12.0)]);
        now.about.reset_s = Some(before.about.now_s + 60.0);
        let interval = between(Some(&before), &now);
        assert_eq!((calls(&interval), interval.cumulative), (vec![(1, 6)], false));
        assert_eq!(interval.began_at, Some(before.taken_at + TimeDelta::seconds(60)));
    }

    #[test]
    fn a_crash_that_nobody_tells_of_is_seen_by_what_fell() {
        let before = snapshot(0, vec![entry(1, 5, 10.0), entry(2, 5, 10.0), entry(3, 1, 1.0)]);
        let now = snapshot(1, vec![entry(1, 1, 2.0), entry(2, 2, 4.0), entry(3, 4, 8.0)]);
        assert_eq!(calls(&between(Some(&before), &now)), [(1, 1), (2, 2), (3, 4)]);
        // One alone was reset by itself.
        let now = snapshot(1, vec![entry(1, 1, 2.0), entry(2, 7, 14.0), entry(3, 4, 8.0)]);
        assert_eq!(calls(&between(Some(&before), &now)), [(1, 1), (2, 2), (3, 3)]);
        let mut forgot = snapshot(1, vec![entry(1, 6, 12.0)]);
        let mut evicted = before;
        evicted.about.dealloc = Some(3);
        forgot.about.dealloc = Some(1);
        assert_eq!(calls(&between(Some(&evicted), &forgot)), [(1, 6)]);
    }

    #[test]
    fn another_server_behind_the_name_is_not_compared_with() {
        let before = snapshot(0, vec![entry(1, 5, 10.0)]);
        let mut other = snapshot(1, vec![entry(1, 9, 18.0)]);
        other.about.reset_s = Some(1_600_000_000.0);
        let interval = between(Some(&before), &other);
        assert_eq!((calls(&interval), interval.cumulative), (vec![(1, 9)], true));
        for change in [
            (|now| now.about.database_oid = 6) as fn(&mut Snapshot),
            |now| now.version = Version(1, 11),
            |now| now.about.now_s -= 600.0,
            |now| now.taken_at -= TimeDelta::seconds(600),
        ] {
            let mut now = snapshot(1, vec![entry(1, 9, 18.0)]);
            change(&mut now);
            assert!(between(Some(&before), &now).cumulative);
        }
    }

    #[test]
    fn an_entry_that_may_have_been_evicted_and_come_back_is_counted_only_when_it_was_not() {
        let before = snapshot(0, vec![entry(1, 5, 10.0), entry(2, 5, 10.0)]);
        // Both call times moved: it may be another entry under the same id.
        let mut moved = entry(1, 7, 30.0);
        (moved.min_ms, moved.max_ms) = (0.1, 12.0);
        let mut now = snapshot(1, vec![moved, entry(2, 7, 14.0)]);
        assert_eq!(calls(&between(Some(&before), &now)), [(1, 2), (2, 2)], "nothing was evicted");
        now.about.dealloc = Some(1);
        assert_eq!(calls(&between(Some(&before), &now)), [(2, 2)]);
        // Before 1.9 it does not say, but what is not full throws nothing out.
        let (mut silent, mut roomy) = (before.clone(), now.clone());
        (silent.about.dealloc, roomy.about.dealloc, roomy.about.full) = (None, None, Some(false));
        assert_eq!(calls(&between(Some(&silent), &roomy)), [(1, 2), (2, 2)]);
        roomy.about.full = Some(true);
        assert_eq!(calls(&between(Some(&silent), &roomy)), [(2, 2)]);
        // The longest call of one entry never gets shorter.
        let mut shorter = entry(1, 7, 30.0);
        shorter.max_ms = 8.0;
        now.entries[0] = shorter;
        assert_eq!(calls(&between(Some(&before), &now)), [(1, 7), (2, 2)]);
    }

    #[test]
    fn from_1_11_on_each_entry_says_since_when_it_counts() {
        let at = |mut snapshot: Snapshot, since_s: f64| {
            snapshot.version = Version(1, 12);
            snapshot.about.dealloc = Some(snapshot.taken_at.timestamp());
            snapshot.entries.iter_mut().for_each(|entry| entry.since_s = Some(since_s));
            snapshot
        };
        let before = at(snapshot(0, vec![entry(1, 5, 10.0)]), 1_700_000_001.5);
        let mut longer = entry(1, 7, 30.0);
        (longer.min_ms, longer.max_ms) = (0.1, 12.0);
        let same = at(snapshot(1, vec![longer.clone(), entry(2, 1, 1.0)]), 1_700_000_001.5);
        // The second one was there all along, and only not among those that are read.
        assert_eq!(calls(&between(Some(&before), &same)), [(1, 2)]);
        let anew = at(snapshot(1, vec![longer, entry(2, 1, 1.0)]), before.about.now_s + 30.0);
        assert_eq!(calls(&between(Some(&before), &anew)), [(1, 7), (2, 1)]);
    }

    #[test]
    fn what_a_partial_snapshot_may_have_left_out_does_not_count_as_new() {
        let mut before = snapshot(0, vec![entry(1, 5, 10.0)]);
        before.partial = true;
        let now = snapshot(1, vec![entry(1, 6, 12.0), entry(2, 9, 9.0)]);
        assert_eq!(calls(&between(Some(&before), &now)), [(1, 1)]);
    }

    #[test]
    fn the_largest_numbers_overflow_nothing() {
        let mut huge = entry(1, 1, 9e14);
        (huge.calls, huge.rows, huge.hit_bytes, huge.stddev_ms) = (1 << 61, 1 << 61, 1 << 61, 9e14);
        let many = (0..8).map(|id| Entry { query_id: id, ..huge.clone() }).collect();
        let interval = between(Some(&snapshot(0, Vec::new())), &snapshot(1, many));
        assert_eq!(interval.calls, i64::MAX);
        assert!(interval.total_ms.is_finite());
    }
}
