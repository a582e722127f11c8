//! Certificates made on the spot: by an authority of our own, self-signed, expired.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    pub cert_pem: String,
    pub key_pem: String,
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    #[allow(clippy::new_without_default)] // makes keys: nothing to do by default
    pub fn new() -> Authority {
        Authority::named("testkit CA")
    }

    pub fn named(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Authority { issuer }
    }

    /// What clients trust.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate for DNS names and IP addresses.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.sign(server_params(names))
    }

    /// One whose time ended long ago.
    pub fn issue_expired(&self, names: &[&str]) -> Issued {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(params)
    }

    /// One whose time has not begun.
    pub fn issue_not_yet_valid(&self, names: &[&str]) -> Issued {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() }
    }
}

/// As `openssl req -x509` makes it: signed by itself and CA:TRUE, which webpki refuses as a server's own certificate.
pub fn self_signed(names: &[&str]) -> Issued {
    let mut params = server_params(names);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = Vec::new();
    params.extended_key_usages = Vec::new();
    sign_itself(params)
}

/// Signed by itself and no authority (CA:FALSE).
pub fn self_signed_leaf(names: &[&str]) -> Issued {
    sign_itself(server_params(names))
}

/// Signed by itself, and its time ended long ago.
pub fn expired(names: &[&str]) -> Issued {
    let mut params = server_params(names);
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    sign_itself(params)
}

fn sign_itself(params: CertificateParams) -> Issued {
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() }
}

fn server_params(names: &[&str]) -> CertificateParams {
    // rcgen tells IP addresses from DNS names itself
    let mut params =
        CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    let name = names.first().copied().filter(|name| name.parse::<IpAddr>().is_err()).unwrap_or("localhost");
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}
