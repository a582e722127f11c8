//! What a test needs of a connection: where to, as whom, and the password.

use chrono::{DateTime, Utc};
use common::{ConnectionId, SslMode};
use secrecy::SecretString;
use tokio_postgres::{Row, types::Type};

use super::rows::{port, ssl_mode};
use crate::{
    KeyRing, Store, StoreError,
    sealed::{self, Purpose},
    session,
};

macro_rules! select_targets {
    ($which:literal) => {
        concat!(
            "
select id, version, host, port, database_name, username, password_token, password_set_at, ssl_mode, ssl_root_cert,
    region, paused, let_sleep
from dashboard.connections
where deleted_at is null and ",
            $which
        )
    };
}

const ONE: &str = select_targets!("id = $1");
const ALL: &str = select_targets!("not paused order by id");
const SOME: &str = select_targets!("id = any ($1)");

/// A connection with its password, for the probe alone.
#[derive(Debug)]
pub struct StoredTarget {
    pub connection_id: ConnectionId,
    /// What a measurement of this target is recorded under.
    pub version: i32,
    pub host: String,
    pub port: u16,
    pub database_name: String,
    pub username: String,
    /// [`StoreError::Secret`] when it cannot be read with the keys at hand.
    pub password: Result<Option<SecretString>, StoreError>,
    /// Since when it has been this password, as far as is known.
    pub password_since: Option<DateTime<Utc>>,
    pub ssl_mode: SslMode,
    /// PEM.
    pub ssl_root_cert: Option<String>,
    pub region: Option<String>,
    pub paused: bool,
    /// It scales to zero: no session may keep it awake.
    pub let_sleep: bool,
}

impl Store {
    /// # Errors
    /// [`StoreError::NotFound`]. An unreadable password is none of this function: the rest of the target is there.
    pub async fn target(&self, id: ConnectionId) -> Result<StoredTarget, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), ONE, &[(&id.0, Type::INT8)]).await?;
        target(&row.ok_or(StoreError::NotFound)?, self.keys())
    }

    /// Every connection that is neither paused nor deleted. One unreadable password does not hide the others.
    pub async fn all_targets(&self) -> Result<Vec<StoredTarget>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), ALL, &[]).await?;
        rows.iter().map(|row| target(row, self.keys())).collect()
    }

    /// Those of `ids` that are not deleted, in any order.
    pub async fn targets(&self, ids: &[ConnectionId]) -> Result<Vec<StoredTarget>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let session = self.session().await?;
        let rows = session::rows(session.client(), SOME, &[(&ids, Type::INT8_ARRAY)]).await?;
        rows.iter().map(|row| target(row, self.keys())).collect()
    }
}

fn target(row: &Row, keys: &KeyRing) -> Result<StoredTarget, StoreError> {
    let connection_id = ConnectionId(row.try_get("id")?);
    let token: Option<String> = row.try_get("password_token")?;
    let password = token.map(|token| open_password(keys, connection_id, &token)).transpose();
    Ok(StoredTarget {
        connection_id,
        version: row.try_get("version")?,
        host: row.try_get("host")?,
        port: port(row)?,
        database_name: row.try_get("database_name")?,
        username: row.try_get("username")?,
        password,
        password_since: row.try_get("password_set_at")?,
        ssl_mode: ssl_mode(row)?,
        ssl_root_cert: row.try_get("ssl_root_cert")?,
        region: row.try_get("region")?,
        paused: row.try_get("paused")?,
        let_sleep: row.try_get("let_sleep")?,
    })
}

fn open_password(
    keys: &KeyRing,
    connection_id: ConnectionId,
    token: &str,
) -> Result<SecretString, StoreError> {
    sealed::open(keys, connection_id, Purpose::Password, token).map_err(|error| {
        tracing::warn!(%connection_id, %error, "a stored password cannot be read");
        StoreError::Secret { connection_id }
    })
}
