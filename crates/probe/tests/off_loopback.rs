//! What `auto` does off loopback, end to end, in a network namespace of the test's own: the address is no loopback
//! address, and still nothing leaves the machine. Needs root and iproute2, so it runs with `cargo xtask test --full`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use common::{ConnectionId, Phase, SslMode, TestErrorKind, test_result::Verified};
use probe::{Prober, Target};
use testkit::{Cluster, Version, certs::Authority};

const INSIDE: &str = "PROBE_TEST_INSIDE_NAMESPACE";
const ADDRESS: &str = "10.66.0.1";
/// Loopback comes up empty in a new namespace; the address is one of a private network.
const SET_UP: &str = "ip link set lo up && ip addr add 10.66.0.1/32 dev lo && exec \"$0\" \"$@\"";

#[test]
fn auto_encrypts_off_loopback_and_says_how_far_it_could_verify() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(inside());
    }
    let this = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(["--net", "sh", "-c", SET_UP])
        .arg(this)
        .args(["--exact", "--nocapture", "auto_encrypts_off_loopback_and_says_how_far_it_could_verify"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare is there (util-linux)");
    assert!(status.success(), "inside the namespace: {status}");
}

async fn inside() {
    let ca = Authority::new();
    let listening = |builder: testkit::Builder| builder.setting("listen_addresses", "*").start();
    let cluster = listening(Cluster::builder(Version::V18).tls(&ca.issue(&[ADDRESS]))).await;
    let auto = |cluster: &Cluster, host: &str, root: Option<&str>| Target {
        connection_id: ConnectionId(7),
        host: host.to_owned(),
        port: cluster.port(),
        database_name: "postgres".to_owned(),
        username: "postgres".to_owned(),
        password: Some(cluster.password().into()),
        password_since: None,
        ssl_mode: SslMode::Auto,
        ssl_root_cert: root.map(str::to_owned),
    };
    let prober = Prober::new();

    let result = prober.test(&auto(&cluster, ADDRESS, None)).await;
    assert_eq!(result.error, None);
    assert_eq!(result.tls.unwrap().verified, Verified::No);

    let result = prober.test(&auto(&cluster, ADDRESS, Some(&ca.pem()))).await;
    assert_eq!(result.tls.unwrap().verified, Verified::Full);

    // The chain alone would let in whoever holds any certificate of the CA, so the name counts, and a password that
    // can be read stays here.
    let impostor = Cluster::builder(Version::V18).tls(&ca.issue(&["impostor.test"]));
    let elsewhere = listening(impostor.hba("host all all all password")).await;
    let result = prober.test(&auto(&elsewhere, ADDRESS, Some(&ca.pem()))).await;
    assert_eq!(result.tls.unwrap().verified, Verified::No);
    let error = result.error.expect("a readable password is not sent to another host's certificate");
    assert_eq!((error.kind, error.phase), (TestErrorKind::Auth, Phase::Auth));
    assert!(error.message.contains("was not sent"), "{}", error.message);

    let result = prober.test(&auto(&cluster, "127.0.0.1", None)).await;
    assert_eq!(
        (result.error, result.tls),
        (None, None),
        "the same server on loopback is asked in plain text"
    );

    let plain = listening(Cluster::builder(Version::V18)).await;
    let error = prober.test(&auto(&plain, ADDRESS, None)).await.error.expect("plain text is never sent");
    assert_eq!((error.kind, error.phase), (TestErrorKind::Tls, Phase::Tls));
}
