//! From the native engine to TimescaleDB.
//!
//! In one transaction the native tables step aside and the new ones take their names: from then on new rows go to TimescaleDB.
//! Then each partition is moved and dropped in a transaction of its own. What has been moved is therefore what is not there any
//! more: a conversion that was interrupted goes on with the rest, and no row is moved twice.
//!
//! No dashboard may run at the beginning, because each knows the engine from its start. It may run again as soon as the first
//! partition is being moved.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_postgres::Client;

use super::{
    super::{super::resolution::Resolution, Engine, drop_old_buckets},
    FIND_EXTENSION, OPEN_COMPRESSED, make_all, offer,
};
use crate::{
    Store, StoreConfig, StoreError, migrate,
    open::{dial, migration_url},
    session,
};

const FROM_NATIVE: &str = include_str!("from_native.sql");
const VIEWS: &str = include_str!("views_after_native.sql");

/// Sessions go a moment after whoever had them.
const OTHERS: &str = "
select count(*)
from pg_stat_activity
where application_name = 'pg-dashboard' and datname = current_database() and pid <> pg_backend_pid()";
const OTHERS_LIMIT: Duration = Duration::from_secs(5);

const IS_LEFT: &str = "select to_regclass('dashboard.checks_native') is not null";
/// Both tables have the same partitions. The newest first: they are what people look at.
const PARTITIONS: &str = "
select substring(relname from '^checks(_.*)$')
from pg_inherits
join pg_class on pg_class.oid = inhrelid
where inhparent = 'dashboard.checks_native'::regclass
order by relname desc";
const SCHEMA: &str = "
select quote_ident(nspname)
from pg_extension join pg_namespace on pg_namespace.oid = extnamespace
where extname = 'timescaledb'";

const HAS_BEFORE: &str = "select to_regclass('dashboard.history_before') is not null";

/// How far a conversion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// History has been in TimescaleDB all along, and nothing was left to move.
    Already,
    /// One partition was moved.
    Moved {
        /// Raw rows of it.
        rows: u64,
        /// Partitions that are still to be moved.
        left: usize,
    },
    /// All is moved; rollups are being made from it.
    RollingUp,
    Done,
}

/// Moves a native history to TimescaleDB; `said` hears how far it is. Interrupted, it goes on when it is called again. Refused
/// while a dashboard runs on this database, and where TimescaleDB is not offered.
pub async fn convert_history(
    config: &StoreConfig,
    now: DateTime<Utc>,
    mut said: impl FnMut(Progress),
) -> Result<(), StoreError> {
    let (_, url) = migration_url(config)?;
    let (mut client, task) = dial(&url).await?;
    let outcome = convert(&mut client, config, now, &mut said).await;
    // Ends the session, and with it the lock.
    drop(client);
    let _ = task.await;
    outcome
}

async fn convert(
    client: &mut Client,
    config: &StoreConfig,
    now: DateTime<Utc>,
    said: &mut impl FnMut(Progress),
) -> Result<(), StoreError> {
    refuse_beside_a_dashboard(client).await?;
    // Migrates, and rolls up what is due: what the native engine leaves behind is whole.
    let store = Store::open(config.clone()).await?;
    if store.engine() == Engine::Native {
        store.maintain_history(now).await?;
    }
    let engine = store.engine();
    drop(store);
    migrate::lock(client).await?;
    if engine == Engine::Native {
        refuse_beside_a_dashboard(client).await?;
        if let Err(reason) = offer::accept(client, config).await? {
            return Err(StoreError::NoTimescaledb { reason });
        }
        step_aside(client, config).await?;
    }
    let is_left = session::row(client, IS_LEFT, &[]).await?.is_some_and(|row| row.get(0));
    if !is_left {
        said(Progress::Already);
        return Ok(());
    }
    move_partitions(client, said).await?;
    said(Progress::RollingUp);
    roll_up(client).await?;
    // Only now: until here, who is interrupted rolls up again.
    client.batch_execute("drop table dashboard.checks_native, dashboard.health_samples_native").await?;
    said(Progress::Done);
    Ok(())
}

async fn refuse_beside_a_dashboard(client: &Client) -> Result<(), StoreError> {
    let until = Instant::now() + OTHERS_LIMIT;
    loop {
        let row = session::row(client, OTHERS, &[]).await?;
        if row.is_none_or(|row| row.get::<_, i64>(0) == 0) {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(StoreError::DashboardRuns);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn step_aside(client: &mut Client, config: &StoreConfig) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    session::execute(&transaction, FIND_EXTENSION, &[]).await?;
    transaction.batch_execute(FROM_NATIVE).await?;
    make_all(&transaction, config, VIEWS).await?;
    Ok(transaction.commit().await?)
}

async fn move_partitions(client: &mut Client, said: &mut impl FnMut(Progress)) -> Result<(), StoreError> {
    loop {
        let rows = session::rows(client, PARTITIONS, &[]).await?;
        let Some(first) = rows.first() else { return Ok(()) };
        let slot: &str = first.try_get(0)?;
        let left = rows.len() - 1;
        let moved = move_partition(client, slot).await?;
        said(Progress::Moved { rows: moved, left });
    }
}

/// No limit of time: a partition holds as much as it holds.
async fn move_partition(client: &mut Client, slot: &str) -> Result<u64, StoreError> {
    let transaction = client.transaction().await?;
    session::execute(&transaction, OPEN_COMPRESSED, &[]).await?;
    let mut moved = 0;
    for table in ["checks", "health_samples"] {
        let copy = format!(
            "insert into dashboard.{table} select * from dashboard.\"{table}{slot}\" on conflict do nothing"
        );
        moved += transaction.execute_typed(&copy, &[]).await?;
        transaction.batch_execute(&format!("drop table dashboard.\"{table}{slot}\"")).await?;
    }
    transaction.commit().await?;
    Ok(moved)
}

/// The policies would do it as well, in their time.
async fn roll_up(client: &Client) -> Result<(), StoreError> {
    let Some(row) = session::row(client, SCHEMA, &[]).await? else { return Ok(()) };
    let schema: &str = row.try_get(0)?;
    for resolution in Resolution::ALL {
        for kind in ["check", "health"] {
            let refresh = format!(
                "call {schema}.refresh_continuous_aggregate('dashboard.{kind}_rollups_{{r}}', null, null)"
            );
            client.batch_execute(&resolution.in_sql(&refresh)).await?;
        }
    }
    Ok(())
}

/// Drops rollups from before a conversion that are older than they are kept. Answers how many.
pub(super) async fn expire_before(client: &Client, now: DateTime<Utc>) -> Result<u64, StoreError> {
    if session::row(client, HAS_BEFORE, &[]).await?.is_none_or(|row| !row.get::<_, bool>(0)) {
        return Ok(0);
    }
    drop_old_buckets(client, "_before", now).await
}
