//! Words for what fails before PostgreSQL is spoken: name, network, TLS, certificate.

use std::io;

use common::{Phase, SslMode, TestError, TestErrorKind};
use egress::{Cause, CertificateFault, ConnectError};

use super::{Scene, closed, error, not_postgres, server, timeout};

pub(crate) fn connect_error(failure: &ConnectError, scene: &Scene<'_>) -> TestError {
    let phase = failure.phase;
    let host = scene.host;
    match &*failure.cause {
        // The only trace of EAI_AGAIN that the standard library leaves.
        Cause::Resolve(failure) if failure.to_string().contains("Temporary failure") => error(
            TestErrorKind::Dns,
            Phase::Dns,
            format!(
                "The name {host} could not be resolved: this machine's name server does not answer, or does not know it."
            ),
            "Check the spelling, and the network and name server of the machine that this dashboard runs on.",
        ),
        Cause::Resolve(_) | Cause::NoAddress => error(
            TestErrorKind::Dns,
            Phase::Dns,
            format!("There is no host named {host}, as far as this machine's name server knows."),
            "Check the spelling. A private name is known only inside its own network.",
        ),
        Cause::Denied { address, denied } => error(
            TestErrorKind::DeniedTarget,
            phase,
            format!("{host} leads to {address}, which is never connected to: {denied}."),
            "Use the database's own address. Link-local and cloud metadata addresses are refused for everybody.",
        ),
        Cause::Timeout | Cause::Silent => timeout(phase, scene),
        Cause::Io(failure) => network(failure, phase, scene),
        Cause::NoTls => no_tls(scene),
        Cause::Server { sqlstate, .. } => refused_tls(sqlstate.as_deref(), scene),
        Cause::Closed => closed(phase, scene),
        Cause::NotPostgres { seen } => not_postgres(seen, phase, scene),
        Cause::Handshake(words) => error(
            TestErrorKind::Tls,
            Phase::Tls,
            format!("The TLS handshake failed: {words}."),
            "Check the server's TLS settings (ssl_min_protocol_version, ssl_ciphers, ssl_ca_file) and its log.",
        ),
        Cause::Certificate(fault) => certificate(fault, failure, scene),
        Cause::RootCert(fault) => error(
            TestErrorKind::Certificate,
            Phase::Tls,
            format!("The CA of this connection cannot be used: {fault}."),
            "Paste the CA's certificate again, whole, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
        ),
        Cause::NoUnixSockets => error(
            TestErrorKind::Unreachable,
            Phase::Tcp,
            "The host is the folder of a Unix socket, and this system has none.",
            "Use a host name or an IP address.",
        ),
    }
}

fn network(failure: &io::Error, phase: Phase, scene: &Scene<'_>) -> TestError {
    let Scene { host, port, .. } = scene;
    let socket = host.starts_with('/');
    match failure.kind() {
        io::ErrorKind::NotFound if socket => error(
            TestErrorKind::Refused,
            phase,
            format!("There is no socket for port {port} in {host}."),
            "No server runs there, or its unix_socket_directories or port is another.",
        ),
        io::ErrorKind::PermissionDenied if socket => error(
            TestErrorKind::Permission,
            phase,
            format!("The dashboard may not open the socket in {host}."),
            "Let the system user that runs the dashboard into that folder, or connect by TCP.",
        ),
        io::ErrorKind::ConnectionRefused if socket => error(
            TestErrorKind::Refused,
            phase,
            format!("The socket for port {port} in {host} is there, but no server listens on it."),
            "The server has stopped or crashed: start it.",
        ),
        io::ErrorKind::ConnectionRefused => error(
            TestErrorKind::Refused,
            phase,
            format!("{host} is there, but nothing listens on port {port}."),
            "The server has stopped, listens on another port, or only on its own loopback (listen_addresses).",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => error(
            TestErrorKind::Unreachable,
            phase,
            format!("No way leads from this machine to {host}."),
            "Check the address, routes and VPN of this machine.",
        ),
        io::ErrorKind::TimedOut => timeout(phase, scene),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            closed(phase, scene)
        }
        io::ErrorKind::PermissionDenied => error(
            TestErrorKind::Unreachable,
            phase,
            format!("This machine does not let the dashboard connect to {host}."),
            "A local firewall or sandbox forbids it.",
        ),
        kind => error(
            TestErrorKind::Other,
            phase,
            format!("The connection to {host} failed: {kind}."),
            "Test again; if it stays, check the network of this machine.",
        ),
    }
}

