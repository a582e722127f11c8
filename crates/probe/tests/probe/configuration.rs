//! The checks of configuration and security, each provoked on a real server.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use common::{
    Health, Reason, SslMode,
    health::{Check, CheckStatus},
};
use probe::{Memory, Prober, Target};
use testkit::{Cluster, Version, certs::Authority};

use crate::target;

const OURS: [&str; 8] = [
    "settings-worth-a-look",
    "version-end-of-life",
    "statement-statistics",
    "certificate-expiry",
    "login-privileges",
    "md5-passwords",
    "password-age",
    "extension-updates",
];

async fn read(target: &Target) -> Health {
    after(target, None).await.0
}

async fn after(target: &Target, memory: Option<&Memory>) -> (Health, Memory) {
    let reading = Prober::new().health(target, memory, false).await;
    assert_eq!(reading.health.error, None);
    (reading.health, reading.memory.unwrap())
}

#[track_caller]
fn check<'a>(health: &'a Health, id: &str) -> &'a Check {
    let found = health.checks.iter().find(|check| check.id == id);
    found.unwrap_or_else(|| panic!("no {id} in {:#?}", health.checks))
}

/// Reads until the check stands like that: a server takes a moment to reload its settings.
async fn until(target: &Target, id: &str, status: CheckStatus) -> Check {
    let until = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let health = read(target).await;
        let found = check(&health, id);
        if found.status == status {
            return found.clone();
        }
        assert!(std::time::Instant::now() < until, "{found:#?}");
    }
}

fn as_login(cluster: &Cluster, user: &str) -> Target {
    Target { username: user.to_owned(), password: Some("x".into()), ..target(cluster) }
}

#[tokio::test]
async fn a_server_as_it_comes_gives_no_finding_whoever_asks() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::start(version).await;
        let admin = cluster.client("postgres").await;
        admin
            .batch_execute(
                "create role watcher login password 'x' in role pg_monitor; create role bare login password 'x'",
            )
            .await
            .unwrap();
        for login in [target(&cluster), as_login(&cluster, "watcher"), as_login(&cluster, "bare")] {
            let health = read(&login).await;
            for id in OURS {
                let check = check(&health, id);
                // That a version is not corrected any more is so on every server of it.
                let is_finding = matches!(check.status, CheckStatus::Warning | CheckStatus::Critical);
                assert!(
                    !is_finding || id == "version-end-of-life",
                    "{} {version}: {check:#?}",
                    login.username
                );
                let needs_superuser = id == "md5-passwords" && login.username != "postgres";
                assert_eq!(check.status == CheckStatus::Unavailable, needs_superuser, "{check:#?}");
                if needs_superuser {
                    assert_eq!(check.unavailable["value"].reason, Reason::NEEDS_SUPERUSER);
                }
            }
            let rights = check(&health, "login-privileges");
            let expected = if login.username == "postgres" { CheckStatus::Info } else { CheckStatus::Ok };
            assert_eq!(rights.status, expected, "{rights:#?}");
        }
    }
}

#[tokio::test]
async fn settings_that_lose_data_or_blind_are_found() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::start(version).await;
        let admin = cluster.client("postgres").await;
        admin.batch_execute("create role bare login password 'x'").await.unwrap();
        let id = "settings-worth-a-look";
        for sql in [
            "alter system set autovacuum = off",
            "alter system set shared_buffers = '40MB'",
            "select pg_reload_conf()",
        ] {
            admin.batch_execute(sql).await.unwrap();
        }
        let found = until(&target(&cluster), id, CheckStatus::Warning).await;
        assert!(found.detail.starts_with("autovacuum is off"), "{found:#?}");
        let fix = found.fix_sql.unwrap();
        assert_eq!(fix, "ALTER SYSTEM SET autovacuum = 'on';\nSELECT pg_reload_conf();");
        for sql in ["alter system set fsync = off", "select pg_reload_conf()"] {
            admin.batch_execute(sql).await.unwrap();
        }
        let found = until(&as_login(&cluster, "bare"), id, CheckStatus::Critical).await;
        assert!(found.detail.starts_with("fsync is off"), "{found:#?}");
        // What it proposes is SQL that the server takes.
        for line in found.fix_sql.unwrap().lines() {
            admin.batch_execute(line).await.unwrap();
        }
        until(&target(&cluster), id, CheckStatus::Info).await;
    }
}

#[tokio::test]
async fn logins_that_may_more_than_watch_are_told_what_they_may() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::start(version).await;
        let admin = cluster.client("postgres").await;
        admin
            .batch_execute(
                "create role app login password 'x';
                 create role maker login password 'x' createrole in role pg_execute_server_program;
                 create table owned (n int); alter table owned owner to app",
            )
            .await
            .unwrap();
        let rights = |health: &Health| {
            let check = check(health, "login-privileges");
            assert_eq!(check.status, CheckStatus::Info, "on loopback nothing more: {check:#?}");
            check.evidence.iter().map(|one| one.subject.clone()).collect::<Vec<_>>()
        };
        assert_eq!(rights(&read(&as_login(&cluster, "app")).await), ["owner of tables"]);
        let maker = rights(&read(&as_login(&cluster, "maker")).await);
        assert_eq!(maker, ["CREATEROLE", "pg_execute_server_program"]);
        admin
            .batch_execute("create role climber login password 'x'; grant postgres to climber")
            .await
            .unwrap();
        assert_eq!(rights(&read(&as_login(&cluster, "climber")).await), ["member of a superuser"]);
        let health = read(&target(&cluster)).await;
        let fix = check(&health, "login-privileges").fix_sql.clone().unwrap();
        for line in fix.lines().filter(|line| !line.starts_with("--")) {
            admin.batch_execute(line).await.unwrap();
        }
    }
}

