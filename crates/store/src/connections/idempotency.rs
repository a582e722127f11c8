//! `Idempotency-Key`: a request that is sent again is answered with what the first one made.

use chrono::{DateTime, TimeDelta, Utc};
use common::ConnectionId;
use tokio_postgres::{Transaction, types::Type};

use crate::{Store, StoreError, session};

/// After this a key may mean another request.
pub(super) const KEPT_HOURS: i64 = 24;

const FIND: &str = "
select request_sha256, connection_id from dashboard.idempotency_keys where key = $1 and created_at >= $2";
/// Waits for a transaction that is storing the same key.
const REMEMBER: &str = "
insert into dashboard.idempotency_keys as known (key, request_sha256, connection_id, created_at)
values ($1, $2, $3, $4)
on conflict (key) do update
set request_sha256 = excluded.request_sha256, connection_id = excluded.connection_id,
    created_at = excluded.created_at
where known.created_at < $5";

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    New,
    /// The same request made this connection.
    Same(ConnectionId),
    /// It came with another request.
    Different,
}

impl Store {
    /// Whether a request with this key was stored within the last 24 h.
    pub async fn idempotent(
        &self,
        key: &str,
        request_sha256: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Idempotency, StoreError> {
        let session = self.session().await?;
        find(session.client(), key, request_sha256, now).await
    }
}

async fn find(
    client: &impl tokio_postgres::GenericClient,
    key: &str,
    request_sha256: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Idempotency, StoreError> {
    if key.contains('\0') {
        // PostgreSQL keeps no NUL, so none was stored.
        return Ok(Idempotency::New);
    }
    let oldest = now - TimeDelta::hours(KEPT_HOURS);
    let Some(row) = session::row(client, FIND, &[(&key, Type::TEXT), (&oldest, Type::TIMESTAMPTZ)]).await?
    else {
        return Ok(Idempotency::New);
    };
    let known: &[u8] = row.try_get(0)?;
    if known == request_sha256 {
        Ok(Idempotency::Same(ConnectionId(row.try_get(1)?)))
    } else {
        Ok(Idempotency::Different)
    }
}

/// Keeps the key with the connection, in the transaction that stores it. `Some`: the same request was stored in
/// the meantime, with this connection; the caller rolls back.
pub(super) async fn remember(
    transaction: &Transaction<'_>,
    key: &str,
    request_sha256: &[u8; 32],
    id: ConnectionId,
    now: DateTime<Utc>,
) -> Result<Option<ConnectionId>, StoreError> {
    let oldest = now - TimeDelta::hours(KEPT_HOURS);
    let kept = session::execute(
        transaction,
        REMEMBER,
        &[
            (&key.replace('\0', "\u{FFFD}"), Type::TEXT),
            (&request_sha256.as_slice(), Type::BYTEA),
            (&id.0, Type::INT8),
            (&now, Type::TIMESTAMPTZ),
            (&oldest, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    if kept == 1 {
        return Ok(None);
    }
    match find(transaction, key, request_sha256, now).await? {
        Idempotency::Same(earlier) => Ok(Some(earlier)),
        Idempotency::Different | Idempotency::New => Err(StoreError::IdempotencyKeyReused),
    }
}
