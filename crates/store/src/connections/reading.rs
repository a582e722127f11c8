//! One connection, and what a page of connections shows of their last day: heartbeats and latency.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::{Connection, ConnectionId, Heartbeat, HeartbeatStatus, Reason, connection::LatencySummary};
use tokio_postgres::{Client, Row, types::Type};

use super::rows::{self, connection_columns};
use crate::{
    Store, StoreError,
    session::{self, Params},
};

const GET: &str = concat!(
    "select ",
    connection_columns!(),
    "
from dashboard.connections c
left join dashboard.latest_tests t on t.connection_id = c.id
left join dashboard.latest_health h on h.connection_id = c.id
where c.id = $1 and c.deleted_at is null"
);

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

/// The lateral join keeps it to one index range for each connection, however long the history is.
const LATENCY: &str = "
select wanted.id, l.percentiles
from unnest($1::int8[]) as wanted (id)
cross join lateral (
    select percentile_cont(array[0.5, 0.95]) within group (order by round_trip_us::float8) as percentiles
    from dashboard.checks
    where connection_id = wanted.id and checked_at > $2 and ok and round_trip_us is not null
) l
where l.percentiles is not null";

/// What `latency` in lists goes back.
pub(super) fn latency_window() -> TimeDelta {
    TimeDelta::hours(24)
}

impl Store {
    /// # Errors
    /// [`StoreError::NotFound`], also when it is deleted and could still be restored.
    pub async fn get(&self, id: ConnectionId, now: DateTime<Utc>) -> Result<Connection, StoreError> {
        let session = self.session().await?;
        let client = session.client();
        let ids = [id.0];
        let only: Params<'_> = &[(&id.0, Type::INT8)];
        let (row, last_day) =
            futures::try_join!(session::row(client, GET, only), LastDay::read(client, &ids, now))?;
        let connection = rows::connection(&row.ok_or(StoreError::NotFound)?)?;
        Ok(last_day.put_into(connection))
    }
}

/// Heartbeats and latency of some connections.
pub(super) struct LastDay {
    heartbeats: HashMap<i64, Vec<Heartbeat>>,
    latency: HashMap<i64, LatencySummary>,
}

impl LastDay {
    /// Both in one round trip.
    pub(super) async fn read(client: &Client, ids: &[i64], now: DateTime<Utc>) -> Result<Self, StoreError> {
        let since = now - latency_window();
        let of_ids: Params<'_> = &[(&ids, Type::INT8_ARRAY)];
        let of_ids_since: Params<'_> = &[(&ids, Type::INT8_ARRAY), (&since, Type::TIMESTAMPTZ)];
        let (beats, percentiles) = futures::try_join!(
            session::rows(client, HEARTBEATS, of_ids),
            session::rows(client, LATENCY, of_ids_since),
        )?;
        let mut heartbeats: HashMap<i64, Vec<Heartbeat>> = HashMap::new();
        for row in &beats {
            heartbeats.entry(row.try_get(0)?).or_default().push(heartbeat(row)?);
        }
        let latency = percentiles.iter().map(latency).collect::<Result<_, StoreError>>()?;
        Ok(Self { heartbeats, latency })
    }

    pub(super) fn put_into(&self, mut connection: Connection) -> Connection {
        let id = connection.id.0;
        connection.heartbeats = self.heartbeats.get(&id).cloned().unwrap_or_default();
        match self.latency.get(&id) {
            Some(latency) => connection.latency = *latency,
            None => {
                let reason = Reason::new("no_check_in_24h");
                connection.unavailable.insert("latency".to_owned(), reason);
            }
        }
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

fn latency(row: &Row) -> Result<(i64, LatencySummary), StoreError> {
    let us: Vec<f64> = row.try_get(1)?;
    let ms = |at: usize| us.get(at).map(|us| us / 1000.0);
    Ok((row.try_get(0)?, LatencySummary { p50_ms: ms(0), p95_ms: ms(1) }))
}
