//! Which buckets must be rolled up: all that have closed since the last time, and those into which rows came late.
//!
//! Up to a mark all is rolled up; what comes after it is read from the raw rows. A writer holds the mark until it commits.
//! Whoever moves it therefore waits for those who saw the old one, and everybody else sees the new one and notes what of
//! theirs lies before it. So no row is ever missed, however late it is committed.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::{
    Transaction,
    types::{ToSql, Type},
};

use super::{super::super::resolution::Resolution, partitions, rollups};
use crate::{Store, StoreError, open::commit, session};

const SEE_MARK: &str = "select rolled_up_to from dashboard.history_rollup for share";
const HOLD_MARK: &str = "select rolled_up_to from dashboard.history_rollup for update";
const MOVE_MARK: &str = "update dashboard.history_rollup set rolled_up_to = $1";
const NOTE: &str = "
insert into dashboard.history_stale (connection_id, from_at, to_at)
select * from unnest($1::int8[], $2::timestamptz[], $3::timestamptz[])";
const TAKE: &str = "
delete from dashboard.history_stale
where id in (select id from dashboard.history_stale order by id limit 1000 for update skip locked)
returning connection_id, from_at, to_at";
/// Locked, so that none is purged meanwhile and then rolled up again.
const CONNECTIONS: &str = "
select id from dashboard.connections where $1 or id = any ($2) order by id for key share";

/// A bucket is closed a little later than it ends: most rows are in by then.
fn lag() -> TimeDelta {
    TimeDelta::seconds(60)
}

/// How many buckets one transaction rolls up at most.
const BUDGET: i64 = 200_000;

/// Times of one connection, or of all, in whole buckets of five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    connection_id: Option<i64>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// Ranges by connection, in order and apart.
pub(super) type Ranges = BTreeMap<i64, Vec<(DateTime<Utc>, DateTime<Utc>)>>;

pub(in super::super) async fn wrote(
    transaction: &Transaction<'_>,
    rows: &BTreeMap<i64, Vec<DateTime<Utc>>>,
) -> Result<(), StoreError> {
    let Some(mark) = session::row(transaction, SEE_MARK, &[]).await? else { return Ok(()) };
    let mark: DateTime<Utc> = mark.try_get(0)?;
    let fine = Resolution::FiveMinutes;
    let mut late = Vec::new();
    for (id, times) in rows {
        let buckets = times.iter().filter(|at| **at < mark).map(|at| fine.floor(*at));
        let width = TimeDelta::seconds(fine.seconds());
        let ranges = merged(buckets.map(|bucket| (bucket, bucket + width)).collect());
        late.extend(ranges.into_iter().map(|(from, to)| Range { connection_id: Some(*id), from, to }));
    }
    note(transaction, &late).await
}

/// Moves the mark to the last bucket that is closed.
pub(super) async fn advance(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    let closed = Resolution::FiveMinutes.floor(now - lag());
    let mut session = store.session().await?;
    let transaction = session.begin().await?;
    let Some(row) = session::row(&transaction, HOLD_MARK, &[]).await? else { return Ok(()) };
    let mark: DateTime<Utc> = row.try_get(0)?;
    if mark < closed {
        session::execute(&transaction, MOVE_MARK, &[(&closed, Type::TIMESTAMPTZ)]).await?;
        note(&transaction, &[Range { connection_id: None, from: mark, to: closed }]).await?;
        commit(transaction).await?;
    }
    Ok(())
}

/// Rolls up everything that is noted; nothing before `whole_since`. Answers how many buckets were written.
pub(super) async fn catch_up(store: &Store, whole_since: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut session = store.session().await?;
    let Some(first) = partitions::list(session.client()).await?.first().copied() else { return Ok(0) };
    let begin = whole_since.max(Resolution::FiveMinutes.floor(first.from));
    let mut written = 0;
    loop {
        let transaction = session.begin().await?;
        let taken = take(&transaction, begin).await?;
        if taken.is_empty() {
            // What was too old to count is gone as well.
            commit(transaction).await?;
            return Ok(written);
        }
        let ids = connections(&transaction, &taken).await?;
        let (now, later) = within_budget(taken, &ids);
        note(&transaction, &later).await?;
        written += rollups::roll(&transaction, &now).await?;
        commit(transaction).await?;
    }
}