/// An error instead of TLS. Its words are not shown: they came before encryption, so anybody on the way could have
/// written them (CVE-2024-10977).
fn refused_tls(sqlstate: Option<&str>, scene: &Scene<'_>) -> TestError {
    match sqlstate {
        Some(_) => server::server_error(sqlstate, "", Phase::Tls, scene),
        None => error(
            TestErrorKind::Tls,
            Phase::Tls,
            "The server refused instead of beginning TLS.",
            "It may be out of processes or memory. Its own log says why.",
        ),
    }
}

fn no_tls(scene: &Scene<'_>) -> TestError {
    let hint = match scene.mode {
        SslMode::Auto => {
            "Turn it on there (ssl = on, with a certificate). If the way to it is safe, such as a private network or a \
             tunnel, set encryption to disable."
        }
        _ => {
            "Turn it on there (ssl = on, with a certificate), or set encryption to disable if the way to it is safe."
        }
    };
    error(TestErrorKind::Tls, Phase::Tls, "The server offers no TLS, so nothing was sent.", hint)
}

fn certificate(fault: &CertificateFault, failure: &ConnectError, scene: &Scene<'_>) -> TestError {
    let hint = match fault {
        CertificateFault::Expired(_) => "Renew the certificate on the server and reload it (SELECT pg_reload_conf();).".to_owned(),
        CertificateFault::NotYetValid(_) => "Check the clocks of this machine and of the server.".to_owned(),
        CertificateFault::WrongName { .. } => format!(
            "Connect by a name that the certificate has, or have one made for {}. Where the name cannot fit, require with \
             the CA checks everything but the name.",
            scene.host
        ),
        CertificateFault::CommonNameOnly { .. } => format!(
            "Have the certificate made anew with subjectAltName = {} (openssl -addext), or paste this very certificate as \
             the connection's CA.",
            alternative_name(scene.host)
        ),
        CertificateFault::UnknownIssuer { .. } => unknown_issuer(failure, scene),
        CertificateFault::SelfSigned { .. } => {
            "Paste this very certificate (the server's ssl_cert_file) as the connection's CA: then it is trusted as it is."
                .to_owned()
        }
        CertificateFault::Version1 => format!(
            "Have it made anew as v3 with subjectAltName = {} (openssl x509 -req with -extfile), or paste this very \
             certificate as the connection's CA: then it is trusted as it is.",
            alternative_name(scene.host)
        ),
        CertificateFault::Purpose
        | CertificateFault::BadSignature
        | CertificateFault::Unreadable
        | CertificateFault::Other(_) => {
            "Have the server's certificate made anew, or paste this very certificate as the connection's CA: then it is \
             trusted as it is."
                .to_owned()
        }
    };
    let mut message = fault.to_string();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    error(TestErrorKind::Certificate, Phase::Tls, format!("{message}. Nothing was sent."), hint)
}

fn alternative_name(host: &str) -> String {
    if host.parse::<std::net::IpAddr>().is_ok() { format!("IP:{host}") } else { format!("DNS:{host}") }
}

