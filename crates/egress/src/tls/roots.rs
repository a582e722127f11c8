//! Whom we trust to vouch for a server: the connection's own certificates, or else the system's.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::sync::OnceCell;
use x509_parser::{certificate::X509Certificate, prelude::FromDer, x509::X509Version};

/// Why the text of a root certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootCertError {
    #[error("this is not PEM: a line or the end of a certificate is missing or damaged")]
    Pem,
    #[error("there is no certificate in it")]
    Empty,
    #[error("certificate {number} in it cannot be read as X.509")]
    Certificate { number: usize },
}

/// Reads one or more certificates in PEM; other sections are passed over.
///
/// # Errors
/// Nothing in it, damaged PEM, or a section that is no X.509 certificate.
pub fn parse_root_certs(pem: &str) -> Result<Vec<CertificateDer<'static>>, RootCertError> {
    let certs = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| RootCertError::Pem)?;
    if certs.is_empty() {
        return Err(RootCertError::Empty);
    }
    for (at, cert) in certs.iter().enumerate() {
        match X509Certificate::from_der(cert) {
            Ok(([], _)) => {}
            _ => return Err(RootCertError::Certificate { number: at + 1 }),
        }
    }
    Ok(certs)
}

/// Trust anchors, and certificates that are trusted as they are.
#[derive(Debug)]
pub struct Roots {
    pub(super) anchors: RootCertStore,
    /// A server that shows exactly one of these is accepted: a self-signed server's own certificate.
    pub(super) exact: Vec<CertificateDer<'static>>,
    /// Whether these are the connection's own.
    pub(super) own: bool,
}

impl Roots {
    /// Only what the connection itself brings.
    ///
    /// # Errors
    /// As [`parse_root_certs`].
    pub fn from_pem(pem: &str) -> Result<Self, RootCertError> {
        let exact = parse_root_certs(pem)?;
        let mut anchors = RootCertStore::empty();
        for cert in exact.iter().filter(|cert| may_sign(cert)) {
            // What webpki cannot read as an anchor may still be met byte for byte.
            if anchors.add(cert.clone()).is_err() {
                tracing::debug!("a root certificate is not usable as an anchor");
            }
        }
        Ok(Self { anchors, exact, own: true })
    }

    /// The system's, read once. None at all is not an error by itself: then nothing verifies against them.
    pub async fn system() -> Arc<Self> {
        static SYSTEM: OnceCell<Arc<Roots>> = OnceCell::const_new();
        let load = || {
            let found = rustls_native_certs::load_native_certs();
            let mut anchors = RootCertStore::empty();
            let (added, _unusable) = anchors.add_parsable_certificates(found.certs);
            if added == 0 {
                tracing::warn!("no root certificates found on this system");
            }
            Arc::new(Roots { anchors, exact: Vec::new(), own: false })
        };
        let none = || Arc::new(Roots { anchors: RootCertStore::empty(), exact: Vec::new(), own: false });
        Arc::clone(
            SYSTEM
                // It reads files.
                .get_or_init(|| async { tokio::task::spawn_blocking(load).await.unwrap_or_else(|_| none()) })
                .await,
        )
    }
}

/// OpenSSL lets a v3 certificate sign others only when it is marked as a CA; webpki does not look at that mark on
/// anchors, so a server's own certificate, pasted as root, must not become one.
fn may_sign(cert: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(cert).is_ok_and(|(_, cert)| cert.is_ca() || cert.version() == X509Version::V1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(vec!["db.test".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn several_certificates_and_what_stands_between_them_are_read() {
        let pem = format!("bundle of two\n{}\n# next\n{}", certificate(), certificate());
        assert_eq!(parse_root_certs(&pem).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        let good = certificate();
        assert_eq!(parse_root_certs("no certificate here"), Err(RootCertError::Empty));
        let cut = good.replace("-----END CERTIFICATE-----", "");
        assert_eq!(parse_root_certs(&cut), Err(RootCertError::Pem));
        let bogus = format!("{good}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert_eq!(parse_root_certs(&bogus), Err(RootCertError::Certificate { number: 2 }));
    }

    #[test]
    fn a_servers_own_certificate_does_not_become_an_authority() {
        let roots = Roots::from_pem(&certificate()).unwrap();
        assert!(roots.anchors.is_empty());
        assert_eq!(roots.exact.len(), 1);
    }
}
