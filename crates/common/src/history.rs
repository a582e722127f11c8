//! What was measured over time: series for charts, and the checks themselves.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ConnectionId;

/// How many points of a series a chart gets when nobody says.
pub const DEFAULT_POINTS: u32 = 1000;
/// The most that may be asked for: two for each pixel of a very wide screen.
pub const MAX_POINTS: u32 = 10_000;

/// Which series over which range. Without `from` and `to`: the last 24 h.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChartQuery {
    /// Of which connections; none: of all that are not deleted.
    pub connection_ids: Vec<ConnectionId>,
    /// Names of the columns of [`LATENCY_METRICS`] or of [`crate::health::Metrics`]; none: the usual one(s).
    pub metrics: Vec<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// The most points of a series.
    pub points: Option<u32>,
}

/// What a latency chart can show. The first is what is meant when nobody says.
pub const LATENCY_METRICS: [&str; 7] =
    ["round_trip_ms", "total_ms", "dns_ms", "tcp_ms", "tls_ms", "auth_ms", "query_ms"];

/// What a health chart can show: each number of [`crate::health::Metrics`], in its order, with its unit.
pub const HEALTH_METRICS: [(&str, &str); 18] = [
    ("cache_hit_ratio", "ratio"),
    ("active_connections", "count"),
    ("idle_connections", "count"),
    ("idle_in_transaction_connections", "count"),
    ("total_connections", "count"),
    ("max_connections", "count"),
    ("reserved_connections", "count"),
    ("database_size_bytes", "bytes"),
    ("transactions_per_s", "per_s"),
    ("rollback_ratio", "ratio"),
    ("deadlocks", "count"),
    ("temp_bytes_per_s", "bytes_per_s"),
    ("replication_lag_s", "s"),
    ("replication_lag_bytes", "bytes"),
    ("oldest_xid_age", "count"),
    ("longest_transaction_s", "s"),
    ("waiting_locks", "count"),
    ("wal_bytes_per_s", "bytes_per_s"),
];

/// What a health chart shows when nobody says.
pub const DEFAULT_HEALTH_METRICS: [&str; 4] =
    ["cache_hit_ratio", "active_connections", "transactions_per_s", "database_size_bytes"];

/// The most lines of one chart: connections times metrics.
pub const MAX_SERIES: usize = 100;
/// The most points of all its lines together.
pub const MAX_POINTS_OF_ALL: u32 = 200_000;
/// The longest range of a chart: as long as daily numbers are kept.
pub const MAX_RANGE_DAYS: i64 = 5 * 365;

/// The columns of the points of a series, in their order.
pub const COLUMNS: [&str; 7] = ["t", "p50", "p95", "min", "max", "count", "failures"];

/// Answer of `GET /api/latency-chart-data` and `GET /api/health-metrics-chart-data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChartData {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// What one point stands for; 0 where each point is one check.
    pub resolution_s: u32,
    pub series: Vec<Series>,
    pub marks: Vec<Mark>,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Series {
    pub connection_id: ConnectionId,
    /// The name of the connection.
    pub name: String,
    pub metric: String,
    /// `ms`, `ratio`, `count`, `bytes`, `s`, `per_s`, `bytes_per_s`.
    pub unit: String,
    /// [`COLUMNS`].
    pub columns: Vec<String>,
    /// By time. `t` is the begin of what the point stands for, in epoch milliseconds. `min` and `max` are those of every
    /// value. `p50` and `p95` are those of the values themselves, or within 2 % from merged histograms; of what has none (health
    /// and single phases, further back), `p50` is the mean and `p95` null. Values are null where nothing was
    /// measured although there were checks (all failed). Where there were no checks for longer than usual, a point with `count`
    /// 0 stands at the begin of the gap, so that no line is drawn across it.
    pub points: Vec<Vec<Option<f64>>>,
}

/// Something that happened at a time, to be marked on a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mark {
    pub connection_id: ConnectionId,
    /// Epoch milliseconds.
    pub t: i64,
    /// As in [`crate::health::ChangeKind`].
    pub kind: String,
    pub label: String,
}

/// `GET /api/recent-checks`: which checks, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecentChecksQuery {
    /// None: of all.
    pub connection_ids: Vec<ConnectionId>,
    /// Only those that passed, or that failed.
    pub ok: Option<bool>,
    /// The cursor of the page before, or a time (RFC 3339).
    pub before: Option<String>,
    pub limit: Option<u32>,
}
