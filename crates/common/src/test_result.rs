//! What a connection test, a latency test and a test of all connections found.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Reason, Unavailable};

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

    /// Why each phase without a time has none. `found`: whether an address was found to dial; `failed_in`: the
    /// phase that failed, where one did.
    pub fn missing(&self, found: bool, failed_in: Option<Phase>) -> Vec<(Phase, &'static str)> {
        let reached = |phase| found && failed_in.is_none_or(|failed| phase < failed);
        let why = |phase| match phase {
            Phase::Dns if found => Missing::NOT_NEEDED,
            Phase::Tls if reached(phase) => Missing::NOT_USED,
            // A test that never began names the phase of its cause, without having come there.
            _ if failed_in == Some(phase) && (found || phase == Phase::Dns) => Missing::NOT_FINISHED,
            _ => Missing::NOT_REACHED,
        };
        Phase::ALL
            .into_iter()
            .filter(|phase| self.get(*phase).is_none())
            .map(|phase| (phase, why(phase)))
            .collect()
    }
}

/// Why a value of a test is missing.
struct Missing;

impl Missing {
    /// An address or a socket needs no look-up.
    const NOT_NEEDED: &str = "not_needed";
    /// Plain text.
    const NOT_USED: &str = "not_used";
    /// The test failed in it.
    const NOT_FINISHED: &str = "not_finished";
    /// The test failed before it.
    const NOT_REACHED: &str = "not_reached";
    /// The test passed, and the server did not say.
    const NOT_REPORTED: &str = "not_reported";
    const NOT_IN_CERTIFICATE: &str = "not_in_certificate";
    /// Asked on a session that was open already.
    const HELD_SESSION: &str = "held_session";
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
    /// Null, as `cipher`, where the handshake was not finished.
    pub version: Option<String>,
    pub cipher: Option<String>,
    pub verified: Verified,
    pub subject: Option<String>,
    pub issuer: Option<String>,
    pub not_after: Option<DateTime<Utc>>,
    /// SHA-256 of the certificate's public key (SPKI, DER), in hex: what pinning compares.
    pub fingerprint_sha256: String,
}

/// Something between us and PostgreSQL that shares its sessions. All but the kind is told by the console of PgBouncer,
/// which is read at each full connect: at [`Pooler::read_at`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
// Earlier releases wrote less.
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pooler {
    /// `pgbouncer`, `unknown` (the port alone says so), …
    pub kind: String,
    /// `1.18.0`
    pub version: Option<String>,
    /// When the server session goes back to the pool: `transaction`, `session` or `statement`.
    pub pool_mode: Option<String>,
    /// Clients of this database whose queries run or may run.
    pub clients_active: Option<i64>,
    /// Clients of this database that wait for a server session.
    pub clients_waiting: Option<i64>,
    /// How long the first of those has waited; 0 when nobody waits.
    pub max_wait_s: Option<f64>,
    /// Server sessions that are lent to a client.
    pub server_sessions_active: Option<i64>,
    /// Server sessions that nobody uses.
    pub server_sessions_idle: Option<i64>,
    /// The most server sessions for a user and a database, unless they have a number of their own.
    pub default_pool_size: Option<i64>,
    /// The most clients of the whole pooler.
    pub max_clients: Option<i64>,
    /// The mean time of a query within PgBouncer's last interval (a minute, unless set otherwise).
    pub avg_query_ms: Option<f64>,
    /// The mean time that a client waited for a server session, within the same interval.
    pub avg_wait_ms: Option<f64>,
    /// When the console was read.
    pub read_at: Option<DateTime<Utc>>,
    pub unavailable: Unavailable,
}

impl Pooler {
    /// Of which nothing but the kind is known, and why.
    pub fn of_kind(kind: impl Into<String>, reason: Reason) -> Self {
        let mut pooler = Self { kind: kind.into(), ..Self::default() };
        pooler.explain(&reason);
        pooler
    }

