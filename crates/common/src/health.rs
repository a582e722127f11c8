//! The health of a database: numbers, checks with their verdicts, statements, and the findings they lead to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, TestError, Unavailable, test_result::Pooler};

/// The verdict on a database as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HealthStatus {
    Ok,
    Warning,
    Critical,
    /// It could not be asked.
    Down,
    /// It was never asked.
    Unknown,
}

impl HealthStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// Which part the server plays in replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ServerRole {
    Primary,
    Standby,
}

/// The server behind a connection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Server {
    pub version: Option<String>,
    pub version_num: Option<i32>,
    pub role: Option<ServerRole>,
    pub started_at: Option<DateTime<Utc>>,
    pub uptime_s: Option<f64>,
    /// `pg_control_system().system_identifier`, as text: it does not fit a JavaScript number.
    pub system_identifier: Option<String>,
    pub pooler: Option<Pooler>,
    pub managed_by: Option<String>,
    pub timezone: Option<String>,
}

/// The numbers of one health reading. Rates are per second over the interval since the reading before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metrics {
    pub cache_hit_ratio: Option<f64>,
    pub active_connections: Option<i64>,
    pub idle_connections: Option<i64>,
    pub idle_in_transaction_connections: Option<i64>,
    pub total_connections: Option<i64>,
    pub max_connections: Option<i64>,
    pub reserved_connections: Option<i64>,
    pub database_size_bytes: Option<i64>,
    pub transactions_per_s: Option<f64>,
    pub rollback_ratio: Option<f64>,
    pub deadlocks: Option<i64>,
    pub temp_bytes_per_s: Option<f64>,
    pub replication_lag_s: Option<f64>,
    pub replication_lag_bytes: Option<i64>,
    pub oldest_xid_age: Option<i64>,
    pub longest_transaction_s: Option<f64>,
    pub waiting_locks: Option<i64>,
    pub wal_bytes_per_s: Option<f64>,
}

/// The verdict of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CheckStatus {
    Ok,
    Info,
    Warning,
    Critical,
    /// It could not be read; `unavailable` says why.
    Unavailable,
    /// It does not apply here, or there is too little to say.
    Skipped,
}

/// The limits of a check, in the unit of its value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Threshold {
    pub warning: f64,
    pub critical: f64,
}

/// One thing that a check found: a table, an index, a session. Both texts may hold names of the server's: hostile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// `public.orders`, `pid 4711`.
    pub subject: String,
    pub detail: String,
    /// What mends this one; `None` where a person has to think first.
    pub fix_sql: Option<String>,
}

/// One check: what was measured, what that means, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// A slug: `cache-hit-ratio`, `connections-used`.
    pub id: String,
    pub title: String,
    pub status: CheckStatus,
    pub value: Option<f64>,
    /// `ratio`, `count`, `bytes`, `s`, …
    pub unit: String,
    pub threshold: Option<Threshold>,
    /// How many points of 100 it took from the score.
    pub points: u8,
    pub detail: String,
    /// Why it matters, in a sentence that holds for every database.
    pub why: String,
    /// What it stands on: the worst tables, the sessions that block each other. Never all of them.
    pub evidence: Vec<Evidence>,
    pub fix_sql: Option<String>,
    pub docs_url: Option<String>,
    pub measured_at: DateTime<Utc>,
    pub unavailable: Unavailable,
}

/// One normalised statement of `pg_stat_statements`. The text is hostile: show it as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Statement {
    /// As text: a 64-bit id does not fit a JavaScript number.
    pub query_id: String,
    pub query: String,
    pub user: Option<String>,
    pub database: Option<String>,
    pub calls: i64,
    pub total_ms: f64,
    pub mean_ms: f64,
    pub min_ms: f64,
    pub max_ms: f64,
    pub stddev_ms: f64,
    pub rows: i64,
    /// Its part of the time of all statements.
    pub share_ratio: Option<f64>,
    pub shared_hit_ratio: Option<f64>,
    pub shared_read_bytes: i64,
    pub temp_bytes: i64,
    pub wal_bytes: Option<i64>,
    /// Since when the counters count; `None` where the server does not say.
    pub since: Option<DateTime<Utc>>,
}

