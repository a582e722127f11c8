//! What a connection test, a latency test and a test of all connections found.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Unavailable};

/// The most rounds of a latency test.
pub const MAX_ROUNDS: u32 = 100;
/// How many rounds a latency test has when nobody says.
pub const DEFAULT_ROUNDS: u32 = 5;

/// One step of reaching a database, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Phase {
    Dns,
    Tcp,
    Tls,
    Auth,
    Query,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Dns, Self::Tcp, Self::Tls, Self::Auth, Self::Query];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Query => "query",
        }
    }

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Auth => "Auth",
            Self::Query => "First query",
        }
    }
}

/// How long each step took. `None`: not reached, or not part of this way (no DNS for an address, no TLS in
/// plain text, none at all on a held session).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Phases {
    pub dns_ms: Option<f64>,
    pub tcp_ms: Option<f64>,
    pub tls_ms: Option<f64>,
    pub auth_ms: Option<f64>,
    pub query_ms: Option<f64>,
}

impl Phases {
    pub fn get(&self, phase: Phase) -> Option<f64> {
        match phase {
            Phase::Dns => self.dns_ms,
            Phase::Tcp => self.tcp_ms,
            Phase::Tls => self.tls_ms,
            Phase::Auth => self.auth_ms,
            Phase::Query => self.query_ms,
        }
    }

    pub fn set(&mut self, phase: Phase, ms: f64) {
        let slot = match phase {
            Phase::Dns => &mut self.dns_ms,
            Phase::Tcp => &mut self.tcp_ms,
            Phase::Tls => &mut self.tls_ms,
            Phase::Auth => &mut self.auth_ms,
            Phase::Query => &mut self.query_ms,
        };
        *slot = Some(ms);
    }
}

/// Whether the test connected anew or asked on the session that is kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TestKind {
    Full,
    Held,
}

/// How far the server's certificate was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Verified {
    /// Chain and name.
    Full,
    /// The chain; the name differs or was not asked for.
    Ca,
    /// The key is the one trusted before.
    Pinned,
    /// Encrypted, but to whom is not known.
    No,
}

/// The TLS session of a test. Texts come from the server's certificate: show them as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TlsInfo {
    /// `TLSv1.3`, as OpenSSL and `pg_stat_ssl` write it.
    pub version: String,
    pub cipher: String,
    pub verified: Verified,
    pub subject: Option<String>,
    pub issuer: Option<String>,
    pub not_after: Option<DateTime<Utc>>,
    /// SHA-256 of the certificate's public key (SPKI, DER), in hex: what pinning compares.
    pub fingerprint_sha256: String,
}

/// Something between us and PostgreSQL that shares its sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pooler {
    /// `pgbouncer`, `unknown` (the port alone says so), …
    pub kind: String,
    pub version: Option<String>,
}

/// What kind of failure it is, told apart so that each has its own words and its own way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TestErrorKind {
    Dns,
    Refused,
    Timeout,
    Unreachable,
    Tls,
    Certificate,
    CertificateChanged,
    Auth,
    Database,
    Hba,
    TooManyConnections,
    StartingUp,
    ShuttingDown,
    Permission,
    Protocol,
    NotPostgres,
    DeniedTarget,
    Secret,
    Cancelled,
    Other,
}

impl TestErrorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::CertificateChanged => "certificate_changed",
            Self::Auth => "auth",
            Self::Database => "database",
            Self::Hba => "hba",
            Self::TooManyConnections => "too_many_connections",
            Self::StartingUp => "starting_up",
            Self::ShuttingDown => "shutting_down",
            Self::Permission => "permission",
            Self::Protocol => "protocol",
            Self::NotPostgres => "not_postgres",
            Self::DeniedTarget => "denied_target",
            Self::Secret => "secret",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// A few words for a list row: "refused", "wrong password or user".
    pub fn headline(self) -> &'static str {
        match self {
            Self::Dns => "Host name not found",
            Self::Refused => "Connection refused",
            Self::Timeout => "No answer in time",
            Self::Unreachable => "Network cannot reach it",
            Self::Tls => "TLS failed",
            Self::Certificate => "Certificate not trusted",
            Self::CertificateChanged => "Certificate has changed",
            Self::Auth => "Sign-in refused",
            Self::Database => "Database does not exist",
            Self::Hba => "No rule lets us in",
            Self::TooManyConnections => "No free connection slot",
            Self::StartingUp => "Server is starting",
            Self::ShuttingDown => "Server is shutting down",
            Self::Permission => "Permission denied",
            Self::Protocol => "Unexpected answer",
            Self::NotPostgres => "Not a PostgreSQL server",
            Self::DeniedTarget => "Address not allowed",
            Self::Secret => "Password cannot be read",
            Self::Cancelled => "Cancelled",
            Self::Other => "Failed",
        }
    }
}

/// Why a test failed: what happened (`message`), what to do (`hint`), and where (`phase`).
/// `message` may hold the server's own words, cleaned and cut by [`crate::text::clean`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestError {
    pub kind: TestErrorKind,
    pub phase: Phase,
    pub message: String,
    pub hint: String,
    pub sqlstate: Option<String>,
}

/// What one connection test found. `ok` and `error` exclude each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestResult {
    pub connection_id: ConnectionId,
    pub ok: bool,
    pub checked_at: DateTime<Utc>,
    pub kind: TestKind,
    pub phases: Phases,
    /// From the start to the first answer, or to the failure.
    pub total_ms: f64,
    /// One `select 1` and its answer: the latency in lists and charts.
    pub round_trip_ms: Option<f64>,
    /// The address actually used: `203.0.113.7:5432`, `[2001:db8::1]:5432` or a socket's path.
    pub address: Option<String>,
    pub server_version: Option<String>,
    pub server_version_num: Option<i32>,
    pub pooler: Option<Pooler>,
    pub backend_pid: Option<i32>,
    pub tls: Option<TlsInfo>,
    pub error: Option<TestError>,
    pub unavailable: Unavailable,
}

/// A fresh connect, step by step, without what was asked afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectTimes {
    pub phases: Phases,
    pub total_ms: f64,
}

/// The latency test: `rounds_ms` holds each `select 1` in order. With an `error`, the numbers are those of the
/// rounds that came through, or `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Latency {
    pub connection_id: ConnectionId,
    pub checked_at: DateTime<Utc>,
    pub rounds_ms: Vec<f64>,
    pub min_ms: Option<f64>,
    pub avg_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub stddev_ms: Option<f64>,
    pub connect: ConnectTimes,
    pub error: Option<TestError>,
    pub unavailable: Unavailable,
}

/// One region of [`AllRegions`]. Connections without a region stand under `region: null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegionResult {
    pub region: Option<String>,
    pub tested: u32,
    pub ok: u32,
    pub p50_ms: Option<f64>,
    pub results: Vec<TestResult>,
    pub unavailable: Unavailable,
}

/// A test of every connection that is not paused, grouped by region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AllRegions {
    pub tested: u32,
    pub ok: u32,
    pub regions: Vec<RegionResult>,
    pub duration_ms: f64,
}