/// What is noted next, without what lies before `begin`. Empty only when nothing is left.
async fn take(transaction: &Transaction<'_>, begin: DateTime<Utc>) -> Result<Vec<Range>, StoreError> {
    loop {
        let rows = session::rows(transaction, TAKE, &[]).await?;
        let mut ranges = Vec::new();
        for row in &rows {
            let range = Range {
                connection_id: row.try_get(0)?,
                from: row.try_get::<_, DateTime<Utc>>(1)?.max(begin),
                to: row.try_get(2)?,
            };
            if range.from < range.to {
                ranges.push(range);
            }
        }
        if rows.is_empty() || !ranges.is_empty() {
            return Ok(ranges);
        }
    }
}

async fn connections(transaction: &Transaction<'_>, taken: &[Range]) -> Result<Vec<i64>, StoreError> {
    let all = taken.iter().any(|range| range.connection_id.is_none());
    let named: Vec<i64> = taken.iter().filter_map(|range| range.connection_id).collect();
    let params: [(&(dyn ToSql + Sync), Type); 2] = [(&all, Type::BOOL), (&named, Type::INT8_ARRAY)];
    let rows = session::rows(transaction, CONNECTIONS, &params).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// What one transaction rolls up, the oldest first, and what is left for another.
fn within_budget(mut taken: Vec<Range>, ids: &[i64]) -> (Ranges, Vec<Range>) {
    taken.sort_by_key(|range| range.from);
    let width = Resolution::FiveMinutes.seconds();
    let (mut now, mut later) = (Ranges::new(), Vec::new());
    let mut budget = BUDGET;
    for range in taken {
        let of: &[i64] = match &range.connection_id {
            Some(id) if ids.contains(id) => std::slice::from_ref(id),
            // It is gone.
            Some(_) => continue,
            None => ids,
        };
        let buckets = (range.to - range.from).num_seconds() / width;
        let each = (of.len() as i64).max(1);
        let affordable = (budget / each).min(buckets);
        // The first of a transaction always gets on, however many connections there are.
        let affordable = if now.is_empty() { affordable.max(1) } else { affordable };
        let until = range.from + TimeDelta::seconds(affordable * width);
        if range.from < until {
            for id in of {
                now.entry(*id).or_default().push((range.from, until));
            }
        }
        if until < range.to {
            later.push(Range { from: until, ..range });
        }
        budget = (budget - affordable * each).max(0);
    }
    for ranges in now.values_mut() {
        *ranges = merged(std::mem::take(ranges));
    }
    (now, later)
}

async fn note(transaction: &Transaction<'_>, ranges: &[Range]) -> Result<(), StoreError> {
    if ranges.is_empty() {
        return Ok(());
    }
    let ids: Vec<Option<i64>> = ranges.iter().map(|range| range.connection_id).collect();
    let from: Vec<DateTime<Utc>> = ranges.iter().map(|range| range.from).collect();
    let to: Vec<DateTime<Utc>> = ranges.iter().map(|range| range.to).collect();
    let params: [(&(dyn ToSql + Sync), Type); 3] =
        [(&ids, Type::INT8_ARRAY), (&from, Type::TIMESTAMPTZ_ARRAY), (&to, Type::TIMESTAMPTZ_ARRAY)];
    session::execute(transaction, NOTE, &params).await?;
    Ok(())
}

/// In order, and without two that overlap or touch.
pub(super) fn merged(mut ranges: Vec<(DateTime<Utc>, DateTime<Utc>)>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    ranges.sort_unstable();
    let mut apart: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (from, to) in ranges {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minutes * 60, 0).unwrap()
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_one() {
        let ranges =
            vec![(at(10), at(15)), (at(0), at(5)), (at(5), at(10)), (at(20), at(40)), (at(25), at(30))];
        assert_eq!(merged(ranges), [(at(0), at(15)), (at(20), at(40))]);
    }

    #[test]
    fn what_is_too_much_for_one_transaction_is_left_for_the_next() {
        let ids: Vec<i64> = (1..=10_000).collect();
        let all = Range { connection_id: None, from: at(0), to: at(5 * 100) };
        let one = Range { connection_id: Some(7), from: at(5 * 200), to: at(5 * 201) };
        let gone = Range { connection_id: Some(-7), ..one };
        let (now, later) = within_budget(vec![one, all, gone], &ids);
        assert_eq!(now.len(), 10_000);
        assert_eq!(now[&7], [(at(0), at(5 * 20))]);
        assert_eq!(later, [Range { from: at(5 * 20), ..all }, one]);
        let many: Vec<i64> = (1..=1_000_000).collect();
        let (now, later) = within_budget(vec![all], &many);
        assert_eq!((now[&1].as_slice(), later[0].from), ([(at(0), at(5))].as_slice(), at(5)));
    }
}
