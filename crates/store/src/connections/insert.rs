//! A new connection.

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionInput, PasswordChange};
use tokio_postgres::{Transaction, types::Type};

use super::{
    idempotency,
    naming::{as_name_taken, free_name, is_name_taken, name_key, search_text},
};
use crate::{
    Store, StoreError,
    open::commit,
    sealed::{self, Purpose},
    session,
};

const DRAW_ID: &str = "select nextval('dashboard.connections_id_seq')";
const INSERT: &str = "
insert into dashboard.connections (
    id, name, name_key, host, port, database_name, username, password_token, ssl_mode, ssl_root_cert,
    region, cloud_provider, latitude, longitude, tags, tag_keys, notes, check_interval_s, paused, let_sleep,
    search_text, created_at, updated_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $22)";

/// How often a default name is chosen anew when others take it at the same moment.
const NAME_ATTEMPTS: u32 = 20;

impl Store {
    /// Stores a connection, its password sealed to its id. Without a name it is called `database@host`, with
    /// ` (2)` where that is taken. `idempotency` (key, SHA-256 of the request) is remembered in the same
    /// transaction; when the same request was stored meanwhile, the answer is the connection of then.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], [`StoreError::IdempotencyKeyReused`], or the database is away.
    pub async fn insert(
        &self,
        input: &ConnectionInput,
        idempotency: Option<(&str, [u8; 32])>,
        now: DateTime<Utc>,
    ) -> Result<ConnectionId, StoreError> {
        let mut attempt = 1;
        loop {
            match self.insert_once(input, idempotency, now).await {
                Err(error) if is_name_taken(&error) && input.name.is_none() && attempt < NAME_ATTEMPTS => {
                    attempt += 1;
                }
                outcome => return outcome.map_err(as_name_taken),
            }
        }
    }

    async fn insert_once(
        &self,
        input: &ConnectionInput,
        idempotency: Option<(&str, [u8; 32])>,
        now: DateTime<Utc>,
    ) -> Result<ConnectionId, StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let drawn = session::row(&transaction, DRAW_ID, &[]).await?;
        let id = ConnectionId(drawn.ok_or(StoreError::Unreadable { what: "sequence" })?.try_get(0)?);
        let name = match &input.name {
            Some(name) => name.clone(),
            None => free_name(&transaction, &input.default_name(), id).await?,
        };
        let token = match &input.password {
            PasswordChange::Set(password) => Some(
                sealed::seal(self.keys(), id, Purpose::Password, password.as_secret())
                    .map_err(|source| StoreError::Json { what: "secret", source })?,
            ),
            PasswordChange::Keep | PasswordChange::Remove => None,
        };
        insert_row(&transaction, id, input, &name, token.as_deref(), now).await?;
        if let Some((key, request_sha256)) = idempotency
            && let Some(earlier) = idempotency::remember(&transaction, key, &request_sha256, id, now).await?
        {
            // Rolled back: the same request came twice at once, and the other one won.
            return Ok(earlier);
        }
        commit(transaction).await?;
        Ok(id)
    }
}

async fn insert_row(
    transaction: &Transaction<'_>,
    id: ConnectionId,
    input: &ConnectionInput,
    name: &str,
    token: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (latitude, longitude) = input.place.unzip();
    session::execute(
        transaction,
        INSERT,
        &[
            (&id.0, Type::INT8),
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
        ],
    )
    .await?;
    Ok(())
}

/// What tags are compared by.
pub(super) fn tag_keys(tags: &[String]) -> Vec<String> {
    tags.iter().map(|tag| tag.to_lowercase()).collect()
}
