//! What keeps the raw rows of history and their rollups: chosen at the first start, and recorded.
//!
//! Every engine has the tables `checks` and `health_samples` and the views `check_series_*` and `health_series_*`
//! ([`super::resolution`]), and that is all that readers see. What differs (how the tables are made, what must be done
//! before and after rows are written, how rollups are kept and old rows dropped) stands in one module for each.

mod native;
mod timescaledb;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio_postgres::{Client, Transaction, types::Type};

pub(crate) use self::native::Room;
pub use self::timescaledb::{Progress, convert_history};
use super::{maintenance::Maintenance, resolution::Resolution};
use crate::{Store, StoreConfig, StoreError, session};

/// What keeps history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Range partitions and rollups that the dashboard makes itself.
    Native,
    /// Hypertables, continuous aggregates and policies.
    Timescaledb,
}

const RECORDED: &str = "select engine from dashboard.history_engine";

impl Engine {
    const ALL: [Self; 2] = [Self::Native, Self::Timescaledb];

    /// As it is recorded, and as the API calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Timescaledb => "timescaledb",
        }
    }

    /// The engine of this database; at the first start it is made: TimescaleDB where it is offered, else the native one. Runs within the lock of the migrations.
    pub(crate) async fn choose(client: &mut Client, config: &StoreConfig) -> Result<Self, StoreError> {
        if let Some(engine) = Self::recorded(client).await? {
            if engine == Self::Timescaledb {
                timescaledb::configure(client, config).await?;
            }
            return Ok(engine);
        }
        if timescaledb::make_where_offered(client, config).await? {
            return Ok(Self::Timescaledb);
        }
        native::make(client, &config.chunk_interval).await?;
        Ok(Self::Native)
    }

    /// `None` before the first start of a release that has engines.
    async fn recorded(client: &Client) -> Result<Option<Self>, StoreError> {
        let Some(row) = session::row(client, RECORDED, &[]).await? else { return Ok(None) };
        let name: &str = row.try_get(0)?;
        let known = Self::ALL.into_iter().find(|engine| engine.as_str() == name);
        known.map(Some).ok_or(StoreError::Unreadable { what: "history engine" })
    }

    /// Makes sure that rows of these times can be written.
    pub(super) async fn make_room(
        self,
        store: &Store,
        times: impl Iterator<Item = DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Native => native::make_room(store, times).await,
            Self::Timescaledb => Ok(()),
        }
    }

    /// Whether rows were refused because another replica has dropped the room for them since.
    pub(super) fn lost_room(self, store: &Store, error: &StoreError) -> bool {
        match self {
            Self::Native => native::lost_room(store, error),
            Self::Timescaledb => false,
        }
    }

    /// Makes a transaction ready for rows of any time.
    pub(super) async fn begin(self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        match self {
            Self::Native => Ok(()),
            Self::Timescaledb => timescaledb::open_compressed(transaction).await,
        }
    }

    /// Notes which rows of a batch came too late for the rollups. `rows`: the times of each connection.
    pub(super) async fn wrote(
        self,
        transaction: &Transaction<'_>,
        rows: &BTreeMap<i64, Vec<DateTime<Utc>>>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Native => native::wrote(transaction, rows).await,
            Self::Timescaledb => Ok(()),
        }
    }

    /// Removes all of these connections.
    pub(crate) async fn forget(self, transaction: &Transaction<'_>, ids: &[i64]) -> Result<(), StoreError> {
        match self {
            Self::Native => native::forget(transaction, ids).await,
            Self::Timescaledb => timescaledb::forget(transaction, ids).await,
        }
    }

    /// What is due every minute: room for what is to come, rollups of what has come.
    pub(super) async fn keep_up(
        self,
        store: &Store,
        now: DateTime<Utc>,
        done: &mut Maintenance,
    ) -> Result<(), StoreError> {
        match self {
            Self::Native => native::keep_up(store, now, done).await,
            Self::Timescaledb => Ok(()),
        }
    }

    /// Drops what is older than it is kept.
    pub(super) async fn expire(
        self,
        store: &Store,
        now: DateTime<Utc>,
        done: &mut Maintenance,
    ) -> Result<(), StoreError> {
        match self {
            Self::Native => native::expire(store, now, done).await,
            Self::Timescaledb => timescaledb::expire(store, now, done).await,
        }
    }

    /// How many raw rows there are (an estimate when they are many), their bytes, and the time of the oldest.
    pub(crate) async fn extent(self, client: &Client) -> Result<Extent, StoreError> {
        match self {
            Self::Native => native::extent(client).await,
            Self::Timescaledb => timescaledb::extent(client).await,
        }
    }
}

/// How much history there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) rows: i64,
    /// With indexes and rollups.
    pub(crate) bytes: i64,
    pub(crate) oldest: Option<DateTime<Utc>>,
    pub(crate) timescaledb_version: Option<String>,
}

/// Drops buckets that are older than they are kept. `after`: what the names of their tables end with. Answers how many.
async fn drop_old_buckets(client: &Client, after: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut gone = 0;
    for resolution in Resolution::ALL {
        let oldest = now - resolution.kept();
        for kind in ["check", "health"] {
            let drop = resolution
                .in_sql(&format!("delete from dashboard.{kind}_rollups_{{r}}{after} where bucket < $1"));
            gone += session::sweep(client, &drop, &[(&oldest, Type::TIMESTAMPTZ)]).await?;
        }
    }
    Ok(gone)
}
