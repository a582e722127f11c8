//! Writing an event with what it tells.
//!
//! A statement that writes something else tells it by one more `insert into dashboard.events (kind, connection_id, at,
//! details)` among its `with` queries: the same statement, so that neither is there without the other.

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

/// How a connection stands, as SQL: paused, tested (null: never), health.
macro_rules! status {
    ($paused:literal, $ok:literal, $health:literal) => {
        concat!(
            "case when ",
            $paused,
            " then 'paused' when ",
            $ok,
            " is null then 'unknown' when not ",
            $ok,
            " then 'down' when ",
            $health,
            " in ('warning', 'critical') then 'degraded' else 'up' end"
        )
    };
}

/// Tells of the changes that `$from` returned (`connection_id, at, kind, subject`).
macro_rules! changes {
    ($from:literal) => {
        concat!(
            "insert into dashboard.events (kind, connection_id, at, details)
    select 'change', noticed.connection_id, noticed.at,
        jsonb_build_object('kind', noticed.kind, 'subject', noticed.subject)
    from ",
            $from,
            " noticed"
        )
    };
}

pub(crate) use {changes, status};
