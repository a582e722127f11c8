//! How far a server's certificate is verified, and what is sent when it is not.

use common::{Phase, SslMode, TestErrorKind as Kind, test_result::Verified};
use probe::Target;
use testkit::{
    Cluster, Version,
    certs::{self, Authority, Issued},
};

use crate::{failure, target, test};

async fn server(issued: &Issued) -> Cluster {
    Cluster::builder(Version::V18).tls(issued).start().await
}

fn tls(cluster: &Cluster, mode: SslMode, root: Option<&str>) -> Target {
    Target { ssl_mode: mode, ssl_root_cert: root.map(str::to_owned), ..target(cluster) }
}

#[tokio::test]
async fn verify_full_wants_chain_and_name() {
    let (ca, other) = (Authority::new(), Authority::named("another CA"));
    let cluster = server(&ca.issue(&["db.test", "localhost"])).await;
    let by_name =
        Target { host: "localhost".to_owned(), ..tls(&cluster, SslMode::VerifyFull, Some(&ca.pem())) };
    let result = test(&by_name).await;
    assert_eq!(result.error, None);
    assert_eq!(result.tls.unwrap().verified, Verified::Full);

    let by_address = tls(&cluster, SslMode::VerifyFull, Some(&ca.pem()));
    let result = test(&by_address).await;
    let error = failure(&result, Kind::Certificate, Phase::Tls);
    assert!(error.message.contains("127.0.0.1") && error.message.contains("db.test"), "{}", error.message);
    assert_eq!(result.unavailable["tls.version"].reason, "not_finished");
    let met = result.tls.unwrap();
    assert_eq!(met.verified, Verified::No, "whom we met is told, unverified");
    assert_eq!((met.version, met.cipher), (None, None));

    let unknown = tls(&cluster, SslMode::VerifyFull, Some(&other.pem()));
    let error = failure(&test(&unknown).await, Kind::Certificate, Phase::Tls);
    assert!(error.message.contains("testkit CA"), "{}", error.message);
    let by_system = tls(&cluster, SslMode::VerifyFull, None);
    let error = failure(&test(&by_system).await, Kind::Certificate, Phase::Tls);
    assert!(error.hint.contains("ssl_root_cert"), "{}", error.hint);
    // The refused handshakes never reached a password: the server saw no attempt to sign in.
    assert!(!cluster.log().contains("password authentication failed"), "{}", cluster.log());
}

#[tokio::test]
async fn require_encrypts_without_verifying_until_a_ca_is_given() {
    let (ca, other) = (Authority::new(), Authority::named("another CA"));
    let cluster = server(&ca.issue(&["db.test"])).await;
    let result = test(&tls(&cluster, SslMode::Require, None)).await;
    assert_eq!(result.error, None, "SCRAM is safe over TLS that is not verified");
    assert_eq!(result.tls.unwrap().verified, Verified::No);

    let result = test(&tls(&cluster, SslMode::Require, Some(&ca.pem()))).await;
    assert_eq!(result.error, None);
    assert_eq!(result.tls.unwrap().verified, Verified::Ca, "the name is not asked for");

    let result = test(&tls(&cluster, SslMode::Require, Some(&other.pem()))).await;
    failure(&result, Kind::Certificate, Phase::Tls);
}

#[tokio::test]
async fn a_servers_own_certificate_is_trusted_as_it_is() {
    for issued in [certs::self_signed(&["127.0.0.1"]), certs::self_signed_leaf(&["127.0.0.1"])] {
        let cluster = server(&issued).await;
        let result = test(&tls(&cluster, SslMode::VerifyFull, Some(&issued.cert_pem))).await;
        assert_eq!(result.error, None);
        assert_eq!(result.tls.unwrap().verified, Verified::Full);
        let result = test(&tls(&cluster, SslMode::VerifyFull, None)).await;
        failure(&result, Kind::Certificate, Phase::Tls);
        let result = test(&tls(&cluster, SslMode::Require, None)).await;
        assert_eq!(result.error, None);
    }
}

#[tokio::test]
async fn certificates_out_of_their_time_have_their_own_words() {
    let ca = Authority::new();
    for (issued, root, words) in [
        (ca.issue_expired(&["127.0.0.1"]), ca.pem(), "expired on 2002-01-01"),
        (ca.issue_not_yet_valid(&["127.0.0.1"]), ca.pem(), "not valid before 3000-01-01"),
        {
            let expired = certs::expired(&["127.0.0.1"]);
            let pem = expired.cert_pem.clone();
            (expired, pem, "expired on 2002-01-01")
        },
    ] {
        let cluster = server(&issued).await;
        let error = failure(
            &test(&tls(&cluster, SslMode::VerifyFull, Some(&root))).await,
            Kind::Certificate,
            Phase::Tls,
        );
        assert!(error.message.contains(words), "{}", error.message);
    }
}

