//! Why no stream came about, and how far it got.

use std::{io, net::IpAddr};

use common::{Phase, Phases, test_result::TlsInfo};

use crate::{CertificateFault, Denied, Peer, RootCertError};

/// What went wrong. Texts from the server are cleaned and cut.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    #[error("the host name could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("the host name has no address")]
    NoAddress,
    #[error("the address {address} is not allowed: {denied}")]
    Denied { address: IpAddr, denied: Denied },
    #[error("no answer in time")]
    Timeout,
    /// It took the request for TLS and said nothing at all.
    #[error("no answer to the request for TLS in time")]
    Silent,
    #[error("the connection failed")]
    Io(#[source] io::Error),
    /// It answered `N` to the request for TLS.
    #[error("the server offers no TLS")]
    NoTls,
    /// It answered the request for TLS with an error of its own, before anything was encrypted: anybody on
    /// the way could have written it.
    #[error("the server refused: {message}")]
    Server { sqlstate: Option<String>, message: String },
    /// It closed the connection instead of an answer.
    #[error("the server closed the connection")]
    Closed,
    #[error("not a PostgreSQL server: {seen}")]
    NotPostgres { seen: String },
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    #[error("{0}")]
    Certificate(#[source] CertificateFault),
    #[error("{0}")]
    RootCert(#[source] RootCertError),
    #[error("Unix sockets do not exist on this system")]
    NoUnixSockets,
}

/// A connect that failed: in which phase, with what was reached before.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct ConnectError {
    pub phase: Phase,
    #[source]
    pub cause: Box<Cause>,
    /// The address that answered or failed; `None` before one was known.
    pub peer: Option<Peer>,
    /// The phases that were finished, in milliseconds.
    pub phases: Box<Phases>,
    /// What the server's certificate said, when it got that far.
    pub tls: Option<Box<TlsInfo>>,
}
