//! TLS to PostgreSQL servers: one provider, one base configuration, and a verifier of ours that says how far a
//! certificate held instead of only yes or no.

mod certificate;
mod roots;
mod verifier;

use std::sync::{Arc, LazyLock};

use common::test_result::{TlsInfo, Verified};
use rustls::{
    ClientConfig, ProtocolVersion,
    client::{
        Resumption,
        danger::{ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::ServerName,
};
use tokio_rustls::TlsConnector;

pub use certificate::CertificateFault;
pub use roots::{RootCertError, Roots, parse_root_certs};

use crate::{Cause, Demand, Socket, Stream};
use verifier::Verifier;

/// rustls' ring, for everything: several providers in one process would need a process default, and aws-lc takes
/// minutes of C to build.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// The one rustls provider of the dashboard.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// TLS 1.2 and 1.3, without client certificate. PostgreSQL resumes no session (measured: always new), so none
/// is kept. Each connect clones it, which copies a few pointers, to set its own verifier.
static BASE: LazyLock<Result<ClientConfig, rustls::Error>> = LazyLock::new(|| {
    let mut config = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(NoOne))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    // RFC 7301 and protocol-flow: PostgreSQL 17 names its protocol so; older servers ignore it.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
});

/// The base configuration trusts nobody, so that a connect that forgot its verifier fails.
#[derive(Debug)]
struct NoOne;

impl ServerCertVerifier for NoOne {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Err(rustls::CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &rustls::pki_types::CertificateDer<'_>,
        _dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &rustls::pki_types::CertificateDer<'_>,
        _dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::CertificateError::ApplicationVerificationFailure.into())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// Shakes hands after the server said `S`. The information comes with a failure too, once a certificate was
/// seen: who fails to verify wants to know whom they met.
pub(crate) async fn handshake(
    socket: Socket,
    host: &str,
    demand: Demand,
    roots: Arc<Roots>,
) -> (Result<Stream, Cause>, Option<TlsInfo>) {
    let mut config = match BASE.as_ref() {
        Ok(base) => base.clone(),
        Err(error) => return (Err(Cause::Handshake(error.to_string())), None),
    };
    let name = server_name(host);
    let verifier = Arc::new(Verifier::new(demand, roots, name.clone()));
    config.dangerous().set_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>);

    // A name that TLS cannot carry is not sent; the verifier knows that it did not fit.
    let sni = name.unwrap_or(ServerName::IpAddress(std::net::IpAddr::from([0, 0, 0, 0]).into()));
    let connecting = TlsConnector::from(Arc::new(config)).connect(sni, socket).into_fallible();
    match Box::pin(connecting).await {
        Ok(session) => {
            let (_, connection) = session.get_ref();
            let version = match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2".to_owned()),
                Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3".to_owned()),
                other => other.and_then(|version| version.as_str().map(str::to_owned)),
            };
            let cipher = connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                // As OpenSSL and pg_stat_ssl write it.
                .map(|name| name.replacen("TLS13_", "TLS_", 1));
            let Some(seen) = verifier.seen() else {
                return (Err(Cause::Handshake("the server showed no certificate".to_owned())), None);
            };
            let info = TlsInfo { version, cipher, ..certificate::describe(&seen.leaf, seen.verified) };
            let end_point = certificate::channel_binding(&seen.leaf);
            let verified = seen.verified;
            (Ok(Stream::Tls { session: Box::new(session), end_point, verified }), Some(info))
        }
        Err((error, _socket)) => {
            let info = verifier.seen().map(|seen| certificate::describe(&seen.leaf, Verified::No));
            let fault = verifier.seen().and_then(|seen| seen.fault.clone()).filter(|_| verifier.refused());
            let cause = match fault {
                Some(fault) => Cause::Certificate(fault),
                None => handshake_cause(error),
            };
            (Err(cause), info)
        }
    }
}

/// A failed handshake in words. rustls' own texts are Debug prints in part, so the common ones are told by ours.
fn handshake_cause(error: std::io::Error) -> Cause {
    use rustls::{AlertDescription, Error as Tls};
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) else {
        return match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Cause::Closed,
            _ => Cause::Io(error),
        };
    };
    match tls {
        Tls::InvalidMessage(_) | Tls::InappropriateMessage { .. } => {
            Cause::NotPostgres { seen: "it agreed to TLS and then did not speak it".to_owned() }
        }
        Tls::AlertReceived(AlertDescription::ProtocolVersion) | Tls::PeerIncompatible(_) => Cause::Handshake(
            "the server and we have no TLS version or cipher in common (we speak TLS 1.2 and 1.3)".to_owned(),
        ),
        Tls::AlertReceived(AlertDescription::HandshakeFailure) => Cause::Handshake(
            "the server found nothing in common with us, or wants a certificate of ours".to_owned(),
        ),
        Tls::AlertReceived(AlertDescription::CertificateRequired) => {
            Cause::Handshake("the server wants a certificate of ours".to_owned())
        }
        Tls::AlertReceived(AlertDescription::UnrecognisedName) => {
            Cause::Handshake("the server knows no such host name".to_owned())
        }
        Tls::InvalidCertificate(_) => {
            Cause::Handshake("the server could not prove that it holds the key of its certificate".to_owned())
        }
        other => Cause::Handshake(common::text::clean(&other.to_string(), 200)),
    }
}

fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.strip_suffix('.').unwrap_or(host)).ok().map(|name| name.to_owned())
}
