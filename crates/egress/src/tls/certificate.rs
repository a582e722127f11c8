//! What a server's certificate says about itself, and in how many ways it can be wrong.

use chrono::{DateTime, Utc};
use common::{
    test_result::{TlsInfo, Verified},
    text,
};
use rustls::{CertificateError, pki_types::CertificateDer};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, x509::X509Version,
};

/// The longest name of a certificate that is shown.
const MAX_NAME: usize = 300;

/// Why a certificate does not prove who the server is. Names in it come from the certificate, cleaned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("the server's certificate expired on {}", day(.0))]
    Expired(Option<DateTime<Utc>>),
    #[error("the server's certificate is not valid before {}", day(.0))]
    NotYetValid(Option<DateTime<Utc>>),
    #[error("the server's certificate is not for {expected}, but for {presented}")]
    WrongName { expected: String, presented: String },
    /// Its name stands only in CN, which RFC 6125 and we do not read.
    #[error(
        "the server's certificate has its name only in CN ({common_name}), not as a subject alternative name"
    )]
    CommonNameOnly { common_name: String },
    #[error("the server's certificate is signed by {issuer}, which is not among {}", roots(*.own))]
    UnknownIssuer { issuer: String, own: bool },
    /// It vouches for itself, as a plain `openssl req -x509` makes it.
    #[error("the server's certificate is signed by itself and not among {}", roots(*.own))]
    SelfSigned { own: bool },
    #[error("the server's certificate is of the old form X.509 v1, which cannot be verified")]
    Version1,
    #[error("the server's certificate is not meant for servers (extended key usage)")]
    Purpose,
    #[error("the signature of the server's certificate is wrong")]
    BadSignature,
    #[error("the server's certificate cannot be read")]
    Unreadable,
    #[error("the server's certificate does not pass: {0}")]
    Other(&'static str),
}

fn day(time: &Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "an unknown day".to_owned(), |t| t.format("%Y-%m-%d").to_string())
}

fn roots(own: bool) -> &'static str {
    if own { "the root certificates of this connection" } else { "the roots that this system trusts" }
}

/// From rustls' verdict to ours, with the certificate beside it: rustls names neither version nor issuer.
pub(super) fn fault(error: &rustls::Error, leaf: &CertificateDer<'_>, own: bool) -> CertificateFault {
    let Ok((_, cert)) = X509Certificate::from_der(leaf) else {
        return CertificateFault::Unreadable;
    };
    if cert.version() == X509Version::V1 {
        return CertificateFault::Version1;
    }
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                CertificateFault::Expired(time(cert.validity().not_after.timestamp()))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                CertificateFault::NotYetValid(time(cert.validity().not_before.timestamp()))
            }
            // Whatever else is wrong with it: webpki also finds wrong signatures where another root has its name.
            _ if cert.subject() == cert.issuer() => CertificateFault::SelfSigned { own },
            CertificateError::UnknownIssuer => {
                CertificateFault::UnknownIssuer { issuer: shown(&cert.issuer().to_string()), own }
            }
            CertificateError::BadSignature => CertificateFault::BadSignature,
            CertificateError::BadEncoding => CertificateFault::Unreadable,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                CertificateFault::Purpose
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                CertificateFault::Other("it is signed in a way that is not supported")
            }
            CertificateError::Revoked => CertificateFault::Other("it was revoked"),
            _ if cert.is_ca() => {
                CertificateFault::Other("it is the certificate of an authority, not of a server")
            }
            _ => CertificateFault::Other("it or its chain breaks a rule of X.509"),
        },
        _ => CertificateFault::Unreadable,
    }
}

/// The fault of a certificate that is not for `expected`.
pub(super) fn wrong_name(leaf: &CertificateDer<'_>, expected: &str) -> CertificateFault {
    let Ok((_, cert)) = X509Certificate::from_der(leaf) else {
        return CertificateFault::Unreadable;
    };
    let names = alternative_names(&cert);
    match common_name(&cert) {
        Some(common_name) if names.is_empty() => CertificateFault::CommonNameOnly { common_name },
        _ if names.is_empty() => {
            CertificateFault::WrongName { expected: shown(expected), presented: "no name at all".to_owned() }
        }
        _ => CertificateFault::WrongName { expected: shown(expected), presented: shown(&names.join(", ")) },
    }
}

