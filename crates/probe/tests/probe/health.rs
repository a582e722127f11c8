//! What a health reading says, and what it says about what it cannot see.

use std::time::Duration;

use common::{
    TestErrorKind as Kind,
    health::{CheckStatus, HealthStatus},
};
use probe::{Limits, Prober, Target};
use testkit::{Cluster, Version, faulty};

use crate::{matrix::every_missing_number_has_its_reason, on_port, target};

async fn health(target: &Target) -> common::Health {
    let health = Prober::new().health(target, None, false).await.health;
    every_missing_number_has_its_reason(&health);
    health
}

#[tokio::test]
async fn rates_come_with_the_second_reading() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let first = Prober::new().health(&target, None, false).await;
    assert_eq!(first.health.unavailable["transactions_per_s"].reason, "first_reading");
    let memory = first.memory.unwrap();
    let admin = cluster.client("postgres").await;
    admin.batch_execute("create table t as select generate_series(1, 1000) as n").await.unwrap();
    // The server reports its counters with a delay of up to a second.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    let second = loop {
        admin.batch_execute("select count(*) from t").await.unwrap();
        let reading = Prober::new().health(&target, Some(&memory), false).await;
        if reading.health.metrics.transactions_per_s.is_some_and(|rate| rate > 0.0) {
            break reading;
        }
        assert!(std::time::Instant::now() < until, "{:#?}", reading.health);
    };
    let metrics = &second.health.metrics;
    assert!(metrics.rollback_ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)));
    assert!(metrics.wal_bytes_per_s.is_some_and(|rate| rate >= 0.0));
    assert_eq!(metrics.deadlocks, Some(0));
    every_missing_number_has_its_reason(&second.health);
}

#[tokio::test]
async fn a_fresh_reading_takes_two_and_has_rates_at_once() {
    let cluster = Cluster::start(Version::V13).await;
    let limits = Limits { between_readings: Duration::from_millis(150), ..Limits::default() };
    let reading = Prober::with_limits(limits).health(&target(&cluster), None, true).await;
    assert!(reading.health.metrics.transactions_per_s.is_some(), "{:#?}", reading.health);
    every_missing_number_has_its_reason(&reading.health);
}

#[tokio::test]
async fn a_restart_begins_a_new_interval() {
    let cluster = Cluster::start(Version::V18).await;
    let first = Prober::new().health(&target(&cluster), None, false).await;
    let mut memory = serde_json::to_value(first.memory.unwrap()).unwrap();
    let started = &mut memory["counters"]["started_at_s"];
    *started = (started.as_f64().unwrap() - 100.0).into();
    let before = serde_json::from_value(memory).unwrap();
    let second = Prober::new().health(&target(&cluster), Some(&before), false).await;
    assert_eq!(second.health.metrics.transactions_per_s, None);
    assert!(second.health.unavailable["transactions_per_s"].reason.contains("restarted"));
}

#[tokio::test]
async fn missing_statement_statistics_come_with_the_steps_that_mend_it() {
    for version in [Version::V13, Version::V18] {
        let plain = Cluster::builder(version).preload("auto_explain").start().await;
        let statements = health(&target(&plain)).await.statements;
        assert_eq!(statements.reason.as_deref(), Some("not_installed"));
        let fix = statements.fix_sql.unwrap();
        assert!(
            fix.contains("ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_stat_statements';")
        );
        assert!(fix.ends_with("CREATE EXTENSION pg_stat_statements;"), "{fix}");
        // What it proposes is SQL that the server takes.
        let admin = plain.client("postgres").await;
        for line in fix.lines().filter(|line| !line.starts_with("--")) {
            admin.batch_execute(line).await.unwrap();
        }
        let statements = health(&target(&plain)).await.statements;
        assert_eq!(statements.reason.as_deref(), Some("not_preloaded"), "{statements:?}");

        let loaded = Cluster::builder(version).preload("pg_stat_statements").start().await;
        let statements = health(&target(&loaded)).await.statements;
        assert_eq!(statements.fix_sql.as_deref(), Some("CREATE EXTENSION pg_stat_statements;"));
    }
}

#[tokio::test]
async fn the_extension_is_found_in_any_schema_and_version() {
    for (version, extension) in [
        (Version::V13, "1.7"),
        (Version::V13, "1.8"),
        (Version::V18, "1.8"),
        (Version::V18, "1.10"),
        (Version::V18, "1.12"),
    ] {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        let admin = cluster.client("postgres").await;
        admin
            .batch_execute(&format!(
                "create schema \"Odd \"\"name\"; create extension pg_stat_statements schema \"Odd \"\"name\" version '{extension}'"
            ))
            .await
            .unwrap();
        for _ in 0..3 {
            admin.batch_execute("select count(*) from generate_series(1, 20000) as shop").await.unwrap();
        }
        let statements = health(&target(&cluster)).await.statements;
        assert!(statements.available, "{version} {extension}: {statements:?}");
        let ours = statements.top.iter().find(|statement| statement.query.contains("as shop")).unwrap();
        assert_eq!(ours.calls, 3);
        assert!(ours.query.contains("$1"), "normalised: {}", ours.query);
        assert_eq!(ours.user.as_deref(), Some("postgres"));
        assert!(ours.share_ratio.is_some_and(|share| share > 0.0 && share <= 1.0));
    }
}

