//! Failures are told apart, each with its phase, words and a way out.

use std::time::Duration;

use common::{Phase, SslMode, TestErrorKind as Kind};
use probe::{Limits, Prober, Target};
use testkit::{Cluster, Version, faulty};

use crate::{failure, impatient, on_port, target, test};

#[tokio::test]
async fn a_closed_port_is_refused() {
    let port = faulty::refused_port();
    let result = test(&on_port(port.port())).await;
    let error = failure(&result, Kind::Refused, Phase::Tcp);
    assert!(error.message.contains(&port.port().to_string()));
    assert_eq!(result.address, Some(format!("127.0.0.1:{}", port.port())));
}

#[tokio::test]
async fn packets_that_vanish_time_out_in_tcp() {
    let hole = faulty::black_hole();
    let result = impatient().test(&on_port(hole.port())).await;
    failure(&result, Kind::Timeout, Phase::Tcp);
    assert!(result.total_ms >= 400.0);
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out_where_it_stands() {
    let silent = faulty::silent();
    failure(&impatient().test(&on_port(silent.port())).await, Kind::Timeout, Phase::Auth);
    let over_tls = Target { ssl_mode: SslMode::Require, ..on_port(silent.port()) };
    failure(&impatient().test(&over_tls).await, Kind::Timeout, Phase::Tls);
    let stalls = faulty::stalls_in_tls();
    let over_tls = Target { ssl_mode: SslMode::Require, ..on_port(stalls.port()) };
    failure(&impatient().test(&over_tls).await, Kind::Timeout, Phase::Tls);
    let drips = faulty::drips();
    failure(&impatient().test(&on_port(drips.port())).await, Kind::Timeout, Phase::Auth);
}

#[tokio::test]
async fn an_unknown_host_fails_in_dns() {
    let result = test(&Target { host: "nowhere.invalid".to_owned(), ..on_port(5432) }).await;
    let error = failure(&result, Kind::Dns, Phase::Dns);
    assert!(error.message.contains("nowhere.invalid"));
    assert_eq!(result.address, None);
}

#[tokio::test]
async fn metadata_addresses_are_denied_before_a_packet_is_sent() {
    for host in ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1", "0.0.0.0"] {
        let result = impatient().test(&Target { host: host.to_owned(), ..on_port(80) }).await;
        failure(&result, Kind::DeniedTarget, Phase::Dns);
    }
}

#[tokio::test]
async fn a_missing_socket_is_refused_with_its_folder() {
    let result = test(&Target { host: "/nowhere".to_owned(), ..on_port(5432) }).await;
    let error = failure(&result, Kind::Refused, Phase::Tcp);
    assert!(error.message.contains("/nowhere"));
    assert_eq!(result.address.as_deref(), Some("/nowhere/.s.PGSQL.5432"));
}

#[tokio::test]
async fn servers_of_other_protocols_are_named() {
    for (server, name) in [
        (faulty::http(), Some("web server")),
        (faulty::ssh_banner(), Some("SSH")),
        (faulty::mysql(), Some("MySQL")),
        (faulty::garbage(), None),
    ] {
        for (mode, phase) in [(SslMode::Disable, Phase::Auth), (SslMode::Require, Phase::Tls)] {
            let result = test(&Target { ssl_mode: mode, ..on_port(server.port()) }).await;
            let error = failure(&result, Kind::NotPostgres, phase);
            if let Some(name) = name {
                assert!(error.message.contains(name), "{}", error.message);
            }
        }
    }
    let breaks = faulty::breaks_tls();
    let result = test(&Target { ssl_mode: SslMode::Require, ..on_port(breaks.port()) }).await;
    failure(&result, Kind::NotPostgres, Phase::Tls);
}

#[tokio::test]
async fn a_web_server_that_waits_for_a_whole_line_is_asked_again_in_its_own_words() {
    for (mode, phase) in [(SslMode::Disable, Phase::Auth), (SslMode::Require, Phase::Tls)] {
        let waits = faulty::http_that_waits();
        let patient = Limits {
            connect: Duration::from_millis(400),
            // It answers at once, unless the machine is busy.
            second_look: Duration::from_secs(5),
            ..Limits::default()
        };
        let target = Target { ssl_mode: mode, ..on_port(waits.port()) };
        let result = Prober::with_limits(patient).test(&target).await;
        let error = failure(&result, Kind::NotPostgres, phase);
        assert!(error.message.contains("a web server (HTTP)"), "{}", error.message);
        assert_eq!(waits.connections(), 2);
    }
}

