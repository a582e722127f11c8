//! The dashboard's own database, and all connections in a few numbers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Unavailable;

/// Who runs the dashboard's own database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DatabaseMode {
    /// The dashboard started it.
    Embedded,
    /// `DATABASE_URL` names it.
    External,
}

/// Where history is kept, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryInfo {
    /// `native` or `timescaledb`.
    pub engine: String,
    pub timescaledb_version: Option<String>,
    /// As configured: `7 days`.
    pub chunk_interval: String,
    pub retention_days: u32,
    pub rows: i64,
    pub size_bytes: i64,
    pub oldest: Option<DateTime<Utc>>,
}

/// Sessions of the dashboard on its own database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolInfo {
    pub size: u32,
    pub in_use: u32,
}

/// Measurements on disk that wait for the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpoolInfo {
    pub rows: i64,
    pub bytes: i64,
    /// Measurements that were lost since the start, because there was no room for them.
    pub dropped: i64,
    /// Why nothing can be written to the disk, in words; `null`: all is well.
    pub error: Option<String>,
}

/// Which migrations the database has, and which this release knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationInfo {
    pub applied: i32,
    pub latest: i32,
}

/// `GET /api/database/info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatabaseInfo {
    /// Always `postgresql`.
    pub engine: String,
    pub mode: DatabaseMode,
    pub host: String,
    pub port: u16,
    pub database_name: String,
    pub server_version: String,
    pub history: HistoryInfo,
    pub pool: PoolInfo,
    pub spool: Option<SpoolInfo>,
    pub migrations: MigrationInfo,
    pub unavailable: Unavailable,
}

/// How many connections stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionCounts {
    pub total: u32,
    pub up: u32,
    pub degraded: u32,
    pub down: u32,
    pub paused: u32,
    pub unknown: u32,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingCounts {
    pub critical: u32,
    pub warning: u32,
}

/// Round trips of all connections over the last 24 h.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LatencyPercentiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
}

/// The connections that share a region, a provider or a version (`None`: not known).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    pub name: Option<String>,
    pub connections: ConnectionCounts,
}

/// `GET /api/database-summary`: all connections in a few numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatabaseSummary {
    pub connections: ConnectionCounts,
    /// By `24h`, `7d`, `30d`.
    pub availability_ratio: BTreeMap<String, Option<f64>>,
    pub latency_ms: LatencyPercentiles,
    /// The sizes of all databases that were read; each database counts once.
    pub size_bytes: Option<i64>,
    pub findings: FindingCounts,
    pub by_region: Vec<Group>,
    pub by_cloud_provider: Vec<Group>,
    /// By major version.
    pub by_version: Vec<Group>,
    /// When the newest of these readings was taken.
    pub checked_at: Option<DateTime<Utc>>,
    pub unavailable: Unavailable,
}
