//! A row of the list, in the type that pages and the API show.

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    Connection, ConnectionId, ConnectionStatus, Reason, SslMode, TestResult, Unavailable,
    connection::{HealthSummary, LatencySummary},
    health::HealthStatus,
};
use tokio_postgres::{Row, types::Json};

use crate::StoreError;

/// How a connection stands, as SQL over `c` (connections), `t` (latest_tests) and `h` (latest_health).
macro_rules! status_sql {
    () => {
        "case
        when c.paused then 'paused'
        when t.connection_id is null then 'unknown'
        when not t.ok then 'down'
        when h.status in ('warning', 'critical') then 'degraded'
        else 'up'
    end"
    };
}

/// What [`connection`] reads, over the same three tables.
macro_rules! connection_columns {
    () => {
        concat!(
            "c.id, c.version, c.name, c.host, c.port, c.database_name, c.username,
    c.password_token is not null as has_password, c.ssl_mode, c.ssl_root_cert, c.region, c.cloud_provider,
    c.latitude, c.longitude, c.place_approximate, c.tags, c.notes, c.check_interval_s, c.paused, c.let_sleep,
    c.allow_statements, c.created_at, c.updated_at, ",
            crate::connections::rows::status_sql!(),
            " as status, t.result as test_result, t.checked_at as tested_at, t.p50_us, t.p95_us, t.latency_at,
    h.status as health_status, h.score as health_score, h.headline as health_headline"
        )
    };
}

pub(super) use {connection_columns, status_sql};

/// How far back `latency` goes.
pub(super) fn latency_window() -> TimeDelta {
    TimeDelta::hours(24)
}

/// Everything but the heartbeats, which are read for a whole page at once.
pub(super) fn connection(row: &Row, now: DateTime<Utc>) -> Result<Connection, StoreError> {
    let mut unavailable = Unavailable::new();
    let last_check = last_check(row, &mut unavailable)?;
    let latency = latency(row, now)?;
    if latency.p95_ms.is_none() {
        unavailable.insert("latency".to_owned(), Reason::new("no_check_in_24h"));
    }
    let health = health(row)?;
    if health.is_none() {
        unavailable.insert("health".to_owned(), Reason::new(Reason::NOT_COLLECTED));
    }
    Ok(Connection {
        id: ConnectionId(row.try_get("id")?),
        version: row.try_get("version")?,
        name: row.try_get("name")?,
        host: row.try_get("host")?,
        port: port(row)?,
        database_name: row.try_get("database_name")?,
        username: row.try_get("username")?,
        has_password: row.try_get("has_password")?,
        ssl_mode: ssl_mode(row)?,
        ssl_root_cert: row.try_get("ssl_root_cert")?,
        ssl_cert: None,
        has_ssl_key: false,
        pinned: Vec::new(),
        region: row.try_get("region")?,
        cloud_provider: row.try_get("cloud_provider")?,
        latitude: row.try_get("latitude")?,
        longitude: row.try_get("longitude")?,
        place_approximate: row.try_get("place_approximate")?,
        tags: row.try_get("tags")?,
        notes: row.try_get("notes")?,
        check_interval_s: row.try_get("check_interval_s")?,
        paused: row.try_get("paused")?,
        let_sleep: row.try_get("let_sleep")?,
        allow_statements: row.try_get("allow_statements")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        status: status(row)?,
        last_check,
        heartbeats: Vec::new(),
        latency,
        health,
        unavailable,
    })
}

/// Of the day before the last check; nothing once that is a day ago.
fn latency(row: &Row, now: DateTime<Utc>) -> Result<LatencySummary, StoreError> {
    let at: Option<DateTime<Utc>> = row.try_get("latency_at")?;
    if at.is_none_or(|at| at <= now - latency_window()) {
        return Ok(LatencySummary::default());
    }
    let ms = |us: Option<f64>| us.map(|us| us.round() / 1000.0);
    Ok(LatencySummary { p50_ms: ms(row.try_get("p50_us")?), p95_ms: ms(row.try_get("p95_us")?) })
}

pub(super) fn status(row: &Row) -> Result<ConnectionStatus, StoreError> {
    row.try_get::<_, &str>("status")?.parse().map_err(|_| StoreError::Unreadable { what: "status" })
}

pub(super) fn port(row: &Row) -> Result<u16, StoreError> {
    u16::try_from(row.try_get::<_, i32>("port")?).map_err(|_| StoreError::Unreadable { what: "port" })
}

pub(super) fn ssl_mode(row: &Row) -> Result<SslMode, StoreError> {
    row.try_get::<_, &str>("ssl_mode")?.parse().map_err(|_| StoreError::Unreadable { what: "TLS mode" })
}

/// A status of health as it is kept.
pub(crate) fn health_status(text: &str) -> Result<HealthStatus, StoreError> {
    use HealthStatus::{Critical, Down, Ok, Unknown, Warning};
    [Ok, Warning, Critical, Down, Unknown]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or(StoreError::Unreadable { what: "status of health" })
}

/// A newer replica may have written what this release cannot read: then the list goes without it.
fn last_check(row: &Row, unavailable: &mut Unavailable) -> Result<Option<TestResult>, StoreError> {
    if row.try_get::<_, Option<DateTime<Utc>>>("tested_at")?.is_none() {
        unavailable.insert("last_check".to_owned(), Reason::new(Reason::NOT_COLLECTED));
        return Ok(None);
    }
    match row.try_get::<_, Option<Json<TestResult>>>("test_result") {
        Ok(result) => Ok(result.map(|Json(result)| result)),
        Err(error) => {
            tracing::warn!(%error, "a test result was written by another release");
            unavailable.insert("last_check".to_owned(), Reason::new("It was written by another release."));
            Ok(None)
        }
    }
}

fn health(row: &Row) -> Result<Option<HealthSummary>, StoreError> {
    let Some(status) = row.try_get::<_, Option<&str>>("health_status")? else {
        return Ok(None);
    };
    Ok(Some(HealthSummary {
        status: health_status(status)?,
        score: score(row, "health_score")?,
        headline: row.try_get("health_headline")?,
    }))
}

pub(crate) fn score(row: &Row, column: &str) -> Result<Option<u8>, StoreError> {
    Ok(row.try_get::<_, Option<i16>>(column)?.and_then(|score| u8::try_from(score).ok()))
}