#[tokio::test]
async fn a_readable_password_is_never_sent_over_tls_that_is_not_verified() {
    let ca = Authority::new();
    for (method, form) in [("password", "plain text"), ("md5", "MD5")] {
        let cluster = Cluster::builder(Version::V18)
            .tls(&ca.issue(&["127.0.0.1"]))
            .setting("password_encryption", "md5")
            .hba(&format!("host all all all {method}"))
            .start()
            .await;
        let admin = cluster.client("postgres").await;
        admin.batch_execute("create role app login password 'not to be read'").await.unwrap();
        let as_app = |mode, root: Option<&str>| Target {
            username: "app".to_owned(),
            password: Some("not to be read".into()),
            ..tls(&cluster, mode, root)
        };
        let error = failure(&test(&as_app(SslMode::Require, None)).await, Kind::Auth, Phase::Auth);
        assert!(error.message.contains(form) && error.message.contains("was not sent"), "{}", error.message);
        // Verified, it may be: only the server can read it. Plain by choice as well.
        assert_eq!(test(&as_app(SslMode::VerifyFull, Some(&ca.pem()))).await.error, None);
        assert_eq!(test(&as_app(SslMode::Require, Some(&ca.pem()))).await.error, None);
        assert_eq!(test(&as_app(SslMode::Disable, None)).await.error, None);
    }
}

/// Signs in where only SCRAM bound to the channel will do.
#[tokio::test]
async fn scram_binds_to_the_servers_certificate() {
    let ca = Authority::new();
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version).tls(&ca.issue(&["127.0.0.1"])).start().await;
        let destination = egress::Destination {
            host: "127.0.0.1",
            port: cluster.port(),
            mode: SslMode::Require,
            root_cert: None,
        };
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        let connected = egress::connect(&destination, deadline).await.unwrap();
        let mut config = tokio_postgres::Config::new();
        config
            .user(cluster.user())
            .password(cluster.password())
            .dbname("postgres")
            .channel_binding(tokio_postgres::config::ChannelBinding::Require);
        let signed_in =
            egress::postgres::sign_in(&config, connected.stream, egress::gate::Traffic::Bounded).await;
        assert!(signed_in.is_ok(), "{:?}", signed_in.err());
    }
}

/// What `openssl x509 -req` makes by PostgreSQL's own recipe, with OpenSSL before 3.2: webpki cannot open it, but
/// the server proves that it holds the key all the same.
#[tokio::test]
async fn an_x509_v1_certificate_encrypts_and_is_trusted_only_as_it_is() {
    let issued = certs::self_signed_v1("localhost");
    for protocol in ["TLSv1.3", "TLSv1.2"] {
        let cluster = Cluster::builder(Version::V18)
            .tls(&issued)
            .setting("ssl_max_protocol_version", protocol)
            .start()
            .await;
        let result = test(&tls(&cluster, SslMode::Require, None)).await;
        assert_eq!(result.error, None, "{protocol}");
        let info = result.tls.unwrap();
        assert_eq!((info.verified, info.version.as_deref()), (Verified::No, Some(protocol)));
        let own = Target {
            host: "localhost".to_owned(),
            ..tls(&cluster, SslMode::VerifyFull, Some(&issued.cert_pem))
        };
        let result = test(&own).await;
        assert_eq!(result.error, None);
        assert_eq!(result.tls.unwrap().verified, Verified::Full, "its CN is localhost");
        let error =
            failure(&test(&tls(&cluster, SslMode::VerifyFull, None)).await, Kind::Certificate, Phase::Tls);
        assert!(error.message.contains("X.509 v1") && error.hint.contains("v3"), "{error:?}");
    }
}

#[tokio::test]
async fn a_ca_that_cannot_be_read_is_told_before_anything_is_sent() {
    let cluster = server(&certs::self_signed(&["127.0.0.1"])).await;
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let result = test(&tls(&cluster, SslMode::VerifyFull, Some(broken))).await;
    let error = failure(&result, Kind::Certificate, Phase::Tls);
    assert!(error.message.contains("certificate 1"), "{}", error.message);
}
