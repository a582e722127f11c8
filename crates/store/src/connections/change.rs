//! A changed connection: every field replaced, under the version that the change was made from.

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionInput, FieldError, PasswordChange, SslMode, event::EventKind};
use serde_json::json;
use tokio_postgres::{Row, types::Type};

use super::{
    fields::{self, Fields},
    naming::{NAME_ATTEMPTS, as_name_taken, free_name, is_name_taken},
};
use crate::{
    Store, StoreError,
    events::tell,
    open::commit,
    sealed::{self, Purpose},
    session,
};

const LOCK: &str = "
select version, name, host, port, database_name, username, password_token, ssl_mode, ssl_root_cert, paused
from dashboard.connections
where id = $1 and deleted_at is null
for update";
/// $9 is the password's token: it is another one only when the password is.
const UPDATE: &str = concat!(
    "
update dashboard.connections
set version = version + 1, place_approximate = false,
    password_set_at = case
        when password_token is not distinct from $9 then password_set_at
        when $9 is not null then $2
    end,
    (",
    fields::columns!(),
    ") = row (",
    fields::values!(),
    ")
where id = $1 and version = $24 and deleted_at is null"
);
/// What was measured at another place says nothing of this one, nor does what is being measured there right now;
/// the raw history stays, but for statements: under the same ids the other database has others.
const FORGET_LATEST: &str = "
with moved as (update dashboard.connections set address_version = version where id = $1),
    gone as (delete from dashboard.latest_tests where connection_id = $1),
    sick as (delete from dashboard.latest_health where connection_id = $1),
    counted as (delete from dashboard.statement_snapshots where connection_id = $1),
    said as (delete from dashboard.statement_texts where connection_id = $1),
    between as (delete from dashboard.statement_intervals where connection_id = $1),
    spent as (delete from dashboard.statement_deltas where connection_id = $1),
    loaded as (delete from dashboard.load_reports where connection_id = $1),
    looked as (delete from dashboard.plan_looks where connection_id = $1),
    planned as (delete from dashboard.statement_plans where connection_id = $1)
delete from dashboard.finding_spans where connection_id = $1";

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
        let fields = Fields::new(id, input, &name, token.as_deref(), now);
        let mut params = fields.params();
        params.push((&stored.version, Type::INT4));
        let changed = session::execute(&transaction, UPDATE, &params).await?;
        if changed == 0 {
            return Err(StoreError::Conflict { current: stored.version });
        }
        if stored.is_elsewhere(input) {
            session::execute(&transaction, FORGET_LATEST, &[(&id.0, Type::INT8)]).await?;
        }
        let version = json!({ "version": stored.version + 1 });
        tell::of_connection(&transaction, EventKind::ConnectionUpdated, id, now, version).await?;
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