#[tokio::test]
async fn a_role_without_rights_gets_reasons_with_sql_and_never_a_false_fine() {
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        let admin = cluster.client("postgres").await;
        admin
            .batch_execute(
                "create extension pg_stat_statements; create role \"Odd \"\"role\" login password 'x';
                 revoke execute on function pg_control_system() from public",
            )
            .await
            .unwrap();
        let unprivileged =
            Target { username: "Odd \"role".to_owned(), password: Some("x".into()), ..target(&cluster) };
        let health = health(&unprivileged).await;
        let grant = "GRANT pg_monitor TO \"Odd \"\"role\";";
        for key in ["active_connections", "idle_connections", "longest_transaction_s", "system_identifier"] {
            let reason = &health.unavailable[key];
            assert_eq!(
                (reason.reason.as_str(), reason.fix_sql.as_deref()),
                ("no_privilege", Some(grant)),
                "{key}"
            );
        }
        assert!(!health.statements.available);
        assert_eq!(health.statements.fix_sql.as_deref(), Some(grant));
        // What it may see is there: one error did not end the rest.
        assert!(health.metrics.total_connections.is_some() && health.metrics.database_size_bytes.is_some());
        // The statement that was proposed is enough.
        admin.batch_execute(grant).await.unwrap();
        admin.batch_execute("grant execute on function pg_control_system() to pg_monitor").await.unwrap();
        let health = self::health(&unprivileged).await;
        assert!(health.metrics.active_connections.is_some() && health.statements.available);
        assert!(health.server.system_identifier.is_some());
    }
}

#[tokio::test]
async fn names_that_deceive_are_in_no_sql() {
    let cluster = Cluster::builder(Version::V18).preload("pg_stat_statements").start().await;
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute(
            "create extension pg_stat_statements; create role \"app\u{202E}nimda\" login password 'x'",
        )
        .await
        .unwrap();
    let deceptive =
        Target { username: "app\u{202E}nimda".to_owned(), password: Some("x".into()), ..target(&cluster) };
    let health = health(&deceptive).await;
    assert_eq!(health.statements.reason.as_deref(), Some("no_privilege"));
    let reason = &health.unavailable["active_connections"];
    assert_eq!(reason.reason, "no_privilege");
    assert_eq!((&health.statements.fix_sql, &reason.fix_sql), (&None, &None));
}

#[tokio::test]
async fn a_full_server_is_critical_with_the_query_that_shows_who_fills_it() {
    let cluster = Cluster::builder(Version::V18)
        .setting("max_connections", "8")
        .setting("superuser_reserved_connections", "2")
        .setting("reserved_connections", "1")
        .start()
        .await;
    let admin = cluster.client("postgres").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(cluster.client("postgres").await);
    }
    let health = health(&target(&cluster)).await;
    assert_eq!(health.metrics.reserved_connections, Some(3));
    let check = health.checks.iter().find(|check| check.id == "connections-used").unwrap();
    assert_eq!(check.status, CheckStatus::Critical, "{check:?}");
    assert_eq!(health.status, HealthStatus::Critical);
    assert!(health.score.unwrap() < 100);
    admin.simple_query(check.fix_sql.as_ref().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_down_without_a_score() {
    let port = faulty::refused_port();
    let reading = Prober::new().health(&on_port(port.port()), None, false).await;
    let health = &reading.health;
    assert_eq!((health.status, health.score), (HealthStatus::Down, None));
    assert_eq!(health.error.as_ref().unwrap().kind, Kind::Refused);
    assert!(health.checks.is_empty() && reading.memory.is_none() && !reading.test.ok);
    assert_eq!(health.unavailable["cache_hit_ratio"].reason, "refused");
    every_missing_number_has_its_reason(health);
}

#[tokio::test]
async fn a_query_that_hangs_is_cancelled_and_costs_only_what_was_not_read() {
    let cluster = Cluster::start(Version::V18).await;
    let admin = cluster.client("postgres").await;
    // Reading the database's size waits for nothing, so a lock on a catalog stands for a server that stalls.
    admin.batch_execute("begin; lock table pg_extension in access exclusive mode").await.unwrap();
    let limits = Limits { lock: Duration::from_millis(200), ..Limits::default() };
    let reading = Prober::with_limits(limits).health(&target(&cluster), None, false).await;
    assert!(
        reading.health.statements.reason.as_ref().unwrap().contains("locked"),
        "{:?}",
        reading.health.statements
    );
    assert!(reading.health.metrics.database_size_bytes.is_some(), "what comes after it is read");

    let limits = Limits { health: Duration::from_millis(500), ..Limits::default() };
    let reading = Prober::with_limits(limits).health(&target(&cluster), None, false).await;
    assert_eq!(reading.health.error.as_ref().unwrap().kind, Kind::Timeout);
    assert!(reading.health.metrics.max_connections.is_some(), "what came before it is kept");
    every_missing_number_has_its_reason(&reading.health);
    let ours = "select count(*) from pg_stat_activity where application_name = 'pg-dashboard'";
    let until = std::time::Instant::now() + Duration::from_secs(5);
    // Another session: one in a transaction sees the activity of its first look.
    let onlooker = cluster.client("postgres").await;
    while onlooker.query_one(ours, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(std::time::Instant::now() < until, "the query still runs");
    }
}
