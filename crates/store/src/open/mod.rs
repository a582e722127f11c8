//! Sessions on the dashboard's own database: where the URL leads, dialled directly or taken out of the pool.

mod dial;
mod pool;
mod pooler;
mod url;

use std::time::Duration;

use tokio_postgres::Transaction;

pub use self::url::check_url;
pub(crate) use self::{
    dial::{dial, dial_listener},
    pool::{Pool, Session, build as build_pool},
    pooler::refuse_transaction_pooler,
    url::DatabaseUrl,
};
use crate::{StoreConfig, StoreError, UrlError};

const URL_SETTING: &str = "DATABASE_URL";
const DIRECT_URL_SETTING: &str = "DATABASE_DIRECT_URL";

/// Commits within the limit of a statement.
pub(crate) async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    const COMMIT_LIMIT: Duration = Duration::from_secs(30);
    match tokio::time::timeout(COMMIT_LIMIT, transaction.commit()).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(StoreError::Timeout { limit_s: COMMIT_LIMIT.as_secs() }),
    }
}

/// What all but migrations go to.
pub(crate) fn main_url(config: &StoreConfig) -> Result<DatabaseUrl, StoreError> {
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
