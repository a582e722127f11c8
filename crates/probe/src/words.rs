//! Failures in plain words: what happened, where, and what to do next. One place for all of them, so that the
//! same failure reads the same everywhere.

mod connecting;
mod server;

use std::{error::Error as _, io};

use common::{Phase, SslMode, TestError, TestErrorKind, text};
use egress::gate::Violation;

use crate::{Limits, Target};

pub(crate) use connecting::connect_error;

/// What the words depend on beside the failure itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    host: &'a str,
    port: u16,
    database: &'a str,
    user: &'a str,
    mode: SslMode,
    has_password: bool,
    has_root_cert: bool,
    encrypted: bool,
    limits: &'a Limits,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(target: &'a Target, limits: &'a Limits, encrypted: bool) -> Self {
        Self {
            host: &target.host,
            port: target.port,
            database: &target.database_name,
            user: &target.username,
            mode: target.ssl_mode,
            has_password: target.password.is_some(),
            has_root_cert: target.ssl_root_cert.is_some(),
            encrypted,
            limits,
        }
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        self.limits
    }
}

fn error(
    kind: TestErrorKind,
    phase: Phase,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> TestError {
    TestError { kind, phase, message: message.into(), hint: hint.into(), sqlstate: None }
}

/// Seconds as a person says them: `5 s`, `0.4 s`.
fn seconds(duration: std::time::Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 10.0).round() / 10.0)
}

/// The limit was reached in `phase`.
pub(crate) fn timeout(phase: Phase, scene: &Scene<'_>) -> TestError {
    let limit = seconds(scene.limits.connect);
    let Scene { host, port, .. } = scene;
    let (message, hint) = match phase {
        Phase::Dns => (
            format!("The name {host} was not resolved within {limit}."),
            "Check the name server of the machine that this dashboard runs on.".to_owned(),
        ),
        Phase::Tcp => (
            format!("Nothing answers at {host} on port {port} within {limit}."),
            "Usually a firewall or security group drops the packets, or the address is wrong. Let this machine in, or \
             check host and port."
                .to_owned(),
        ),
        Phase::Tls => (
            format!("Port {port} accepts connections but did not answer the request for TLS within {limit}."),
            "Check that PostgreSQL listens on this port; another service may hold it, or the server is overloaded."
                .to_owned(),
        ),
        Phase::Auth => (
            format!("Port {port} accepts connections but sign-in was not finished within {limit}."),
            "Check that PostgreSQL listens on this port; another service may hold it, the server may be overloaded, or \
             a pooler waits for a free server session."
                .to_owned(),
        ),
        Phase::Query => (
            format!("The session is open, but no answer came within {limit}."),
            "The server is overloaded or stalled, or a pooler waits for a free server session.".to_owned(),
        ),
    };
    error(TestErrorKind::Timeout, phase, message, hint)
}

/// The queries of a health reading together took too long.
pub(crate) fn health_timeout(scene: &Scene<'_>) -> TestError {
    error(
        TestErrorKind::Timeout,
        Phase::Query,
        format!("The health of the database could not be read within {}.", seconds(scene.limits.health)),
        "The server is overloaded or stalled. What was read before is shown.",
    )
}

/// A request of a load test was given up.
pub(crate) fn load_timeout(scene: &Scene<'_>) -> TestError {
    error(
        TestErrorKind::Timeout,
        Phase::Query,
        format!(
            "A request had no answer within {}, or none at the end of the test.",
            seconds(scene.limits.load_request)
        ),
        "The server cannot keep up with this load, or it stalled. Try fewer sessions or a lower rate.",
    )
}

/// What `tokio-postgres` reports, during sign-in or a query.
pub(crate) fn postgres_error(failure: &tokio_postgres::Error, phase: Phase, scene: &Scene<'_>) -> TestError {
    if let Some(db) = failure.as_db_error() {
        return server::server_error(Some(db.code().code()), db.message(), phase, scene);
    }
    let source = failure.source();
    if let Some(io) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
        return broken(io, phase, scene);
    }
    if failure.is_closed() {
        return closed(phase, scene);
    }
    // tokio-postgres has no public kinds for these; their texts are constants of its own.
    let words = source.map(ToString::to_string).unwrap_or_default();
    match words.as_str() {
        "password missing" => error(
            TestErrorKind::Auth,
            Phase::Auth,
            format!("The server asks for a password for {}, and none is stored.", scene.user),
            "Enter the password of this user.",
        ),
        "unsupported authentication method" => error(
            TestErrorKind::Auth,
            Phase::Auth,
            "The server asks for a way to sign in that is not supported (Kerberos, GSSAPI or SSPI).",
            "Let this user in by scram-sha-256 in the server's pg_hba.conf.",
        ),
        "unsupported SASL mechanism" => error(
            TestErrorKind::Auth,
            Phase::Auth,
            "The server offers no way to sign in that is supported here (it wants SASL other than SCRAM-SHA-256).",
            "Let this user in by scram-sha-256 in the server's pg_hba.conf.",
        ),
        _ if failure.to_string() == "authentication error" => error(
            TestErrorKind::Auth,
            Phase::Auth,
            "The server could not prove that it knows the password. It may be another server than you think.",
            "Check host and port. The password was not sent; only proof of it was.",
        ),
        _ => error(
            TestErrorKind::Protocol,
            phase,
            "The server answered in a way that PostgreSQL does not.",
            "Check host and port: a proxy or another kind of server may stand there.",
        ),
    }
}

