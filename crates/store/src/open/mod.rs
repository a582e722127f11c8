//! Opening the dashboard's own database: read the URL, migrate, check the key, fill the pool.

mod dial;
mod pool;
mod pooler;
mod url;

use std::{fmt, sync::Arc, time::Duration};

use common::database::PoolInfo;
use tokio_postgres::Transaction;

pub use self::url::check_url;
pub(crate) use self::{dial::dial, pool::Session, pooler::refuse_transaction_pooler, url::DatabaseUrl};
use crate::{ChunkInterval, KeyRing, StoreConfig, StoreError, UrlError, key_check, migrate, session};
use common::database::DatabaseMode;

const URL_SETTING: &str = "DATABASE_URL";
const DIRECT_URL_SETTING: &str = "DATABASE_DIRECT_URL";

/// The dashboard's own database. Cheap to clone: all clones share one pool.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: pool::Pool,
    url: DatabaseUrl,
    mode: DatabaseMode,
    keys: KeyRing,
    retention_days: u32,
    chunk_interval: ChunkInterval,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.inner.url.address())
    }
}

impl Store {
    /// Connects, migrates under an advisory lock and checks the key. With a wrong key, nothing is changed.
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        migrate::migrate(&config).await?;
        let url = main_url(&config)?;
        let pool = pool::build(url.clone())?;
        let inner = Inner {
            pool,
            url,
            mode: config.mode,
            keys: config.keys,
            retention_days: config.retention_days,
            chunk_interval: config.chunk_interval,
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

    pub(crate) fn mode(&self) -> DatabaseMode {
        self.inner.mode
    }

    pub(crate) fn chunk_interval(&self) -> &ChunkInterval {
        &self.inner.chunk_interval
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

/// Commits within the limit of a statement.
pub(crate) async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    const COMMIT_LIMIT: Duration = Duration::from_secs(30);
    match tokio::time::timeout(COMMIT_LIMIT, transaction.commit()).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(StoreError::Timeout { limit_s: COMMIT_LIMIT.as_secs() }),
    }
}

fn main_url(config: &StoreConfig) -> Result<DatabaseUrl, StoreError> {
    DatabaseUrl::parse(&config.url).map_err(named(URL_SETTING))
}

/// Where migrations go, and which setting says so.
pub(crate) fn migration_url(config: &StoreConfig) -> Result<(&'static str, DatabaseUrl), StoreError> {
    // Both are read, so that a fault in either is told before anything is changed.
    let main = main_url(config)?;
    match &config.direct_url {
        Some(direct) => {
            let direct = DatabaseUrl::parse(direct).map_err(named(DIRECT_URL_SETTING))?;
            Ok((DIRECT_URL_SETTING, direct))
        }
        None => Ok((URL_SETTING, main)),
    }
}

fn named(setting: &'static str) -> impl Fn(UrlError) -> StoreError {
    move |source| StoreError::Url { setting, source }
}
