//! The rollups of our own: five minutes from raw rows, an hour from those, a day from hours.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio_postgres::{
    Transaction,
    types::{ToSql, Type},
};

use super::{
    super::super::resolution::Resolution,
    stale::{Ranges, merged},
};
use crate::{Store, StoreError, session};

/// From fine to coarse: each is made from the one before.
const ROLL: [(Resolution, [&str; 2]); 3] = [
    (Resolution::FiveMinutes, [include_str!("roll_checks_5m.sql"), include_str!("roll_health_5m.sql")]),
    (Resolution::Hour, [include_str!("roll_checks_1h.sql"), include_str!("roll_health_1h.sql")]),
    (Resolution::Day, [include_str!("roll_checks_1d.sql"), include_str!("roll_health_1d.sql")]),
];
const DROP_OLD: [(Resolution, [&str; 2]); 3] = [
    (
        Resolution::FiveMinutes,
        [
            "delete from dashboard.check_rollups_5m where bucket < $1",
            "delete from dashboard.health_rollups_5m where bucket < $1",
        ],
    ),
    (
        Resolution::Hour,
        [
            "delete from dashboard.check_rollups_1h where bucket < $1",
            "delete from dashboard.health_rollups_1h where bucket < $1",
        ],
    ),
    (
        Resolution::Day,
        [
            "delete from dashboard.check_rollups_1d where bucket < $1",
            "delete from dashboard.health_rollups_1d where bucket < $1",
        ],
    ),
];

/// Writes every bucket that these ranges touch anew. Answers how many.
pub(super) async fn roll(transaction: &Transaction<'_>, ranges: &Ranges) -> Result<u64, StoreError> {
    let mut written = 0;
    for (resolution, statements) in ROLL {
        let (mut ids, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
        for (id, (begin, end)) in widened(ranges, resolution).iter().flat_map(flat) {
            ids.push(id);
            from.push(begin);
            to.push(end);
        }
        let params: [(&(dyn ToSql + Sync), Type); 3] =
            [(&ids, Type::INT8_ARRAY), (&from, Type::TIMESTAMPTZ_ARRAY), (&to, Type::TIMESTAMPTZ_ARRAY)];
        for statement in statements {
            written += session::sweep(transaction, statement, &params).await?;
        }
    }
    Ok(written)
}

type OfOne<'a> = (&'a i64, &'a Vec<(DateTime<Utc>, DateTime<Utc>)>);

fn flat((id, ranges): OfOne<'_>) -> impl Iterator<Item = (i64, (DateTime<Utc>, DateTime<Utc>))> {
    ranges.iter().map(|range| (*id, *range))
}

/// To whole buckets.
fn widened(ranges: &Ranges, resolution: Resolution) -> Ranges {
    let whole = |&(from, to): &(DateTime<Utc>, DateTime<Utc>)| (resolution.floor(from), resolution.ceil(to));
    ranges.iter().map(|(id, of)| (*id, merged(of.iter().map(whole).collect()))).collect::<BTreeMap<_, _>>()
}

/// Drops buckets that are older than they are kept. Answers how many.
pub(super) async fn drop_old(store: &Store, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let session = store.session().await?;
    let mut gone = 0;
    for (resolution, statements) in DROP_OLD {
        let oldest = now - resolution.kept();
        for statement in statements {
            gone += session::sweep(session.client(), statement, &[(&oldest, Type::TIMESTAMPTZ)]).await?;
        }
    }
    Ok(gone)
}
