//! The last checks of the connections of a page.

use std::collections::HashMap;

use common::{Connection, Heartbeat, HeartbeatStatus};
use tokio_postgres::{Client, Row, types::Type};

use crate::{StoreError, session};

/// The lateral join reads the end of one index range for each connection, however long the history is.
const HEARTBEATS: &str = "
select wanted.id, b.checked_at, b.ok, b.degraded, b.round_trip_us
from unnest($1::int8[]) as wanted (id)
cross join lateral (
    select checked_at, ok, degraded, round_trip_us
    from dashboard.checks
    where connection_id = wanted.id
    order by checked_at desc
    limit 30
) b
order by wanted.id, b.checked_at";

/// By connection, oldest first.
pub(super) struct Heartbeats(HashMap<i64, Vec<Heartbeat>>);

impl Heartbeats {
    pub(super) async fn read(client: &Client, ids: &[i64]) -> Result<Self, StoreError> {
        let rows = session::rows(client, HEARTBEATS, &[(&ids, Type::INT8_ARRAY)]).await?;
        let mut heartbeats: HashMap<i64, Vec<Heartbeat>> = HashMap::new();
        for row in &rows {
            heartbeats.entry(row.try_get(0)?).or_default().push(heartbeat(row)?);
        }
        Ok(Self(heartbeats))
    }

    pub(super) fn put_into(&self, mut connection: Connection) -> Connection {
        connection.heartbeats = self.0.get(&connection.id.0).cloned().unwrap_or_default();
        connection
    }
}

fn heartbeat(row: &Row) -> Result<Heartbeat, StoreError> {
    let (ok, degraded): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
    let status = match (ok, degraded) {
        (false, _) => HeartbeatStatus::Down,
        (true, true) => HeartbeatStatus::Degraded,
        (true, false) => HeartbeatStatus::Up,
    };
    let round_trip_us: Option<i32> = row.try_get(4)?;
    Ok(Heartbeat {
        at: row.try_get(1)?,
        status,
        round_trip_ms: round_trip_us.map(|us| f64::from(us) / 1000.0),
    })
}