/// Whether statement statistics can be read; if not, why (`not_installed`, `not_preloaded`, `no_privilege`, …)
/// and the SQL that mends it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Statements {
    pub available: bool,
    pub reason: Option<String>,
    pub fix_sql: Option<String>,
    /// By total time, the most expensive first.
    pub top: Vec<Statement>,
    /// When the counters were read: every few minutes, and whenever a fresh reading is asked for. `None`: never.
    #[serde(default)]
    pub measured_at: Option<DateTime<Utc>>,
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChangeKind {
    /// The server's version.
    Version,
    Restart,
    /// Primary became standby, or the other way round.
    Role,
    /// Another address answers to the name.
    Address,
    Certificate,
    Setting,
    Extension,
    /// A login or its rights.
    User,
    /// A database or table that grew or shrank by much.
    Size,
    /// The plan of a statement.
    Plan,
    /// It is another cluster or database than before.
    Identity,
}

impl ChangeKind {
    pub const ALL: [Self; 11] = [
        Self::Version,
        Self::Restart,
        Self::Role,
        Self::Address,
        Self::Certificate,
        Self::Setting,
        Self::Extension,
        Self::User,
        Self::Size,
        Self::Plan,
        Self::Identity,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Restart => "restart",
            Self::Role => "role",
            Self::Address => "address",
            Self::Certificate => "certificate",
            Self::Setting => "setting",
            Self::Extension => "extension",
            Self::User => "user",
            Self::Size => "size",
            Self::Plan => "plan",
            Self::Identity => "identity",
        }
    }
}

/// No kind of change has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownChangeKind;

impl std::str::FromStr for ChangeKind {
    type Err = UnknownChangeKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownChangeKind)
    }
}

/// Something that differs from the reading before. Its texts may be the server's own: hostile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// When it was noticed; it happened between this reading and the one before.
    pub at: DateTime<Utc>,
    pub kind: ChangeKind,
    /// The setting, extension, login, table or statement that it is about.
    pub subject: Option<String>,
    /// `None`: it was not there.
    pub before: Option<String>,
    /// `None`: it is gone.
    pub after: Option<String>,
}

/// A change with the connection that it was noticed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnownChange {
    pub connection_id: ConnectionId,
    pub connection_name: String,
    pub at: DateTime<Utc>,
    pub kind: ChangeKind,
    pub subject: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// One health reading. `score` is `None` when the database is down or was never asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    pub connection_id: ConnectionId,
    pub status: HealthStatus,
    pub score: Option<u8>,
    pub checked_at: DateTime<Utc>,
    pub duration_ms: f64,
    pub server: Server,
    pub metrics: Metrics,
    pub checks: Vec<Check>,
    pub statements: Statements,
    pub changes: Vec<Change>,
    /// Why it could not be asked, when `status` is `down`.
    pub error: Option<TestError>,
    pub unavailable: Unavailable,
}

impl Health {
    /// The check that needs a person most: critical before warning, then the one that took most points.
    pub fn worst_check(&self) -> Option<&Check> {
        self.checks
            .iter()
            .filter(|check| matches!(check.status, CheckStatus::Warning | CheckStatus::Critical))
            .max_by_key(|check| (check.status == CheckStatus::Critical, check.points))
    }
}

/// How many databases stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthCounts {
    pub ok: u32,
    pub warning: u32,
    pub critical: u32,
    pub down: u32,
    pub unknown: u32,
}

/// The health of every connection that is not paused. `unavailable` names, by connection id, what did not make
/// it within the overall limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AllHealth {
    pub items: Vec<Health>,
    pub summary: HealthCounts,
    pub unavailable: Unavailable,
}

/// How urgent a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Severity {
    Critical,
    Warning,
    Info,
}

/// Something that needs a person: a failed connection or a check beyond its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    pub connection_id: ConnectionId,
    pub connection_name: String,
    pub check_id: String,
    pub severity: Severity,
    pub title: String,
    pub detail: String,
    pub fix_sql: Option<String>,
    pub docs_url: Option<String>,
    /// Since when it has been so without a break, as far as was measured.
    pub since: DateTime<Utc>,
}