#[tokio::test]
async fn md5_passwords_are_counted_by_a_superuser_and_guessed_by_nobody() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::start(version).await;
        let admin = cluster.client("postgres").await;
        admin
            .batch_execute(
                "create role watcher login password 'x' in role pg_monitor;
                 set password_encryption = 'md5'; create role old login password 'x'; reset password_encryption",
            )
            .await
            .unwrap();
        let id = "md5-passwords";
        let health = read(&target(&cluster)).await;
        let found = check(&health, id);
        assert_eq!((found.status, found.value), (CheckStatus::Warning, Some(1.0)));
        assert_eq!(found.evidence[0].subject, "old");
        for sql in ["alter system set password_encryption = 'md5'", "select pg_reload_conf()"] {
            admin.batch_execute(sql).await.unwrap();
        }
        until(&as_login(&cluster, "watcher"), id, CheckStatus::Warning).await;
    }
}

#[tokio::test]
async fn an_old_password_and_one_that_ends_are_found() {
    let cluster = Cluster::start(Version::V18).await;
    let admin = cluster.client("postgres").await;
    let id = "password-age";
    let mut login = target(&cluster);
    login.password_since = Some(Utc::now() - TimeDelta::days(400));
    let health = read(&login).await;
    assert_eq!(check(&health, id).status, CheckStatus::Warning);
    login.password_since = Some(Utc::now() - TimeDelta::days(30));
    assert_eq!(check(&read(&login).await, id).status, CheckStatus::Ok);

    for (ends, status) in [("10 days", CheckStatus::Warning), ("2 days", CheckStatus::Critical)] {
        let sql = format!(
            "do $$ begin execute format('alter role postgres valid until %L', now() + interval '{ends}'); end $$"
        );
        admin.batch_execute(&sql).await.unwrap();
        assert_eq!(check(&read(&login).await, id).status, status, "{ends}");
    }
    admin.batch_execute("alter role postgres valid until 'infinity'").await.unwrap();
    assert_eq!(check(&read(&login).await, id).status, CheckStatus::Ok);
}

#[tokio::test]
async fn a_certificate_that_ended_is_found() {
    let ca = Authority::new();
    for (issued, status) in [
        (ca.issue(&["127.0.0.1"]), CheckStatus::Ok),
        (ca.issue_expired(&["127.0.0.1"]), CheckStatus::Critical),
    ] {
        let cluster = Cluster::builder(Version::V18).tls(&issued).start().await;
        let health = read(&Target { ssl_mode: SslMode::Require, ..target(&cluster) }).await;
        assert_eq!(check(&health, "certificate-expiry").status, status);
        let plain = read(&target(&cluster)).await;
        assert_eq!(check(&plain, "certificate-expiry").status, CheckStatus::Skipped);
    }
}

#[tokio::test]
async fn statement_statistics_that_are_missing_outdated_or_too_small_are_found() {
    let id = "statement-statistics";
    let plain = Cluster::start(Version::V18).await;
    let missing = read(&target(&plain)).await;
    assert_eq!(check(&missing, id).status, CheckStatus::Info);
    let admin = plain.client("postgres").await;
    admin.batch_execute("create extension pg_stat_statements").await.unwrap();
    let health = read(&target(&plain)).await;
    let found = check(&health, id);
    assert!(
        found.status == CheckStatus::Warning && found.detail.contains("shared_preload_libraries"),
        "{found:#?}"
    );

    let loaded = Cluster::builder(Version::V18)
        .preload("pg_stat_statements")
        .setting("pg_stat_statements.max", "100")
        .start()
        .await;
    let admin = loaded.client("postgres").await;
    admin.batch_execute("create extension pg_stat_statements version '1.8'").await.unwrap();
    let health = read(&target(&loaded)).await;
    let found = check(&health, id);
    assert!(found.status == CheckStatus::Info && found.detail.contains("1.8"), "{found:#?}");
    let update = check(&health, "extension-updates");
    assert_eq!((update.status, update.value), (CheckStatus::Info, Some(1.0)), "{update:#?}");
    for line in update.fix_sql.clone().unwrap().lines() {
        admin.batch_execute(line).await.unwrap();
    }
    let (first, memory) = after(&target(&loaded), None).await;
    assert_eq!(check(&first, id).unavailable["value"].reason, Reason::FIRST_READING);
    assert_eq!(check(&first, "extension-updates").status, CheckStatus::Ok);
    let different: String = (0..400).map(|n| format!("select {}; ", vec!["1"; n + 1].join(", "))).collect();
    admin.batch_execute(&different).await.unwrap();
    let (second, _) = after(&target(&loaded), Some(&memory)).await;
    let found = check(&second, id);
    assert!(found.status == CheckStatus::Warning && found.value.unwrap() > 20.0, "{found:#?}");
    assert!(found.fix_sql.as_ref().unwrap().contains("pg_stat_statements.max = 10000"));
}
