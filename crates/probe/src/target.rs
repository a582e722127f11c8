//! A monitored database, as much of a connection as it takes to reach it.

use chrono::{DateTime, Utc};
use common::{ConnectionId, SslMode};
use egress::Destination;
use secrecy::SecretString;

/// Where and as whom to ask.
#[derive(Debug, Clone)]
pub struct Target {
    pub connection_id: ConnectionId,
    /// A name, an IP address or the folder of a Unix socket.
    pub host: String,
    pub port: u16,
    pub database_name: String,
    pub username: String,
    pub password: Option<SecretString>,
    /// Since when the password has been what it is, as far as is known.
    pub password_since: Option<DateTime<Utc>>,
    pub ssl_mode: SslMode,
    /// PEM.
    pub ssl_root_cert: Option<String>,
}

impl Target {
    pub(crate) fn destination(&self) -> Destination<'_> {
        Destination {
            host: &self.host,
            port: self.port,
            mode: self.ssl_mode,
            root_cert: self.ssl_root_cert.as_deref(),
        }
    }
}