/// The stream broke: by our own gate, by TLS, or by the network.
fn broken(failure: &io::Error, phase: Phase, scene: &Scene<'_>) -> TestError {
    let inner = failure.get_ref();
    if let Some(violation) = inner.and_then(|inner| inner.downcast_ref::<Violation>()) {
        return violated(violation, phase, scene);
    }
    if let Some(rustls::Error::AlertReceived(alert)) =
        inner.and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return match alert {
            rustls::AlertDescription::CertificateRequired
            | rustls::AlertDescription::BadCertificate
            | rustls::AlertDescription::UnknownCA => error(
                TestErrorKind::Tls,
                Phase::Tls,
                "The server wants a certificate of ours, and none is set.",
                "Client certificates are not supported yet. Let this user in by scram-sha-256 without clientcert in the \
                 server's pg_hba.conf.",
            ),
            _ => error(
                TestErrorKind::Tls,
                phase,
                "The server ended the TLS session with an alert.",
                "Look into the server's log for the reason.",
            ),
        };
    }
    match failure.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            closed(phase, scene)
        }
        io::ErrorKind::TimedOut => timeout(phase, scene),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => error(
            TestErrorKind::Protocol,
            phase,
            "The server sent a message that cannot be read.",
            "Check host and port: a proxy or another kind of server may stand there.",
        ),
        kind => error(
            TestErrorKind::Other,
            phase,
            format!("The connection broke: {kind}."),
            "Test again; if it stays, look into the server's log and the network between.",
        ),
    }
}

fn violated(violation: &Violation, phase: Phase, scene: &Scene<'_>) -> TestError {
    match violation {
        Violation::NotPostgres { seen } => not_postgres(seen, phase, scene),
        Violation::ReadablePassword { md5 } => {
            let form = if *md5 { "an MD5 hash" } else { "plain text" };
            error(
                TestErrorKind::Auth,
                Phase::Auth,
                format!(
                    "The server asks for the password as {form}, but its certificate is not verified, so anybody in \
                     between could take it. The password was not sent."
                ),
                "Set encryption to verify-full, with the server's CA if it is not a public one; or let the user in by \
                 scram-sha-256 (set password_encryption = 'scram-sha-256', set the password anew, and change the line in \
                 pg_hba.conf).",
            )
        }
        Violation::LongError { sqlstate, message, bytes } => {
            let said = message.clone().unwrap_or_else(|| text::clean_beginning("", 0, *bytes));
            server::cleaned_error(sqlstate.as_deref(), &said, phase, scene)
        }
        Violation::TooMuch => error(
            TestErrorKind::Protocol,
            phase,
            "The server sent far more than any answer to the question could be, and was cut off.",
            "Check host and port: this is no ordinary PostgreSQL server.",
        ),
    }
}

pub(crate) fn not_postgres(seen: &str, phase: Phase, scene: &Scene<'_>) -> TestError {
    error(
        TestErrorKind::NotPostgres,
        phase,
        format!("What answers on port {} is not PostgreSQL: {seen}.", scene.port),
        "Check host and port. PostgreSQL listens on 5432 unless set otherwise, PgBouncer on 6432.",
    )
}

pub(crate) fn closed(phase: Phase, scene: &Scene<'_>) -> TestError {
    let (message, hint) = match phase {
        Phase::Query => (
            "The server closed the session before it answered.".to_owned(),
            "It was shut down, restarted or ended the session: look into its log.".to_owned(),
        ),
        Phase::Auth if !scene.encrypted => (
            "The server closed the connection without a word.".to_owned(),
            "It may want TLS: set encryption to Automatic or require. Or a proxy stands there without a server behind it."
                .to_owned(),
        ),
        _ => (
            "The server closed the connection without a word.".to_owned(),
            "A proxy or load balancer without a server behind it does that; so does a server that just stops. Look into \
             its log."
                .to_owned(),
        ),
    };
    error(TestErrorKind::Protocol, phase, message, hint)
}
