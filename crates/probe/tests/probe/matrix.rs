//! One suite for every server version, with and without TLS.

use common::{
    SslMode,
    health::CheckStatus,
    test_result::{TestKind, Verified},
};
use probe::{Prober, Target};
use testkit::{Cluster, Version, certs::Authority};

use crate::target;

async fn suite(version: Version, tls: bool) {
    let major = version.major() as i32;
    let ca = Authority::new();
    let mut builder = Cluster::builder(version).preload("pg_stat_statements");
    if tls {
        builder =
            builder.tls(&ca.issue(&["localhost", "127.0.0.1"])).hba("hostssl all all all scram-sha-256");
    }
    let cluster = builder.start().await;
    let mut target = target(&cluster);
    if tls {
        target.ssl_mode = SslMode::VerifyFull;
        target.ssl_root_cert = Some(ca.pem());
    } else {
        target.ssl_mode = SslMode::Auto;
    }
    a_test_passes_phase_by_phase(&target, major, tls).await;
    a_name_is_resolved_and_timed(&target).await;
    a_socket_is_reached_by_its_folder(&target, &cluster).await;
    latency_asks_as_often_as_it_is_told(&target).await;
    health_is_read(&target, &cluster, major).await;
    nothing_is_left_open(&cluster).await;
}

async fn a_test_passes_phase_by_phase(target: &Target, major: i32, tls: bool) {
    let result = crate::test(target).await;
    assert_eq!(result.error, None);
    assert!(result.ok);
    assert_eq!((result.connection_id, result.kind), (target.connection_id, TestKind::Full));
    let phases = result.phases;
    assert_eq!(phases.dns_ms, None, "an address needs no look-up");
    assert!(phases.tcp_ms.unwrap() > 0.0 && phases.auth_ms.unwrap() > 0.0 && phases.query_ms.unwrap() > 0.0);
    assert_eq!(result.round_trip_ms, phases.query_ms);
    assert!(result.total_ms >= phases.auth_ms.unwrap() + phases.query_ms.unwrap());
    assert_eq!(result.address, Some(format!("127.0.0.1:{}", target.port)));
    assert_eq!(result.server_version_num.map(|num| num / 10_000), Some(major));
    assert!(result.server_version.unwrap().starts_with(&major.to_string()));
    assert!(result.backend_pid.unwrap() > 0);
    assert_eq!(result.pooler, None);
    let missing: Vec<_> =
        result.unavailable.iter().map(|(value, why)| (value.as_str(), why.reason.as_str())).collect();
    let plain = [("phases.dns_ms", "not_needed"), ("phases.tls_ms", "not_used"), ("tls", "not_used")];
    assert_eq!(missing, if tls { &plain[..1] } else { &plain[..] });
    assert_eq!(phases.tls_ms.is_some(), tls);
    if tls {
        let tls = result.tls.unwrap();
        assert_eq!((tls.version.as_deref(), tls.verified), (Some("TLSv1.3"), Verified::Full));
        assert!(tls.cipher.unwrap().starts_with("TLS_"));
        assert!(tls.subject.unwrap().contains("localhost"));
        assert!(tls.issuer.unwrap().contains("testkit CA"));
        assert!(tls.not_after.is_some());
        assert_eq!(tls.fingerprint_sha256.len(), 64);
    } else {
        assert_eq!(result.tls, None, "auto is plain on loopback");
    }
}

async fn a_name_is_resolved_and_timed(target: &Target) {
    let result = crate::test(&Target { host: "localhost".to_owned(), ..target.clone() }).await;
    assert_eq!(result.error, None);
    assert!(result.phases.dns_ms.unwrap() > 0.0);
}

async fn a_socket_is_reached_by_its_folder(target: &Target, cluster: &Cluster) {
    let folder = cluster.socket_folder().display().to_string();
    let result = crate::test(&Target { host: folder.clone(), ..target.clone() }).await;
    assert_eq!(result.error, None);
    assert_eq!(result.address, Some(format!("{folder}/.s.PGSQL.{}", target.port)));
    assert_eq!((result.tls, result.phases.dns_ms), (None, None), "a socket needs neither");
}

async fn latency_asks_as_often_as_it_is_told(target: &Target) {
    let latency = Prober::new().latency(target, 5).await;
    assert_eq!(latency.error, None);
    assert_eq!(latency.rounds_ms.len(), 5);
    let (min, p50, p95, max) =
        (latency.min_ms.unwrap(), latency.p50_ms.unwrap(), latency.p95_ms.unwrap(), latency.max_ms.unwrap());
    assert!(0.0 < min && min <= p50 && p50 <= p95 && p95 <= max);
    assert!(latency.stddev_ms.is_some());
    assert!(latency.connect.phases.query_ms.is_some());
    assert!(latency.unavailable.keys().all(|value| value.starts_with("connect.phases.")));
    assert_eq!(latency.unavailable["connect.phases.dns_ms"].reason, "not_needed");
}

