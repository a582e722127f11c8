//! A connection as the API and the pages show it. It holds no secret, only whether there is one.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, SslMode, TestResult, Unavailable, health::HealthStatus};

/// For how many seconds a deleted connection can be restored.
pub const UNDO_WINDOW_S: u32 = 30;

/// How a connection stands, from its last check and its health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ConnectionStatus {
    /// The last check failed.
    Down,
    /// Reachable, but its health is warning or critical.
    Degraded,
    /// Never checked.
    Unknown,
    Up,
    Paused,
}

impl ConnectionStatus {
    /// Worst first: the order of lists.
    pub const ALL: [Self; 5] = [Self::Down, Self::Degraded, Self::Unknown, Self::Up, Self::Paused];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Paused => "paused",
        }
    }

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Degraded => "Degraded",
            Self::Unknown => "Not checked",
            Self::Up => "Up",
            Self::Paused => "Paused",
        }
    }
}

/// No such status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a status")]
pub struct UnknownStatus;

impl FromStr for ConnectionStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// What one bar of a heartbeat row says. `None`: no check at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HeartbeatStatus {
    Up,
    Degraded,
    Down,
    None,
}

/// One of the last checks of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    pub at: DateTime<Utc>,
    pub status: HeartbeatStatus,
    pub round_trip_ms: Option<f64>,
}

/// Round trips of the last 24 h; `None` where there was no check that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LatencySummary {
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
}

/// The last health reading in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthSummary {
    pub status: HealthStatus,
    pub score: Option<u8>,
    pub headline: String,
}

/// What a connection is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionName {
    pub id: ConnectionId,
    pub name: String,
}

/// A connection with its last check and health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connection {
    pub id: ConnectionId,
    /// Grows with every change; a change that names an old one is refused.
    pub version: i32,
    pub name: String,
    /// A host name, an IP address or the folder of a Unix socket.
    pub host: String,
    pub port: u16,
    pub database_name: String,
    pub username: String,
    pub has_password: bool,
    pub ssl_mode: SslMode,
    /// PEM; one or more certificates.
    pub ssl_root_cert: Option<String>,
    pub ssl_cert: Option<String>,
    pub has_ssl_key: bool,
    pub pinned: Vec<String>,
    pub region: Option<String>,
    pub cloud_provider: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub place_approximate: bool,
    pub tags: Vec<String>,
    pub notes: String,
    pub check_interval_s: i32,
    pub paused: bool,
    pub let_sleep: bool,
    /// Whether statements that are not the dashboard's own may be planned and run there.
    pub allow_statements: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub status: ConnectionStatus,
    pub last_check: Option<TestResult>,
    /// The last 30 checks, oldest first.
    pub heartbeats: Vec<Heartbeat>,
    pub latency: LatencySummary,
    pub health: Option<HealthSummary>,
    pub unavailable: Unavailable,
}

/// The answer to a create, and to a change that is tested: stored whether or not the test passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Created {
    pub connection: Connection,
    pub test: Option<TestResult>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Sort {
    /// Down, degraded, unknown, up, paused; then by name.
    #[default]
    #[serde(rename = "worst")]
    Worst,
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDesc,
    /// Longest ago first; never checked before all.
    #[serde(rename = "last_check")]
    LastCheck,
    #[serde(rename = "-last_check")]
    LastCheckDesc,
    /// Fastest first; unknown last.
    #[serde(rename = "p95")]
    P95,
    #[serde(rename = "-p95")]
    P95Desc,
    /// Lowest first; unknown last.
    #[serde(rename = "score")]
    Score,
    #[serde(rename = "-score")]
    ScoreDesc,
}

impl Sort {
    pub const ALL: [Self; 9] = [
        Self::Worst,
        Self::Name,
        Self::NameDesc,
        Self::LastCheck,
        Self::LastCheckDesc,
        Self::P95,
        Self::P95Desc,
        Self::Score,
        Self::ScoreDesc,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Name => "name",
            Self::NameDesc => "-name",
            Self::LastCheck => "last_check",
            Self::LastCheckDesc => "-last_check",
            Self::P95 => "p95",
            Self::P95Desc => "-p95",
            Self::Score => "score",
            Self::ScoreDesc => "-score",
        }
    }

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Worst => "Worst first",
            Self::Name => "Name, A to Z",
            Self::NameDesc => "Name, Z to A",
            Self::LastCheck => "Checked longest ago",
            Self::LastCheckDesc => "Checked last",
            Self::P95 => "Fastest first",
            Self::P95Desc => "Slowest first",
            Self::Score => "Lowest score",
            Self::ScoreDesc => "Highest score",
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an order")]
pub struct UnknownSort;

impl FromStr for Sort {
    type Err = UnknownSort;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text).ok_or(UnknownSort)
    }
}

/// Which connections, in which order, from where. Empty texts and `None` do not filter.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ListQuery {
    /// Part of name, host, database, user, region or a tag; without regard to case.
    pub q: String,
    pub tag: Option<String>,
    pub status: Option<ConnectionStatus>,
    pub region: Option<String>,
    pub cloud_provider: Option<String>,
    pub sort: Sort,
    /// 1 to 500; `None` is 100.
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}
