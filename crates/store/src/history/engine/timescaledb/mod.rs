//! History on TimescaleDB: hypertables, continuous aggregates, and policies that its own workers carry out.
//!
//! The extension's functions are named without a schema, because it may be in any: where they are needed, the transaction's
//! search_path says where it is; what is asked later is behind views and functions of our own.

mod convert;
mod offer;

use chrono::{DateTime, Utc};
use tokio_postgres::{Client, GenericClient, Transaction, types::Type};

pub use self::convert::{Progress, convert_history};
use super::{
    super::{maintenance::Maintenance, resolution::Resolution},
    Extent,
};
use crate::{Store, StoreConfig, StoreError, session};

const FROM_PLAIN: &str = include_str!("from_plain.sql");
const TABLES: &str = include_str!("tables.sql");
const ROLLUPS_FROM_ROWS: &str = include_str!("rollups_from_rows.sql");
const ROLLUPS_FROM_FINER: &str = include_str!("rollups_from_finer.sql");
const VIEWS: &str = include_str!("views.sql");
const FUNCTIONS: &str = include_str!("functions.sql");
const POLICIES: &str = include_str!("policies.sql");
const ROLLUP_POLICIES: &str = include_str!("rollup_policies.sql");
const RECORD: &str = "insert into dashboard.history_engine (engine) values ('timescaledb')";

const FIND_EXTENSION: &str = "
select set_config('search_path', quote_ident(nspname), true)
from pg_extension join pg_namespace on pg_namespace.oid = extnamespace
where extname = 'timescaledb'";
const HYPERTABLES: [&str; 2] = [
    "select create_hypertable('dashboard.checks', 'checked_at', chunk_time_interval => $1 * interval '1 hour',
        create_default_indexes => false, migrate_data => true)",
    "select create_hypertable('dashboard.health_samples', 'checked_at', chunk_time_interval => $1 * interval '1 hour',
        create_default_indexes => false, migrate_data => true)",
];
/// Whether policies and chunks are as the settings say.
const IS_AS_SET: &str = "
select exists (
    select from timescaledb_information.jobs
    where proc_name = 'policy_retention' and hypertable_schema = 'dashboard' and hypertable_name = 'checks'
        and (config ->> 'drop_after')::interval = $1 * interval '1 day'
) and exists (
    select from timescaledb_information.dimensions
    where hypertable_schema = 'dashboard' and hypertable_name = 'checks' and time_interval = $2 * interval '1 hour'
)";

/// A row of a time whose chunk is compressed opens what it may conflict with, however much that is.
const OPEN_COMPRESSED: &str =
    "select set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)";
const FORGET: &str = "select dashboard.history_forget($1)";
const EXTENT: &str = "
select estimate, bytes, first_chunk_end, version,
    case when estimate > 1000000 then estimate
        else (select count(*) from dashboard.checks) + (select count(*) from dashboard.health_samples)
    end as rows
from dashboard.history_extent";
const OLDEST: &str = "
select least((select min(checked_at) from dashboard.checks where checked_at < $1),
    (select min(checked_at) from dashboard.health_samples where checked_at < $1))";

/// At the first start: makes what this engine needs, where TimescaleDB is offered. `false`: it is not, or it could not be made.
pub(super) async fn make_where_offered(
    client: &mut Client,
    config: &StoreConfig,
) -> Result<bool, StoreError> {
    if let Err(reason) = offer::accept(client, config).await? {
        tracing::debug!(reason, "history is kept without TimescaleDB");
        return Ok(false);
    }
    match make(client, config).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_unavailable() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "TimescaleDB is there, but history cannot be kept in it; native partitions are used");
            Ok(false)
        }
    }
}

async fn make(client: &mut Client, config: &StoreConfig) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    session::execute(&transaction, FIND_EXTENSION, &[]).await?;
    transaction.batch_execute(FROM_PLAIN).await?;
    make_all(&transaction, config, VIEWS).await?;
    Ok(transaction.commit().await?)
}

/// Hypertables of two tables without keys, their rollups, the views of readers, and the policies.
async fn make_all(
    transaction: &Transaction<'_>,
    config: &StoreConfig,
    views: &str,
) -> Result<(), StoreError> {
    transaction.batch_execute(TABLES).await?;
    let (_, hours) = settings(config);
    for hypertable in HYPERTABLES {
        session::sweep(transaction, hypertable, &[(&hours, Type::INT4)]).await?;
    }
    transaction.batch_execute(ROLLUPS_FROM_ROWS).await?;
    for resolution in [Resolution::Hour, Resolution::Day] {
        transaction.batch_execute(&resolution.in_sql(ROLLUPS_FROM_FINER)).await?;
    }
    for resolution in Resolution::ALL {
        transaction.batch_execute(&resolution.in_sql(views)).await?;
    }
    for statements in [FUNCTIONS, ROLLUP_POLICIES] {
        transaction.batch_execute(statements).await?;
    }
    set_policies(transaction, config).await?;
    session::execute(transaction, RECORD, &[]).await?;
    Ok(())
}

/// Makes policies follow the settings. At every start.
pub(super) async fn configure(client: &mut Client, config: &StoreConfig) -> Result<(), StoreError> {
    let (days, hours) = settings(config);
    let row = session::row(client, IS_AS_SET, &[(&days, Type::INT4), (&hours, Type::INT4)]).await?;
    if row.is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    session::execute(&transaction, FIND_EXTENSION, &[]).await?;
    set_policies(&transaction, config).await?;
    Ok(transaction.commit().await?)
}

async fn set_policies(client: &impl GenericClient, config: &StoreConfig) -> Result<(), StoreError> {
    let (days, hours) = settings(config);
    session::sweep(client, POLICIES, &[(&days, Type::INT4), (&hours, Type::INT4)]).await.map(drop)
}

/// Days that raw rows are kept, hours of a chunk.
fn settings(config: &StoreConfig) -> (i32, i32) {
    (config.retention_days.cast_signed(), config.chunk_interval.hours().cast_signed())
}

pub(super) async fn open_compressed(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    session::execute(transaction, OPEN_COMPRESSED, &[]).await.map(drop)
}

pub(super) async fn forget(transaction: &Transaction<'_>, ids: &[i64]) -> Result<(), StoreError> {
    session::sweep(transaction, FORGET, &[(&ids, Type::INT8_ARRAY)]).await.map(drop)
}

/// Policies do what is due; only what a conversion has left behind is no business of theirs.
pub(super) async fn expire(
    store: &Store,
    now: DateTime<Utc>,
    done: &mut Maintenance,
) -> Result<(), StoreError> {
    let session = store.session().await?;
    done.rows_dropped += convert::expire_before(session.client(), now).await?;
    Ok(())
}

pub(super) async fn extent(client: &Client) -> Result<Extent, StoreError> {
    let row = session::row(client, EXTENT, &[]).await?;
    let row = row.ok_or(StoreError::Unreadable { what: "size of its history" })?;
    let first_chunk_end: Option<DateTime<Utc>> = row.try_get("first_chunk_end")?;
    let oldest = match first_chunk_end {
        Some(end) => session::row(client, OLDEST, &[(&end, Type::TIMESTAMPTZ)]).await?,
        None => None,
    };
    Ok(Extent {
        rows: row.try_get("rows")?,
        bytes: row.try_get("bytes")?,
        oldest: oldest.map(|row| row.try_get(0)).transpose()?.flatten(),
        timescaledb_version: row.try_get("version")?,
    })
}
