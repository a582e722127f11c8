//! Certificates made on the spot: by an authority of our own, self-signed, expired.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use base64::Engine;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SigningKey, date_time_ymd,
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

    /// One that ends so long from now.
    pub fn issue_until(&self, names: &[&str], left: Duration) -> Issued {
        let mut params = server_params(names);
        params.not_after = (SystemTime::now() + left).into();
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

/// Signed by itself, of X.509 version 1, with nothing but a common name: what `openssl x509 -req` makes by PostgreSQL's own
/// recipe with OpenSSL before 3.2. rcgen only makes version 3, so what version 1 lacks is taken out of one of those.
pub fn self_signed_v1(common_name: &str) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let v3 = params.self_signed(&key).unwrap();
    let (certificate, _) = split(v3.der());
    let (to_be_signed, after) = split(certificate);
    let (algorithm, _) = take(after);
    // version [0], serial number, algorithm, issuer, validity, subject, key, then extensions [3] (RFC 5280, 4.1)
    let (_version, fields) = take(to_be_signed);
    let mut kept = fields;
    for _ in 0..6 {
        kept = take(kept).1;
    }
    let v1 = sequence(&[&fields[..fields.len() - kept.len()]]);
    let signature = key.sign(&v1).unwrap();
    let signature = element(0x03, &[&[0], &signature]);
    let der = sequence(&[&v1, algorithm, &signature]);
    Issued { cert_pem: pem("CERTIFICATE", &der), key_pem: key.serialize_pem() }
}

/// The content of a DER element, and what follows the element.
fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (whole, rest) = take(der);
    let header = if whole[1] < 0x80 { 2 } else { 2 + usize::from(whole[1] & 0x7f) };
    (&whole[header..], rest)
}

/// A whole DER element, and what follows it.
fn take(der: &[u8]) -> (&[u8], &[u8]) {
    let length = match der[1] {
        short @ 0..0x80 => 2 + usize::from(short),
        long => {
            let count = usize::from(long & 0x7f);
            2 + count + der[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
    };
    der.split_at(length)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut der = vec![tag];
    match content.len() {
        short @ 0..0x80 => der.push(short as u8),
        long => {
            der.push(0x82);
            der.extend((long as u16).to_be_bytes());
        }
    }
    der.extend(content);
    der
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
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