/// Whether the certificate is within its time, for one that is trusted as it is.
pub(super) fn in_time(leaf: &CertificateDer<'_>, now: i64) -> Result<(), CertificateFault> {
    let (_, cert) = X509Certificate::from_der(leaf).map_err(|_| CertificateFault::Unreadable)?;
    let (from, to) = (cert.validity().not_before.timestamp(), cert.validity().not_after.timestamp());
    if now < from {
        Err(CertificateFault::NotYetValid(time(from)))
    } else if now > to {
        Err(CertificateFault::Expired(time(to)))
    } else {
        Ok(())
    }
}

/// Whether a certificate without alternative names has `host` as its CN. libpq still reads it so; we do only
/// where the very certificate is trusted.
pub(super) fn common_name_is(leaf: &CertificateDer<'_>, host: &str) -> bool {
    X509Certificate::from_der(leaf).is_ok_and(|(_, cert)| {
        alternative_names(&cert).is_empty()
            && common_name(&cert).is_some_and(|name| name.eq_ignore_ascii_case(host))
    })
}

fn common_name(cert: &X509Certificate<'_>) -> Option<String> {
    cert.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(shown)
}

fn alternative_names(cert: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = cert.subject_alternative_name() else {
        return Vec::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(shown(name)),
            GeneralName::IPAddress([a, b, c, d]) => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            GeneralName::IPAddress(octets) => {
                <[u8; 16]>::try_from(*octets).ok().map(|o| std::net::Ipv6Addr::from(o).to_string())
            }
            _ => None,
        })
        .collect()
}

fn shown(text: &str) -> String {
    text::clean(text, MAX_NAME)
}

fn time(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

/// Everything of [`TlsInfo`] that stands in the certificate.
pub(super) fn describe(leaf: &CertificateDer<'_>, verified: Verified) -> TlsInfo {
    let parsed = X509Certificate::from_der(leaf).ok().map(|(_, cert)| cert);
    TlsInfo {
        version: None,
        cipher: None,
        verified,
        subject: parsed.as_ref().map(|cert| shown(&cert.subject().to_string())),
        issuer: parsed.as_ref().map(|cert| shown(&cert.issuer().to_string())),
        not_after: parsed.as_ref().and_then(|cert| time(cert.validity().not_after.timestamp())),
        fingerprint_sha256: match &parsed {
            Some(cert) => hex::encode(Sha256::digest(cert.public_key().raw)),
            None => hex::encode(Sha256::digest(leaf)),
        },
    }
}

/// `tls-server-end-point` (RFC 5929, 4.1): the certificate, hashed as its own signature was, but never weaker
/// than SHA-256. `None` where that is not defined (Ed25519) or where old servers cannot tell (RSA-PSS): SCRAM
/// then goes without.
pub(super) fn channel_binding(leaf: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, cert) = X509Certificate::from_der(leaf).ok()?;
    match cert.signature_algorithm.algorithm.to_id_string().as_str() {
        // md5, sha1 and sha256 with RSA; sha1 and sha256 with ECDSA
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Some(Sha256::digest(leaf).to_vec()),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(Sha384::digest(leaf).to_vec()),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(Sha512::digest(leaf).to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    fn signed_by(algorithm: &'static rcgen::SignatureAlgorithm) -> CertificateDer<'static> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = CertificateParams::new(vec!["db.test".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn channel_binding_hashes_as_the_certificate_was_signed() {
        let p256 = signed_by(&PKCS_ECDSA_P256_SHA256);
        assert_eq!(channel_binding(&p256), Some(Sha256::digest(&p256).to_vec()));
        let p384 = signed_by(&PKCS_ECDSA_P384_SHA384);
        assert_eq!(channel_binding(&p384), Some(Sha384::digest(&p384).to_vec()));
        assert_eq!(channel_binding(&signed_by(&PKCS_ED25519)), None, "RFC 5929 defines none");
    }

    #[test]
    fn a_wrong_name_lists_the_names_that_would_fit() {
        let fault = wrong_name(&signed_by(&PKCS_ECDSA_P256_SHA256), "db.example").to_string();
        assert_eq!(fault, "the server's certificate is not for db.example, but for db.test, 10.0.0.1");
    }

    #[test]
    fn the_fingerprint_is_of_the_key_not_of_the_certificate() {
        let key = KeyPair::generate().unwrap();
        let issue = |name: &str| {
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.self_signed(&key).unwrap().der().clone()
        };
        let [a, b] = ["a.test", "b.test"].map(|name| describe(&issue(name), Verified::No).fingerprint_sha256);
        assert_eq!(a, b, "a renewed certificate of the same key stays pinned");
    }
}
