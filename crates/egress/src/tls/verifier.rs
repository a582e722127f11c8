//! How far a server's certificate holds: chain and name, chain, or nothing. What the policy demands decides
//! whether the handshake goes on; what was found is kept beside it.

use std::sync::{Arc, OnceLock};

use common::test_result::Verified;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::ParsedCertificate,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer, x509::X509Version};

use super::{CertificateFault, PROVIDER, Roots, certificate};
use crate::Demand;

/// What was found about the certificate that the server showed.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) leaf: CertificateDer<'static>,
    pub(super) verified: Verified,
    /// What keeps it from being verified in full.
    pub(super) fault: Option<CertificateFault>,
}

/// The verifier of one connect.
#[derive(Debug)]
pub(super) struct Verifier {
    demand: Demand,
    roots: Arc<Roots>,
    /// `None`: the host is no name that a certificate could carry.
    name: Option<ServerName<'static>>,
    seen: OnceLock<Seen>,
}

impl Verifier {
    pub(super) fn new(demand: Demand, roots: Arc<Roots>, name: Option<ServerName<'static>>) -> Self {
        Self { demand, roots, name, seen: OnceLock::new() }
    }

    pub(super) fn seen(&self) -> Option<&Seen> {
        self.seen.get()
    }

    /// Whether what was found is less than what was demanded.
    pub(super) fn refused(&self) -> bool {
        self.seen.get().is_some_and(|seen| !self.suffices(seen))
    }

    fn suffices(&self, seen: &Seen) -> bool {
        match self.demand {
            Demand::Nothing => true,
            Demand::Chain => matches!(seen.verified, Verified::Full | Verified::Ca),
            // A certificate that equals a configured root byte for byte is who it is, by whatever name.
            Demand::ChainAndName => {
                seen.verified == Verified::Full
                    || (seen.verified == Verified::Ca && self.roots.exact.contains(&seen.leaf))
            }
        }
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> (Verified, Option<CertificateFault>) {
        let exact = self.roots.exact.iter().any(|root| root == leaf);
        let chain = if exact {
            certificate::in_time(leaf, i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
        } else {
            self.chain(leaf, intermediates, now)
        };
        if let Err(fault) = chain {
            return (Verified::No, Some(fault));
        }
        if self.name_fits(leaf, exact) {
            return (Verified::Full, None);
        }
        let expected =
            self.name.as_ref().map_or_else(|| "this host".to_owned(), |name| name.to_str().into_owned());
        // Who demanded the chain alone trusts that CA for this server. Without a demand, anybody's certificate of a
        // public CA would do, so there nothing less counts than what `verify-full` takes.
        let verified = if self.demand == Demand::Nothing && !exact { Verified::No } else { Verified::Ca };
        (verified, Some(certificate::wrong_name(leaf, &expected)))
    }

    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateFault> {
        ParsedCertificate::try_from(leaf)
            .and_then(|parsed| {
                verify_server_cert_signed_by_trust_anchor(
                    &parsed,
                    &self.roots.anchors,
                    intermediates,
                    now,
                    algorithms().all,
                )
            })
            .map_err(|error| certificate::fault(&error, leaf, self.roots.own))
    }

    fn name_fits(&self, leaf: &CertificateDer<'_>, exact: bool) -> bool {
        let Some(name) = &self.name else {
            return false;
        };
        ParsedCertificate::try_from(leaf).and_then(|parsed| verify_server_name(&parsed, name)).is_ok()
            || (exact && certificate::common_name_is(leaf, &name.to_str()))
    }
}

fn algorithms() -> &'static WebPkiSupportedAlgorithms {
    &PROVIDER.signature_verification_algorithms
}

/// Proof that the server holds the key of an X.509 v1 certificate, which webpki cannot open: the key is taken out
/// of it. PostgreSQL's own recipe for a CA-signed certificate (ssl-tcp, "openssl x509 -req") makes v1 with
/// OpenSSL before 3.2, so such servers are common.
fn verify_with_key(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let (_, parsed) = X509Certificate::from_der(cert)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, dss, algorithms())
}

fn is_version_1(cert: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(cert).is_ok_and(|(_, cert)| cert.version() == X509Version::V1)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (verified, fault) = self.judge(end_entity, intermediates, now);
        let seen = self.seen.get_or_init(|| Seen { leaf: end_entity.clone().into_owned(), verified, fault });
        // What was recorded is what is judged, should a handshake ever ask twice.
        if seen.leaf == *end_entity && self.suffices(seen) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_version_1(cert) {
            return verify_with_key(message, cert, dss);
        }
        verify_tls12_signature(message, cert, dss, algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_version_1(cert) {
            return verify_with_key(message, cert, dss);
        }
        verify_tls13_signature(message, cert, dss, algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    type Ca = CertifiedIssuer<'static, KeyPair>;

    fn ca() -> Ca {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn issue(ca: &Ca, name: &str) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap().der().clone()
    }

    /// What is found of `leaf`, asked for as `db.test`, and whether the handshake goes on.
    fn meet(demand: Demand, roots: &Arc<Roots>, leaf: &CertificateDer<'_>) -> (Verified, bool) {
        let name = ServerName::try_from("db.test").unwrap();
        let verifier = Verifier::new(demand, Arc::clone(roots), Some(name.clone()));
        let goes_on = verifier.verify_server_cert(leaf, &[], &name, &[], UnixTime::now()).is_ok();
        (verifier.seen().unwrap().verified, goes_on)
    }

    /// The system's roots are such: they vouch for everybody's hosts.
    fn public(ca: &Ca) -> Arc<Roots> {
        let mut anchors = rustls::RootCertStore::empty();
        anchors.add(ca.der().clone()).unwrap();
        Arc::new(Roots { anchors, exact: Vec::new(), own: false })
    }

    #[test]
    fn a_trusted_certificate_of_another_host_is_not_verified_unless_the_chain_alone_was_demanded() {
        let ca = ca();
        let own = Arc::new(Roots::from_pem(&ca.pem()).unwrap());
        let (right, wrong) = (issue(&ca, "db.test"), issue(&ca, "impostor.test"));
        for roots in [public(&ca), Arc::clone(&own)] {
            assert_eq!(meet(Demand::Nothing, &roots, &right), (Verified::Full, true));
            assert_eq!(meet(Demand::Nothing, &roots, &wrong), (Verified::No, true));
            assert!(!meet(Demand::ChainAndName, &roots, &wrong).1);
        }
        assert_eq!(meet(Demand::Chain, &own, &wrong), (Verified::Ca, true));
    }

    #[test]
    fn a_configured_certificate_is_who_it_is_by_whatever_name() {
        let pem = rcgen::generate_simple_self_signed(vec!["other.test".to_owned()]).unwrap().cert.pem();
        let roots = Arc::new(Roots::from_pem(&pem).unwrap());
        let leaf = roots.exact[0].clone();
        for demand in [Demand::Nothing, Demand::Chain, Demand::ChainAndName] {
            assert_eq!(meet(demand, &roots, &leaf), (Verified::Ca, true), "{demand:?}");
        }
    }
}