#[tokio::test]
async fn who_said_anything_is_not_asked_twice() {
    let drips = faulty::drips();
    failure(&impatient().test(&on_port(drips.port())).await, Kind::Timeout, Phase::Auth);
    assert_eq!(drips.connections(), 1);
    let stalls = faulty::stalls_in_tls();
    let over_tls = Target { ssl_mode: SslMode::Require, ..on_port(stalls.port()) };
    failure(&impatient().test(&over_tls).await, Kind::Timeout, Phase::Tls);
    assert_eq!(stalls.connections(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_as_such() {
    let hangs_up = faulty::hangs_up_after_hello();
    failure(&test(&on_port(hangs_up.port())).await, Kind::Protocol, Phase::Auth);
    let result = test(&Target { ssl_mode: SslMode::Require, ..on_port(hangs_up.port()) }).await;
    failure(&result, Kind::Protocol, Phase::Tls);
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_when_tls_is_required() {
    let cluster = Cluster::start(Version::V18).await;
    for mode in [SslMode::Require, SslMode::VerifyFull] {
        let result = test(&Target { ssl_mode: mode, ..target(&cluster) }).await;
        let error = failure(&result, Kind::Tls, Phase::Tls);
        assert!(error.hint.contains("ssl = on"));
        assert_eq!(result.tls, None);
    }
}

#[tokio::test]
async fn what_is_said_before_tls_is_not_taken_for_the_servers_words() {
    let stuffs = faulty::stuffs_plain_text_before_tls();
    let result = test(&Target { ssl_mode: SslMode::Require, ..on_port(stuffs.port()) }).await;
    let error = failure(&result, Kind::Tls, Phase::Tls);
    assert!(!error.message.contains("stuffed"), "{}", error.message);
    let answers = faulty::error_instead_of_tls("call this number");
    let result = test(&Target { ssl_mode: SslMode::Require, ..on_port(answers.port()) }).await;
    let error = result.error.unwrap();
    assert!(!error.message.contains("call this number"), "{}", error.message);
    assert_eq!(error.phase, Phase::Tls);
}

#[tokio::test]
async fn the_servers_own_refusals_each_have_their_kind_and_way_out() {
    let cluster = Cluster::builder(Version::V18)
        .setting("max_connections", "5")
        .setting("superuser_reserved_connections", "3")
        .hba("host all outsider all reject\nhost all all 127.0.0.0/8 scram-sha-256")
        .start()
        .await;
    let admin = cluster.client("postgres").await;
    for sql in [
        "create role app login password 'x'",
        "create role outsider login password 'x'",
        "create role nologin_role password 'x'",
        "create database closed allow_connections false",
        "create database private",
        "revoke connect on database private from public",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
    let ours = target(&cluster);
    let as_app = Target { username: "app".to_owned(), password: Some("x".into()), ..ours.clone() };
    let cases = [
        (Target { password: Some("wrong".into()), ..ours.clone() }, Kind::Auth, "28P01", "password"),
        (Target { username: "nobody_here".to_owned(), ..ours.clone() }, Kind::Auth, "28P01", "password"),
        (Target { username: "nologin_role".to_owned(), ..as_app.clone() }, Kind::Auth, "28000", "ALTER ROLE"),
        (Target { database_name: "missing".to_owned(), ..ours.clone() }, Kind::Database, "3D000", "spelling"),
        (
            Target { database_name: "closed".to_owned(), ..ours.clone() },
            Kind::Database,
            "55000",
            "ALLOW_CONNECTIONS",
        ),
        (
            Target { database_name: "private".to_owned(), ..as_app.clone() },
            Kind::Permission,
            "42501",
            "GRANT CONNECT",
        ),
        (
            Target { username: "outsider".to_owned(), ..as_app.clone() },
            Kind::Hba,
            "28000",
            "host postgres outsider 127.0.0.1/32 scram-sha-256",
        ),
    ];
    for (target, kind, sqlstate, way_out) in cases {
        let result = test(&target).await;
        let error = failure(&result, kind, Phase::Auth);
        assert_eq!(error.sqlstate.as_deref(), Some(sqlstate), "{error:?}");
        assert!(error.hint.contains(way_out), "{}", error.hint);
        assert!(result.phases.tcp_ms.is_some());
    }
    let error = failure(&test(&Target { password: None, ..ours.clone() }).await, Kind::Auth, Phase::Auth);
    assert!(error.message.contains("none is stored"), "{}", error.message);

    // Two slots for ordinary users: one for the administrator's session, one for this.
    let _held = cluster.client_as("app", "x", "postgres").await;
    let error = failure(&test(&as_app).await, Kind::TooManyConnections, Phase::Auth);
    assert_eq!(error.sqlstate.as_deref(), Some("53300"));
}

#[tokio::test]
async fn a_plain_connect_to_a_server_that_wants_tls_says_to_turn_it_on() {
    let ca = testkit::certs::Authority::new();
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version)
            .tls(&ca.issue(&["localhost"]))
            .hba("hostssl all all all scram-sha-256")
            .start()
            .await;
        let error = failure(&test(&target(&cluster)).await, Kind::Hba, Phase::Auth);
        assert!(error.message.contains("without encryption"), "{}", error.message);
        assert!(error.hint.contains("Automatic") && error.hint.contains("require"), "{}", error.hint);
    }
}

#[tokio::test]
async fn a_hostile_error_is_shown_as_text_and_cut_with_a_note() {
    let server = faulty::hostile_error();
    let result = test(&on_port(server.port())).await;
    let error = failure(&result, Kind::Auth, Phase::Auth);
    assert!(error.message.contains("<script>alert(1)</script>"), "text stays text: {}", error.message);
    assert!(error.message.ends_with("A… (cut; 10000126 bytes in all)"), "{}", error.message);
    assert_eq!(error.message.matches("(cut;").count(), 1, "{}", error.message);
    assert!(!error.message.contains('\n'));
}

#[tokio::test]
async fn every_word_of_starting_and_stopping_servers_is_understood() {
    for (sqlstate, message, kind) in [
        ("57P03", "the database system is starting up", Kind::StartingUp),
        ("57P03", "the database system is in recovery mode", Kind::StartingUp),
        ("57P03", "the database system is not accepting connections", Kind::StartingUp),
        ("57P03", "the database system is shutting down", Kind::ShuttingDown),
        ("57P01", "terminating connection due to administrator command", Kind::ShuttingDown),
        ("08P01", "no such database: shop", Kind::Database),
        ("08P01", "no such user", Kind::Auth),
        ("08P01", "SASL authentication failed", Kind::Auth),
        ("08P01", "no more connections allowed (max_client_conn)", Kind::TooManyConnections),
        ("08P01", "query_wait_timeout", Kind::TooManyConnections),
        ("08P01", "server login has been failing, try again later (server_login_retry)", Kind::Unreachable),
        ("08P01", "unsupported startup parameter: options", Kind::Protocol),
        ("XX000", "something else", Kind::Other),
    ] {
        let server = faulty::refuses(sqlstate, message);
        let error = failure(&test(&on_port(server.port())).await, kind, Phase::Auth);
        assert!(error.message.contains(message), "{}", error.message);
    }
}

#[tokio::test]
async fn a_network_that_stalls_in_a_latency_test_leaves_the_rounds_so_far() {
    let cluster = Cluster::start(Version::V18).await;
    let proxy = faulty::Proxy::to(cluster.port());
    let target = Target { port: proxy.port(), ..target(&cluster) };
    // Patient enough to sign in on a busy machine, and quick to notice a round that hangs.
    let limits =
        Limits { round: Duration::from_millis(500), cancel: Duration::from_millis(200), ..Limits::default() };
    let prober = Prober::with_limits(limits);
    let latency = tokio::spawn(async move { prober.latency(&target, 100_000).await });
    let admin = cluster.client("postgres").await;
    let asking = "select count(*) from pg_stat_activity where application_name = 'pg-dashboard' and query = 'select 1'";
    while admin.query_one(asking, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    proxy.stall();
    let latency = latency.await.unwrap();
    let error = latency.error.unwrap();
    assert_eq!((error.kind, error.phase), (Kind::Timeout, Phase::Query));
    assert_eq!(latency.p50_ms.is_some(), !latency.rounds_ms.is_empty());
    assert!(latency.connect.phases.auth_ms.is_some());
}

#[tokio::test]
async fn a_latency_test_that_cannot_connect_says_why_beside_its_nulls() {
    let port = faulty::refused_port();
    let latency = Prober::new().latency(&on_port(port.port()), 5).await;
    assert_eq!(latency.error.unwrap().kind, Kind::Refused);
    assert!(latency.rounds_ms.is_empty());
    assert_eq!(latency.p50_ms, None);
    assert_eq!(latency.unavailable["p50_ms"].reason, "refused");
}
