//! A changed connection: every field replaced, under the version that the change was made from.

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionInput, FieldError, PasswordChange, SslMode};
use tokio_postgres::{Row, Transaction, types::Type};

use super::{
    insert::tag_keys,
    naming::{as_name_taken, free_name, is_name_taken, name_key, search_text},
};
use crate::{
    Store, StoreError,
    open::commit,
    sealed::{self, Purpose},
    session,
};

const LOCK: &str = "
select version, name, host, port, database_name, username, password_token, ssl_mode, ssl_root_cert, paused
from dashboard.connections
where id = $1 and deleted_at is null
for update";
const UPDATE: &str = "
update dashboard.connections
set version = version + 1, name = $2, name_key = $3, host = $4, port = $5, database_name = $6, username = $7,
    password_token = $8, ssl_mode = $9, ssl_root_cert = $10, region = $11, cloud_provider = $12,
    latitude = $13, longitude = $14, place_approximate = false, tags = $15, tag_keys = $16, notes = $17,
    check_interval_s = $18, paused = $19, let_sleep = $20, search_text = $21, updated_at = $22
where id = $1 and version = $23 and deleted_at is null";
/// What was measured at another place says nothing of this one, nor does what is being measured there right now;
/// the raw history stays.
const FORGET_LATEST: &str = "
with moved as (update dashboard.connections set address_version = version where id = $1),
    gone as (delete from dashboard.latest_tests where connection_id = $1),
    sick as (delete from dashboard.latest_health where connection_id = $1)
delete from dashboard.finding_spans where connection_id = $1";

const NAME_ATTEMPTS: u32 = 20;

/// A connection as it is stored now, without its secret: what a guard compares a change with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub connection_id: ConnectionId,
    pub version: i32,
    pub name: String,
    pub host: String,
    pub port: u16,
    pub database_name: String,
    pub username: String,
    pub has_password: bool,
    pub ssl_mode: SslMode,
    pub ssl_root_cert: Option<String>,
    pub paused: bool,
}

impl Stored {
    /// Whether a change leads to another database, as far as can be told from its address.
    fn is_elsewhere(&self, input: &ConnectionInput) -> bool {
        self.host != input.host || self.port != input.port || self.database_name != input.database_name
    }
}

impl Store {
    /// Replaces every field; the password stays unless the input sets or removes it. `guard` sees the row as it
    /// is, locked, and may refuse the change. Without a name it gets the default one. When host, port or
    /// database change, the last test and health go: they were of another database.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when `input.version` is old, [`StoreError::Refused`]
    /// by the guard, [`StoreError::NameTaken`]. Nothing is stored then.
    pub async fn update(
        &self,
        id: ConnectionId,
        input: &ConnectionInput,
        now: DateTime<Utc>,
        guard: impl Fn(&Stored) -> Result<(), FieldError>,
    ) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            match self.update_once(id, input, now, &guard).await {
                Err(error) if is_name_taken(&error) && input.name.is_none() && attempt < NAME_ATTEMPTS => {
                    attempt += 1;
                }
                outcome => return outcome.map_err(as_name_taken),
            }
        }
    }

    async fn update_once(
        &self,
        id: ConnectionId,
        input: &ConnectionInput,
        now: DateTime<Utc>,
        guard: &impl Fn(&Stored) -> Result<(), FieldError>,
    ) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let row =
            session::row(&transaction, LOCK, &[(&id.0, Type::INT8)]).await?.ok_or(StoreError::NotFound)?;
        let (stored, token) = stored(id, &row)?;
        if input.version.is_some_and(|version| version != stored.version) {
            return Err(StoreError::Conflict { current: stored.version });
        }
        guard(&stored).map_err(StoreError::Refused)?;
        let name = match &input.name {
            Some(name) => name.clone(),
            None => free_name(&transaction, &input.default_name(), id).await?,
        };
        let token = match &input.password {
            PasswordChange::Keep => token,
            PasswordChange::Remove => None,
            PasswordChange::Set(password) => Some(
                sealed::seal(self.keys(), id, Purpose::Password, password.as_secret())
                    .map_err(|source| StoreError::Json { what: "secret", source })?,
            ),
        };
        let changed = update_row(&transaction, &stored, input, &name, token.as_deref(), now).await?;
        if changed == 0 {
            return Err(StoreError::Conflict { current: stored.version });
        }
        if stored.is_elsewhere(input) {
            session::execute(&transaction, FORGET_LATEST, &[(&id.0, Type::INT8)]).await?;
        }
        commit(transaction).await
    }
}

fn stored(id: ConnectionId, row: &Row) -> Result<(Stored, Option<String>), StoreError> {
    let token: Option<String> = row.try_get("password_token")?;
    let stored = Stored {
        connection_id: id,
        version: row.try_get("version")?,
        name: row.try_get("name")?,
        host: row.try_get("host")?,
        port: super::rows::port(row)?,
        database_name: row.try_get("database_name")?,
        username: row.try_get("username")?,
        has_password: token.is_some(),
        ssl_mode: super::rows::ssl_mode(row)?,
        ssl_root_cert: row.try_get("ssl_root_cert")?,
        paused: row.try_get("paused")?,
    };
    Ok((stored, token))
}

async fn update_row(
    transaction: &Transaction<'_>,
    stored: &Stored,
    input: &ConnectionInput,
    name: &str,
    token: Option<&str>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let (latitude, longitude) = input.place.unzip();
    session::execute(
        transaction,
        UPDATE,
        &[
            (&stored.connection_id.0, Type::INT8),
            (&name, Type::TEXT),
            (&name_key(name), Type::TEXT),
            (&input.host, Type::TEXT),
            (&i32::from(input.port), Type::INT4),
            (&input.database_name, Type::TEXT),
            (&input.username, Type::TEXT),
            (&token, Type::TEXT),
            (&input.ssl_mode.as_str(), Type::TEXT),
            (&input.ssl_root_cert, Type::TEXT),
            (&input.region, Type::TEXT),
            (&input.cloud_provider, Type::TEXT),
            (&latitude, Type::FLOAT8),
            (&longitude, Type::FLOAT8),
            (&input.tags, Type::TEXT_ARRAY),
            (&tag_keys(&input.tags), Type::TEXT_ARRAY),
            (&input.notes, Type::TEXT),
            (&input.check_interval_s, Type::INT4),
            (&input.paused, Type::BOOL),
            (&input.let_sleep, Type::BOOL),
            (&search_text(input, name), Type::TEXT),
            (&now, Type::TIMESTAMPTZ),
            (&stored.version, Type::INT4),
        ],
    )
    .await
}