/// Providers sign with CAs of their own, which no system trusts: where to get each.
fn unknown_issuer(failure: &ConnectError, scene: &Scene<'_>) -> String {
    let host = scene.host.trim_end_matches('.').to_ascii_lowercase();
    let issuer = failure.tls.as_ref().and_then(|tls| tls.issuer.clone()).unwrap_or_default();
    let at = |suffix: &str| host.ends_with(suffix);
    let place = if at(".rds.amazonaws.com") || issuer.contains("Amazon RDS") {
        "Amazon RDS: download https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
    } else if issuer.contains("Google Cloud SQL") {
        "Google Cloud SQL: gcloud sql instances describe INSTANCE --format='value(serverCaCert.cert)'"
    } else if at(".postgres.database.azure.com") {
        "Azure: download DigiCert Global Root G2 and Microsoft RSA Root CA 2017 as \
         https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-ssl-tls says"
    } else if at(".supabase.co") || at(".supabase.com") || issuer.contains("Supabase") {
        "Supabase: Project settings, Database, SSL configuration, Download certificate"
    } else if scene.has_root_cert {
        return "The CA of this connection is another one. Paste the certificate of the authority that signed the server's, \
                with what lies between if the server does not send it."
            .to_owned();
    } else {
        return "Paste the certificate of the authority that signed the server's as the connection's CA (ssl_root_cert)."
            .to_owned();
    };
    format!("{place}. Then paste it as the connection's CA.")
}

#[cfg(test)]
mod tests {
    use common::{
        ConnectionId, Phases,
        test_result::{TlsInfo, Verified},
    };

    use super::*;
    use crate::{Limits, Target};

    fn target(host: &str) -> Target {
        Target {
            connection_id: ConnectionId(1),
            host: host.to_owned(),
            port: 5432,
            database_name: "shop".to_owned(),
            username: "app".to_owned(),
            password: None,
            password_since: None,
            ssl_mode: SslMode::VerifyFull,
            ssl_root_cert: None,
        }
    }

    fn failed(phase: Phase, cause: Cause, issuer: &str) -> ConnectError {
        let tls = TlsInfo {
            version: None,
            cipher: None,
            verified: Verified::No,
            subject: None,
            issuer: Some(issuer.to_owned()),
            not_after: None,
            fingerprint_sha256: String::new(),
        };
        ConnectError {
            phase,
            cause: Box::new(cause),
            peer: None,
            phases: Box::new(Phases::default()),
            tls: Some(Box::new(tls)),
        }
    }

    #[test]
    fn providers_with_cas_of_their_own_come_with_the_place_to_get_them() {
        for (host, issuer, place) in [
            ("db.abc.eu-west-1.rds.amazonaws.com", "CN=x", "truststore.pki.rds.amazonaws.com"),
            ("10.0.0.9", "CN=Google Cloud SQL Server CA, O=Google\\, Inc", "serverCaCert"),
            ("shop.postgres.database.azure.com.", "CN=x", "concepts-networking-ssl-tls"),
            ("db.abc.supabase.co", "CN=x", "SSL configuration"),
            ("db.example.com", "CN=Our CA", "ssl_root_cert"),
        ] {
            let fault = CertificateFault::UnknownIssuer { issuer: issuer.to_owned(), own: false };
            let target = target(host);
            let limits = Limits::default();
            let error = connect_error(
                &failed(Phase::Tls, Cause::Certificate(fault), issuer),
                &Scene::new(&target, &limits, false),
            );
            assert_eq!(error.kind, TestErrorKind::Certificate);
            assert!(error.hint.contains(place), "{host}: {}", error.hint);
        }
    }

    #[test]
    fn every_fault_of_the_network_has_its_kind() {
        use io::ErrorKind::*;
        for (host, failure, kind) in [
            ("db.test", ConnectionRefused, TestErrorKind::Refused),
            ("db.test", HostUnreachable, TestErrorKind::Unreachable),
            ("db.test", NetworkUnreachable, TestErrorKind::Unreachable),
            ("db.test", TimedOut, TestErrorKind::Timeout),
            ("db.test", ConnectionReset, TestErrorKind::Protocol),
            ("db.test", PermissionDenied, TestErrorKind::Unreachable),
            ("/run/postgresql", NotFound, TestErrorKind::Refused),
            ("/run/postgresql", ConnectionRefused, TestErrorKind::Refused),
            ("/run/postgresql", PermissionDenied, TestErrorKind::Permission),
        ] {
            let target = target(host);
            let limits = Limits::default();
            let error = connect_error(
                &failed(Phase::Tcp, Cause::Io(failure.into()), ""),
                &Scene::new(&target, &limits, false),
            );
            assert_eq!((error.kind, error.phase), (kind, Phase::Tcp), "{host} {failure:?}");
        }
    }
}
