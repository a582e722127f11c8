//! A new connection.

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionInput, PasswordChange, event::EventKind};
use serde_json::json;

use super::{
    fields::{self, Fields},
    idempotency::{self, Idempotency},
    naming::{NAME_ATTEMPTS, free_name, is_name_taken},
};
use crate::{
    Store, StoreError,
    events::tell,
    open::commit,
    sealed::{self, Purpose},
    session,
};

const DRAW_ID: &str = "select nextval('dashboard.connections_id_seq')";
const INSERT: &str = concat!(
    "insert into dashboard.connections (id, created_at, password_set_at, ",
    fields::columns!(),
    ")
values ($1, $2, case when $9::text is not null then $2::timestamptz end, ",
    fields::values!(),
    ")"
);

impl Store {
    /// Stores a connection, its password sealed to its id. Without a name it is called `database@host`, with
    /// ` (2)` where that is taken. `idempotency` (key, [`Store::digest`] of the request) is remembered in the same
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
                Err(error) if is_name_taken(&error) => {
                    return self.earlier(idempotency, now).await?.ok_or(StoreError::NameTaken);
                }
                outcome => return outcome,
            }
        }
    }

    /// What the same request made, when the name was taken by itself: it came twice at once, and the other one
    /// was first at the index of names.
    async fn earlier(
        &self,
        idempotency: Option<(&str, [u8; 32])>,
        now: DateTime<Utc>,
    ) -> Result<Option<ConnectionId>, StoreError> {
        let Some((key, request_sha256)) = idempotency else { return Ok(None) };
        match self.idempotent(key, &request_sha256, now).await? {
            Idempotency::Same(earlier) => Ok(Some(earlier)),
            Idempotency::New | Idempotency::Different => Ok(None),
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
        let fields = Fields::new(id, input, &name, token.as_deref(), now);
        session::execute(&transaction, INSERT, &fields.params()).await?;
        if let Some((key, request_sha256)) = idempotency
            && let Some(earlier) = idempotency::remember(&transaction, key, &request_sha256, id, now).await?
        {
            // Rolled back: the same request came twice at once, and the other one won.
            return Ok(earlier);
        }
        tell::of_connection(&transaction, EventKind::ConnectionCreated, id, now, json!({})).await?;
        commit(transaction).await?;
        Ok(id)
    }
}
