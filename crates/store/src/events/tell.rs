//! Writing an event with what it tells.
//!
//! Whoever writes something else inserts into `dashboard.events (kind, connection_id, at, details)` in the same
//! transaction, so that neither is there without the other.

use chrono::{DateTime, Utc};
use common::{ConnectionId, event::EventKind};
use serde_json::Value;
use tokio_postgres::{GenericClient, types::Type};

use crate::{StoreError, session};

const TELL: &str = "
insert into dashboard.events (kind, connection_id, at, details) values ($1, $2, $3, $4)";

/// Tells of a connection, in the transaction that changes it.
pub(crate) async fn of_connection(
    client: &impl GenericClient,
    kind: EventKind,
    id: ConnectionId,
    at: DateTime<Utc>,
    details: Value,
) -> Result<(), StoreError> {
    let params = [
        (&kind.as_str() as _, Type::TEXT),
        (&id.0 as _, Type::INT8),
        (&at as _, Type::TIMESTAMPTZ),
        (&details as _, Type::JSONB),
    ];
    session::execute(client, TELL, &params).await.map(drop)
}
