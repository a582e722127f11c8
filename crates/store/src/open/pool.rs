//! The pool of sessions on the dashboard's own database.
//!
//! The manager is ours because deadpool-postgres' `Connect` can only fail with an error of tokio-postgres, and what
//! goes wrong while dialling (name, network, TLS) is none. A session is asked before it is handed out again: after
//! a restart of the server or a dropped network `is_closed()` alone still says that all is well.

use std::time::Duration;

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts},
};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Client, Transaction};

use super::{DatabaseUrl, dial};
use crate::{ConnectError, StoreError};

const WAIT_LIMIT: Duration = Duration::from_secs(5);
const RECYCLE_LIMIT: Duration = Duration::from_secs(2);

pub(crate) type Pool = managed::Pool<Dialer>;

/// Opens sessions, and looks after those that come back.
#[derive(Debug)]
pub(crate) struct Dialer {
    url: DatabaseUrl,
}

impl managed::Manager for Dialer {
    type Type = ClientWrapper;
    type Error = ConnectError;

    async fn create(&self) -> Result<ClientWrapper, ConnectError> {
        let (client, task) = dial(&self.url).await?;
        Ok(ClientWrapper::new(client, task))
    }

    async fn recycle(&self, session: &mut ClientWrapper, _: &Metrics) -> RecycleResult<ConnectError> {
        if session.is_closed() {
            return Err(RecycleError::message("the session is closed"));
        }
        session.simple_query("").await.map(|_| ()).map_err(|_| RecycleError::message("the session is broken"))
    }
}

pub(crate) fn build(url: DatabaseUrl) -> Result<Pool, StoreError> {
    let timeouts =
        Timeouts { wait: Some(WAIT_LIMIT), create: Some(dial::LIMIT), recycle: Some(RECYCLE_LIMIT) };
    let sessions = url.pool_size;
    managed::Pool::builder(Dialer { url })
        .max_size(sessions)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
        // It fails only where timeouts are set without a runtime.
        .map_err(|_| StoreError::PoolTimeout { limit_s: 0 })
}

/// A session out of the pool; it goes back when dropped.
pub(crate) struct Session(Object<Dialer>);

impl Session {
    pub(crate) async fn take(pool: &Pool) -> Result<Self, StoreError> {
        match pool.get().await {
            Ok(object) => Ok(Self(object)),
            Err(PoolError::Backend(error)) => Err(error.into()),
            Err(PoolError::Timeout(TimeoutType::Create)) => {
                let address = pool.manager().url.address();
                Err(ConnectError::Timeout { address, limit_s: dial::LIMIT.as_secs() }.into())
            }
            Err(_) => Err(StoreError::PoolTimeout { limit_s: WAIT_LIMIT.as_secs() }),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0
    }

    /// A transaction; it rolls back when dropped without a commit.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        let client: &mut Client = &mut self.0;
        match tokio::time::timeout(WAIT_LIMIT, client.transaction()).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(StoreError::Timeout { limit_s: WAIT_LIMIT.as_secs() }),
        }
    }
}