async fn health_is_read(target: &Target, cluster: &Cluster, major: i32) {
    let admin = cluster.client("postgres").await;
    admin.batch_execute("create extension if not exists pg_stat_statements").await.unwrap();
    // Enough work to be among the first, before the questions of the readings themselves.
    admin.batch_execute("select count(*) from pg_class, generate_series(1, 1000)").await.unwrap();
    let reading = Prober::new().health(target, None, false).await;
    let health = reading.health;
    assert_eq!(health.error, None);
    assert!(reading.test.ok);
    assert_eq!(health.server.version_num.map(|num| num / 10_000), Some(major));
    assert!(health.server.system_identifier.as_ref().unwrap().parse::<u64>().is_ok());
    assert!(health.server.uptime_s.unwrap() >= 0.0);
    let metrics = &health.metrics;
    assert!(metrics.total_connections.unwrap() >= 2, "ours and the test's");
    assert_eq!(metrics.max_connections, Some(100));
    assert_eq!(metrics.reserved_connections, Some(3));
    assert!(metrics.active_connections.unwrap() >= 1);
    assert!(metrics.database_size_bytes.unwrap() > 1_000_000);
    assert!(metrics.oldest_xid_age.is_some() && metrics.waiting_locks.is_some());
    assert_eq!(health.unavailable["transactions_per_s"].reason, "first_reading");
    assert_eq!(health.unavailable["replication_lag_s"].reason, "not_a_standby");
    every_missing_number_has_its_reason(&health);
    let statements = &health.statements;
    assert!(statements.available, "{statements:?}");
    assert!(statements.top.iter().any(|statement| statement.query.contains("pg_class")), "{statements:?}");
    assert!(statements.top.len() <= 10);
    assert!(statements.top.iter().all(|statement| statement.calls > 0 && statement.wal_bytes.is_some()));
    assert!(health.checks.iter().any(|check| check.status == CheckStatus::Ok));
    for check in &health.checks {
        assert_ne!(check.status, CheckStatus::Unavailable, "a superuser may see everything: {check:?}");
    }
    // Some of the versions here are no longer corrected, which is as it is on every day from then on.
    let findings: Vec<&str> = health
        .checks
        .iter()
        .filter(|check| check.points > 0 && check.id != "version-end-of-life")
        .map(|check| check.id.as_str())
        .collect();
    assert_eq!(findings, [""; 0], "{:#?}", health.checks);
    let points: u8 = health.checks.iter().map(|check| check.points).sum();
    assert_eq!(health.score, Some(100 - points));
}

pub(crate) fn every_missing_number_has_its_reason(health: &common::Health) {
    let metrics = serde_json::to_value(&health.metrics).unwrap();
    for (key, value) in metrics.as_object().unwrap() {
        assert_eq!(value.is_null(), health.unavailable.contains_key(key), "{key}: {health:#?}");
    }
    let server = serde_json::to_value(&health.server).unwrap();
    for (key, value) in server.as_object().unwrap() {
        // No pooler is an answer, not a gap.
        assert_eq!(
            value.is_null() && key != "pooler",
            health.unavailable.contains_key(key),
            "{key}: {health:#?}"
        );
    }
}

async fn nothing_is_left_open(cluster: &Cluster) {
    let admin = cluster.client("postgres").await;
    let ours = "select count(*) from pg_stat_activity where application_name = 'pg-dashboard'";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        // A backend takes a moment to end after its client has hung up.
        let open: i64 = admin.query_one(ours, &[]).await.unwrap().get(0);
        if open == 0 {
            break;
        }
        assert!(std::time::Instant::now() < until, "{open} sessions left open");
        tokio::task::yield_now().await;
    }
    assert!(!cluster.log().contains("unexpected EOF"), "{}", cluster.log());
}

macro_rules! matrix {
    ($($name:ident: $version:expr, tls $tls:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            // The two ends are always there; what lies between is installed for the full run.
            if $version.is_installed() || Version::OLDEST_AND_NEWEST.contains(&$version) {
                suite($version, $tls).await;
            }
        })*
    };
}

matrix! {
    the_suite_holds_on_13_in_plain_text: Version::V13, tls false;
    the_suite_holds_on_13_over_tls: Version::V13, tls true;
    the_suite_holds_on_14_in_plain_text: Version::V14, tls false;
    the_suite_holds_on_14_over_tls: Version::V14, tls true;
    the_suite_holds_on_15_in_plain_text: Version::V15, tls false;
    the_suite_holds_on_15_over_tls: Version::V15, tls true;
    the_suite_holds_on_16_in_plain_text: Version::V16, tls false;
    the_suite_holds_on_16_over_tls: Version::V16, tls true;
    the_suite_holds_on_17_in_plain_text: Version::V17, tls false;
    the_suite_holds_on_17_over_tls: Version::V17, tls true;
    the_suite_holds_on_18_in_plain_text: Version::V18, tls false;
    the_suite_holds_on_18_over_tls: Version::V18, tls true;
}
