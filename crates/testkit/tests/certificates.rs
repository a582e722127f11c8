//! Certificates are accepted and refused for the reasons their names say, by a real PostgreSQL and a real TLS client.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test ends where something is not as it must be

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use testkit::certs::{self, Authority, Issued};
use testkit::{Cluster, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn server(issued: &Issued) -> Cluster {
    Cluster::builder(Version::V18).tls(issued).start().await
}

/// The handshake of a client that trusts `root` and asks for `name`.
async fn handshake(cluster: &Cluster, root: &str, name: &str) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut stream = TcpStream::connect((cluster.host(), cluster.port())).await.unwrap();
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'S');
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_authority_vouches_for_its_names_and_addresses_and_no_others() {
    let authority = Authority::new();
    let server = server(&authority.issue(&["localhost", "127.0.0.1", "db.test"])).await;
    for name in ["localhost", "127.0.0.1", "db.test"] {
        handshake(&server, &authority.pem(), name).await.unwrap();
    }
    let other_name = handshake(&server, &authority.pem(), "other.test").await.unwrap_err();
    assert!(other_name.contains("not valid for name"), "{other_name}");
    let stranger = handshake(&server, &Authority::named("another").pem(), "localhost").await.unwrap_err();
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
}

#[tokio::test]
async fn certificates_out_of_their_time_are_refused_for_that() {
    let authority = Authority::new();
    let expired =
        handshake(&server(&authority.issue_expired(&["localhost"])).await, &authority.pem(), "localhost")
            .await;
    assert!(expired.unwrap_err().contains("expired"));
    let early = handshake(
        &server(&authority.issue_not_yet_valid(&["localhost"])).await,
        &authority.pem(),
        "localhost",
    )
    .await;
    assert!(early.unwrap_err().contains("not valid yet"));
}

#[tokio::test]
async fn a_self_signed_certificate_is_one_of_an_authority_as_openssl_makes_it() {
    let issued = certs::self_signed(&["localhost"]);
    let refused = handshake(&server(&issued).await, &issued.cert_pem, "localhost").await.unwrap_err();
    assert!(refused.contains("CaUsedAsEndEntity"), "{refused}");
    let leaf = certs::self_signed_leaf(&["localhost"]);
    handshake(&server(&leaf).await, &leaf.cert_pem, "localhost").await.unwrap();
}