    /// Gives every value that is missing this reason, and no other value one.
    pub fn explain(&mut self, reason: &Reason) {
        let known = [
            ("version", self.version.is_some()),
            ("pool_mode", self.pool_mode.is_some()),
            ("clients_active", self.clients_active.is_some()),
            ("clients_waiting", self.clients_waiting.is_some()),
            ("max_wait_s", self.max_wait_s.is_some()),
            ("server_sessions_active", self.server_sessions_active.is_some()),
            ("server_sessions_idle", self.server_sessions_idle.is_some()),
            ("default_pool_size", self.default_pool_size.is_some()),
            ("max_clients", self.max_clients.is_some()),
            ("avg_query_ms", self.avg_query_ms.is_some()),
            ("avg_wait_ms", self.avg_wait_ms.is_some()),
            ("read_at", self.read_at.is_some()),
        ];
        let missing = known.into_iter().filter(|(_, is_known)| !is_known);
        self.unavailable = missing.map(|(value, _)| (value.to_owned(), reason.clone())).collect();
    }
}

/// What kind of failure it is, told apart so that each has its own words and its own way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl TestResult {
    /// Of a test that could not even begin.
    pub fn failed(connection_id: ConnectionId, checked_at: DateTime<Utc>, error: TestError) -> Self {
        let mut result = Self::unfinished(connection_id, checked_at);
        result.error = Some(error);
        result.explain();
        result
    }

    /// Of a test that has nothing to tell yet. [`Self::explain`] is its last step.
    pub fn unfinished(connection_id: ConnectionId, checked_at: DateTime<Utc>) -> Self {
        Self {
            connection_id,
            ok: false,
            checked_at,
            kind: TestKind::Full,
            phases: Phases::default(),
            total_ms: 0.0,
            round_trip_ms: None,
            address: None,
            server_version: None,
            server_version_num: None,
            pooler: None,
            backend_pid: None,
            tls: None,
            error: None,
            unavailable: Unavailable::new(),
        }
    }

    /// Says of every value that is missing why it is, where nothing says so yet. No pooler in a test that passed
    /// means that none was seen.
    pub fn explain(&mut self) {
        let mut missing = Vec::new();
        let found = self.address.is_some();
        let failed_in = self.error.as_ref().map(|error| error.phase);
        let phases = self.phases.missing(found, failed_in);
        let held = self.kind == TestKind::Held;
        let why_no_tls = match phases.iter().find(|(phase, _)| *phase == Phase::Tls) {
            Some((_, why)) if !held => why,
            _ => Missing::NOT_REPORTED,
        };
        for (phase, why) in &phases {
            let why = if held { Missing::HELD_SESSION } else { why };
            missing.push((format!("phases.{}_ms", phase.as_str()), why));
        }
        match &self.tls {
            None => missing.push(("tls".to_owned(), why_no_tls)),
            Some(tls) => {
                for (known, part, why) in [
                    (tls.version.is_some(), "version", Missing::NOT_FINISHED),
                    (tls.cipher.is_some(), "cipher", Missing::NOT_FINISHED),
                    (tls.subject.is_some(), "subject", Missing::NOT_IN_CERTIFICATE),
                    (tls.issuer.is_some(), "issuer", Missing::NOT_IN_CERTIFICATE),
                    (tls.not_after.is_some(), "not_after", Missing::NOT_IN_CERTIFICATE),
                ] {
                    if !known {
                        missing.push((format!("tls.{part}"), why));
                    }
                }
            }
        }
        let why = if self.ok { Missing::NOT_REPORTED } else { Missing::NOT_REACHED };
        for (known, value) in [
            (self.round_trip_ms.is_some(), "round_trip_ms"),
            (self.address.is_some(), "address"),
            (self.server_version.is_some(), "server_version"),
            (self.server_version_num.is_some(), "server_version_num"),
            (self.pooler.is_some() || self.ok, "pooler"),
            (self.backend_pid.is_some(), "backend_pid"),
        ] {
            if !known {
                missing.push((value.to_owned(), why));
            }
        }
        for (value, why) in missing {
            self.unavailable.entry(value).or_insert_with(|| Reason::new(why));
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_in(phase: Phase) -> TestResult {
        let error = TestError {
            kind: TestErrorKind::Other,
            phase,
            message: "It failed.".to_owned(),
            hint: "Test again.".to_owned(),
            sqlstate: None,
        };
        TestResult::failed(ConnectionId(1), DateTime::UNIX_EPOCH, error)
    }

    fn why<'a>(result: &'a TestResult, value: &str) -> Option<&'a str> {
        result.unavailable.get(value).map(|missing| missing.reason.as_str())
    }

    /// Every `null` has its reason, and nothing else has; `error` and a pooler that is not there are none.
    fn explains_itself(result: &TestResult) {
        let json = serde_json::to_value(result).unwrap();
        let mut nulls = Vec::new();
        for (key, value) in json.as_object().unwrap() {
            if value.is_null() && key != "error" && !(key == "pooler" && result.ok) {
                nulls.push(key.clone());
            }
            for (inner, value) in value.as_object().into_iter().flatten().filter(|_| key != "unavailable") {
                if value.is_null() && key != "error" && key != "pooler" {
                    nulls.push(format!("{key}.{inner}"));
                }
            }
        }
        nulls.sort();
        assert_eq!(result.unavailable.keys().cloned().collect::<Vec<_>>(), nulls);
    }

    #[test]
    fn a_test_that_never_began_reached_nothing() {
        let result = failed_in(Phase::Auth);
        explains_itself(&result);
        assert!(result.unavailable.values().all(|missing| missing.reason == "not_reached"), "{result:?}");
        assert_eq!(why(&failed_in(Phase::Dns), "phases.dns_ms"), Some("not_finished"));
    }

    #[test]
    fn what_a_way_does_not_need_is_told_from_what_was_not_reached() {
        let mut result = failed_in(Phase::Auth);
        result.unavailable.clear();
        result.address = Some("203.0.113.7:5432".to_owned());
        result.phases.tcp_ms = Some(1.0);
        result.explain();
        explains_itself(&result);
        for (value, reason) in [
            ("phases.dns_ms", "not_needed"),
            ("phases.tls_ms", "not_used"),
            ("tls", "not_used"),
            ("phases.auth_ms", "not_finished"),
            ("phases.query_ms", "not_reached"),
            ("backend_pid", "not_reached"),
        ] {
            assert_eq!(why(&result, value), Some(reason), "{value}");
        }
    }

    #[test]
    fn a_refused_certificate_leaves_version_and_cipher_unknown_with_a_reason() {
        let mut result = failed_in(Phase::Tls);
        result.unavailable.clear();
        result.address = Some("203.0.113.7:5432".to_owned());
        result.tls = Some(TlsInfo {
            version: None,
            cipher: None,
            verified: Verified::No,
            subject: Some("CN=db".to_owned()),
            issuer: Some("CN=db".to_owned()),
            not_after: Some(DateTime::UNIX_EPOCH),
            fingerprint_sha256: "ab".to_owned(),
        });
        result.explain();
        explains_itself(&result);
        assert_eq!(why(&result, "tls.version"), Some("not_finished"));
        assert_eq!(why(&result, "phases.tls_ms"), Some("not_finished"));
    }

    #[test]
    fn a_pooler_explains_what_its_console_did_not_tell_and_is_read_from_an_earlier_release() {
        let earlier: Pooler = serde_json::from_str(r#"{"kind":"pgbouncer","version":null}"#).unwrap();
        assert_eq!((earlier.kind.as_str(), earlier.clients_waiting), ("pgbouncer", None));
        let mut pooler = Pooler::of_kind("pgbouncer", Reason::new("not asked"));
        pooler.clients_waiting = Some(0);
        pooler.explain(&Reason::new("not told"));
        for (key, value) in serde_json::to_value(&pooler).unwrap().as_object().unwrap() {
            let why = pooler.unavailable.get(key).map(|reason| reason.reason.as_str());
            assert_eq!(why, value.is_null().then_some("not told"), "{key}");
        }
    }

    #[test]
    fn a_reason_that_is_given_already_stays() {
        let mut result = TestResult::unfinished(ConnectionId(1), DateTime::UNIX_EPOCH);
        result.ok = true;
        result.address = Some("203.0.113.7:5432".to_owned());
        result.unavailable.insert("backend_pid".to_owned(), Reason::new("permission denied"));
        result.explain();
        assert_eq!(why(&result, "backend_pid"), Some("permission denied"));
        assert_eq!(why(&result, "tls"), Some("not_used"));
        assert_eq!(why(&result, "pooler"), None);
    }
}
