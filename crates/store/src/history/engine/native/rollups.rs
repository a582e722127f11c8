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
use crate::{StoreError, session};

/// The finest is made from the raw rows, each other from the one before.
const FROM_ROWS: [&str; 2] = [include_str!("roll_checks_5m.sql"), include_str!("roll_health_5m.sql")];
const FROM_FINER: [&str; 2] = [include_str!("roll_checks.sql"), include_str!("roll_health.sql")];

/// Writes every bucket that these ranges touch anew. Answers how many.
pub(super) async fn roll(transaction: &Transaction<'_>, ranges: &Ranges) -> Result<u64, StoreError> {
    let mut written = 0;
    for resolution in Resolution::ALL {
        let (mut ids, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
        for (id, (begin, end)) in widened(ranges, resolution).iter().flat_map(flat) {
            ids.push(id);
            from.push(begin);
            to.push(end);
        }
        let params: [(&(dyn ToSql + Sync), Type); 3] =
            [(&ids, Type::INT8_ARRAY), (&from, Type::TIMESTAMPTZ_ARRAY), (&to, Type::TIMESTAMPTZ_ARRAY)];
        let statements = if resolution == Resolution::FiveMinutes { FROM_ROWS } else { FROM_FINER };
        for statement in statements {
            written += session::sweep(transaction, &resolution.in_sql(statement), &params).await?;
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
