//! The dashboard's own database, open: migrated, its key checked, its pool filled.

use std::{fmt, sync::Arc};

use common::database::{DatabaseMode, PoolInfo};

use crate::{
    ChunkInterval, KeyRing, StoreConfig, StoreError,
    history::engine::{Engine, Room},
    key_check, migrate,
    open::{DatabaseUrl, Pool, Session, build_pool, main_url, migration_url},
    session,
};

/// The dashboard's own database. Cheap to clone: all clones share one pool.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    url: DatabaseUrl,
    direct_url: DatabaseUrl,
    mode: DatabaseMode,
    keys: KeyRing,
    retention_days: u32,
    chunk_interval: ChunkInterval,
    engine: Engine,
    room: Room,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.inner.url.address())
    }
}

impl Store {
    /// Connects, migrates under an advisory lock and checks the key. With a wrong key, nothing is changed.
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let (_, engine) = migrate::migrate_and_choose(&config).await?;
        let url = main_url(&config)?;
        let pool = build_pool(url.clone())?;
        let (_, direct_url) = migration_url(&config)?;
        let inner = Inner {
            pool,
            url,
            direct_url,
            mode: config.mode,
            keys: config.keys,
            retention_days: config.retention_days,
            chunk_interval: config.chunk_interval,
            engine,
            room: Room::default(),
        };
        let store = Self { inner: Arc::new(inner) };
        if config.direct_url.is_some() {
            store.refuse_another_database().await?;
        }
        store.ping().await?;
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let session = self.session().await?;
        session::row(session.client(), "select 1", &[]).await.map(|_| ())
    }

    /// The sessions of this dashboard on its own database.
    pub fn pool_info(&self) -> PoolInfo {
        let status = self.inner.pool.status();
        let count = |sessions: usize| u32::try_from(sessions).unwrap_or(u32::MAX);
        PoolInfo { size: count(status.size), in_use: count(status.size.saturating_sub(status.available)) }
    }

    /// For how many days history is kept.
    pub fn retention_days(&self) -> u32 {
        self.inner.retention_days
    }

    /// [`KeyRing::digest`] with the keys of this store.
    pub fn digest(&self, text: &[u8]) -> [u8; 32] {
        self.keys().digest(text)
    }

    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        Session::take(&self.inner.pool).await
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.inner.keys
    }

    pub(crate) fn url(&self) -> &DatabaseUrl {
        &self.inner.url
    }

    /// Where a session is one's own.
    pub(crate) fn direct_url(&self) -> &DatabaseUrl {
        &self.inner.direct_url
    }

    pub(crate) fn mode(&self) -> DatabaseMode {
        self.inner.mode
    }

    pub(crate) fn chunk_interval(&self) -> &ChunkInterval {
        &self.inner.chunk_interval
    }

    /// What keeps history.
    pub(crate) fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// What the native engine knows of its partitions.
    pub(crate) fn room(&self) -> &Room {
        &self.inner.room
    }

    /// The migrations went to DATABASE_DIRECT_URL: what they wrote must be what DATABASE_URL sees.
    async fn refuse_another_database(&self) -> Result<(), StoreError> {
        let session = self.session().await?;
        if key_check::passes(session.client(), self.keys()).await? {
            Ok(())
        } else {
            Err(StoreError::DifferentDatabases)
        }
    }
}
