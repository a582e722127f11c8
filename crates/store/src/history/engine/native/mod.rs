//! History on any PostgreSQL: range partitions that are made ahead and dropped by age, and rollups of our own.

mod extent;
mod partitions;
mod rollups;
mod stale;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::{Client, Transaction, types::Type};

pub(crate) use self::partitions::Room;
use self::partitions::Slot;
pub(super) use self::{
    extent::extent,
    partitions::{lost_room, make_room},
    stale::wrote,
};
use super::{
    super::{maintenance::Maintenance, resolution::Resolution},
    drop_old_buckets,
};
use crate::{ChunkInterval, Store, StoreError, open::commit, session};

/// Raw tables; rollups and views for each resolution.
const MAKE: &str = include_str!("make.sql");
const MAKE_ROLLUPS: &str = include_str!("make_rollups.sql");
/// The rows that were there before.
const MOVE: &str = include_str!("move.sql");
/// In which slots they lie.
const SLOTS_BEFORE: &str = "
select distinct date_bin($1::int4 * interval '1 hour', checked_at, timestamptz '1970-01-01 00:00:00+00')
from (
    select checked_at from dashboard.checks_before
    union all
    select checked_at from dashboard.health_samples_before
) row";
const RECORD: &str = "insert into dashboard.history_engine (engine) values ('native') returning chosen_at";

const FORGET: [&str; 2] = [
    "delete from dashboard.checks where connection_id = any ($1)",
    "delete from dashboard.health_samples where connection_id = any ($1)",
];
const FORGET_ROLLUPS: [&str; 2] = [
    "delete from dashboard.check_rollups_{r} where connection_id = any ($1)",
    "delete from dashboard.health_rollups_{r} where connection_id = any ($1)",
];

/// Connections that the release before has purged: it knows nothing of rollups.
const ORPHANS: &str = "
select coalesce(array_agg(distinct rollup.connection_id), '{}')
from dashboard.check_rollups_1d rollup
where not exists (select from dashboard.connections connection where connection.id = rollup.connection_id)";

/// Makes what this engine needs and moves what is there. In one transaction: an older release that writes meanwhile waits,
/// and then finds a table of the same name.
pub(super) async fn make(client: &mut Client, interval: &ChunkInterval) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(MAKE).await?;
    for resolution in Resolution::ALL {
        transaction.batch_execute(&resolution.in_sql(MAKE_ROLLUPS)).await?;
    }
    let hours = interval.hours();
    let params = &[(&hours.cast_signed() as _, Type::INT4)];
    let mut wanted = std::collections::BTreeSet::new();
    for row in &session::rows(&transaction, SLOTS_BEFORE, params).await? {
        wanted.insert(Slot::of(row.try_get(0)?, hours));
    }
    if let Some(row) = session::row(&transaction, RECORD, &[]).await? {
        wanted.extend(Slot::ahead(row.try_get(0)?, hours));
    }
    partitions::make(&transaction, &wanted).await?;
    transaction.batch_execute(MOVE).await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn forget(transaction: &Transaction<'_>, ids: &[i64]) -> Result<(), StoreError> {
    for statement in FORGET {
        session::sweep(transaction, statement, &[(&ids, Type::INT8_ARRAY)]).await?;
    }
    for resolution in Resolution::ALL {
        for statement in FORGET_ROLLUPS {
            session::sweep(transaction, &resolution.in_sql(statement), &[(&ids, Type::INT8_ARRAY)]).await?;
        }
    }
    Ok(())
}

pub(super) async fn keep_up(
    store: &Store,
    now: DateTime<Utc>,
    done: &mut Maintenance,
) -> Result<(), StoreError> {
    let ahead = Slot::ahead(now, store.chunk_interval().hours()).collect();
    done.partitions_made += partitions::ensure(store, &ahead).await?;
    stale::advance(store, now).await?;
    // What lies before is not whole any more: neither raw rows nor the finer rollups that a day is made of.
    let kept = TimeDelta::days(i64::from(store.retention_days())).min(Resolution::FiveMinutes.kept());
    let whole_since = Resolution::Day.ceil(now - kept);
    done.buckets += stale::catch_up(store, whole_since).await?;
    Ok(())
}

pub(super) async fn expire(
    store: &Store,
    now: DateTime<Utc>,
    done: &mut Maintenance,
) -> Result<(), StoreError> {
    let oldest = now - TimeDelta::days(i64::from(store.retention_days()));
    done.partitions_dropped += partitions::drop_before(store, oldest).await?;
    let mut session = store.session().await?;
    done.rows_dropped += drop_old_buckets(session.client(), "", now).await?;
    let transaction = session.begin().await?;
    let row = session::row(&transaction, ORPHANS, &[]).await?;
    let orphans: Vec<i64> = row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    if !orphans.is_empty() {
        forget(&transaction, &orphans).await?;
        commit(transaction).await?;
    }
    Ok(())
}
