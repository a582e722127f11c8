//! A healthy server gives no finding, whoever asks and however.

use common::{Health, health::CheckStatus};
use probe::{Prober, Target};
use testkit::{
    Version,
    pgbouncer::{Bouncer, PoolMode},
};

use super::{check, start};

on_every_version! {
    a_healthy_server_gives_no_finding_whoever_asks,
}

const FAST: [&str; 21] = [
    "connections-used",
    "connections-by",
    "idle-in-transaction",
    "long-statements",
    "long-transactions",
    "prepared-transactions",
    "lock-waits",
    "deadlocks",
    "temporary-files",
    "rollbacks",
    "checkpoints",
    "wal-rate",
    "io",
    "archiver",
    "replication-lag",
    "replication-slots",
    "standby-conflicts",
    "wal-receiver",
    "transaction-wraparound",
    "multixact-wraparound",
    "dashboard-cost",
];

/// What others do is hidden from who has no rights.
const NEED_RIGHTS: [&str; 6] = [
    "connections-by",
    "idle-in-transaction",
    "long-statements",
    "long-transactions",
    "lock-waits",
    "replication-lag",
];

fn nothing_is_found(health: &Health, as_whom: &str) {
    for id in FAST.iter().chain(&["wraparound-tables"]) {
        let check = check(health, id);
        let finding =
            matches!(check.status, CheckStatus::Warning | CheckStatus::Critical | CheckStatus::Info);
        assert!(!finding && check.points == 0, "{as_whom}: {check:#?}");
        assert!(check.detail.ends_with('.') && !check.why.is_empty(), "{check:?}");
        let reason = check.unavailable.get("value");
        assert!(reason.is_none_or(|_| check.value.is_none()), "a reason for what is there: {check:?}");
        if check.status == CheckStatus::Unavailable {
            let reason = reason.unwrap_or_else(|| panic!("no reason: {check:?}"));
            assert_eq!((as_whom, reason.reason.as_str()), ("bare", "no_privilege"), "{check:?}");
            assert_eq!(reason.fix_sql.as_deref(), Some("GRANT pg_monitor TO \"bare\";"));
            assert!(NEED_RIGHTS.contains(id), "{check:?}");
        } else {
            assert!(as_whom != "bare" || !NEED_RIGHTS.contains(id), "it cannot know: {check:?}");
        }
    }
}

async fn a_healthy_server_gives_no_finding_whoever_asks(version: Version) {
    let (_cluster, admin, target) = start(version, &[]).await;
    admin
        .batch_execute(
            "create role monitor login password 'x' in role pg_monitor;
             create role bare login password 'x'",
        )
        .await
        .unwrap();
    for user in ["postgres", "monitor", "bare"] {
        let mut asks = Target { username: user.to_owned(), ..target.clone() };
        if user != "postgres" {
            asks.password = Some("x".into());
        }
        let first = Prober::new().health(&asks, None, false).await;
        nothing_is_found(&first.health, user);
        let second = Prober::new().health(&asks, first.memory.as_ref(), false).await;
        assert_eq!(second.health.error, None, "{version}");
        nothing_is_found(&second.health, user);
        let cost = check(&second.health, "dashboard-cost");
        assert!(cost.value.is_some_and(|ratio| ratio > 0.0 && ratio < 0.01), "{version}: {cost:?}");
        assert!(cost.evidence[0].detail.starts_with("1 now"), "{cost:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_pgbouncer_in_transaction_mode_nothing_is_missing_either() {
    if !Bouncer::is_installed() {
        return;
    }
    for version in Version::OLDEST_AND_NEWEST {
        let (cluster, _admin, target) = start(version, &[]).await;
        let bouncer = Bouncer::start(&cluster, PoolMode::Transaction).await;
        let target = Target { port: bouncer.port(), ..target };
        let first = Prober::new().health(&target, None, false).await;
        nothing_is_found(&first.health, "postgres");
        let second = Prober::new().health(&target, first.memory.as_ref(), false).await;
        nothing_is_found(&second.health, "postgres");
    }
}
