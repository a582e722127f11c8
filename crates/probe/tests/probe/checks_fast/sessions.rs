//! Sessions that hold things up.

use common::health::CheckStatus;
use probe::Prober;
use testkit::Version;

use super::{AT_ONCE, check, checked, impatient, is, pid, run, start, until};

on_every_version! {
    a_session_that_is_idle_in_its_transaction_is_found_with_what_ends_it,
    a_long_statement_is_found_and_a_backup_is_named_apart,
    a_long_transaction_is_found_with_who_holds_the_oldest_snapshot,
    whoever_holds_a_lock_that_others_wait_for_is_the_root_of_a_tree,
    a_prepared_transaction_that_nobody_commits_is_found_and_so_is_who_waits_for_it,
    who_holds_the_connections_is_counted_by_user_and_application,
}

async fn a_session_that_is_idle_in_its_transaction_is_found_with_what_ends_it(version: Version) {
    let (cluster, admin, target) = start(version, &[]).await;
    let prober = impatient(|limits| limits.idle_in_transaction_s = AT_ONCE);
    assert_eq!(checked(&prober, &target, "idle-in-transaction").await.status, CheckStatus::Ok);
    let idle = cluster.client("postgres").await;
    idle.batch_execute("begin; select 4 as forgotten").await.unwrap();
    let subject = format!("pid {}", pid(&idle).await);

    let found = checked(&prober, &target, "idle-in-transaction").await;
    assert_eq!((found.status, found.points), (CheckStatus::Critical, 25), "{version}: {found:?}");
    assert_eq!(found.threshold, Some(AT_ONCE), "the limits are those that it was judged by");
    let evidence = &found.evidence[0];
    assert_eq!((&evidence.subject, found.evidence.len()), (&subject, 1));
    assert!(evidence.detail.contains("postgres in postgres is idle in its transaction"), "{evidence:?}");
    assert!(evidence.detail.contains("after: select pg_backend_pid()"), "{evidence:?}");
    // With the usual limits it may be so for half an hour.
    assert_eq!(checked(&Prober::new(), &target, "idle-in-transaction").await.status, CheckStatus::Ok);

    run(&admin, evidence.fix_sql.as_ref()).await;
    run(&admin, found.fix_sql.as_ref()).await;
    until(&prober, &target, None, "idle-in-transaction", is(CheckStatus::Ok)).await;
}

async fn a_long_statement_is_found_and_a_backup_is_named_apart(version: Version) {
    let (cluster, admin, target) = start(version, &[]).await;
    let prober = impatient(|limits| limits.long_statement_s = AT_ONCE);
    let none = checked(&prober, &target, "long-statements").await;
    assert_eq!(none.status, CheckStatus::Ok, "the dashboard's own do not count: {none:?}");

    let dump = cluster.client("postgres").await;
    dump.batch_execute("set application_name = 'pg_dump'").await.unwrap();
    let dumping = tokio::spawn(async move { dump.batch_execute("select pg_sleep(600)").await });
    let (backup, _) =
        until(&prober, &target, None, "long-statements", |check| !check.evidence.is_empty()).await;
    assert_eq!(backup.status, CheckStatus::Ok, "{backup:?}");
    assert!(backup.evidence[0].detail.contains("(a backup)"), "{backup:?}");

    let slow = cluster.client("postgres").await;
    let subject = format!("pid {}", pid(&slow).await);
    let running = tokio::spawn(async move { slow.batch_execute("select pg_sleep(600) as report").await });
    let (found, _) = until(&prober, &target, None, "long-statements", is(CheckStatus::Critical)).await;
    assert_eq!(found.evidence.len(), 2, "{found:?}");
    let evidence = found.evidence.iter().find(|evidence| evidence.subject == subject).unwrap();
    assert!(evidence.detail.contains("select pg_sleep(600) as report"), "{evidence:?}");
    run(&admin, found.fix_sql.as_ref()).await;
    run(&admin, evidence.fix_sql.as_ref()).await;
    assert!(running.await.unwrap().is_err(), "the statement was cancelled");
    until(&prober, &target, None, "long-statements", is(CheckStatus::Ok)).await;
    dumping.abort();
}

async fn a_long_transaction_is_found_with_who_holds_the_oldest_snapshot(version: Version) {
    let (cluster, admin, target) = start(version, &[]).await;
    let prober = impatient(|limits| limits.long_transaction_s = AT_ONCE);
    assert_eq!(checked(&prober, &target, "long-transactions").await.status, CheckStatus::Ok);
    let open = cluster.client("postgres").await;
    open.batch_execute("begin isolation level repeatable read; select count(*) from pg_class").await.unwrap();
    let subject = format!("pid {}", pid(&open).await);
    admin.batch_execute("create table later ()").await.unwrap();

    let found = checked(&prober, &target, "long-transactions").await;
    assert_eq!((found.status, found.points), (CheckStatus::Critical, 20), "{version}: {found:?}");
    let [horizon, session] = &found.evidence[..] else { panic!("{found:?}") };
    assert_eq!((&horizon.subject, &session.subject), (&subject, &subject));
    assert!(horizon.detail.contains("since one transaction ago"), "{horizon:?}");
    assert!(session.detail.contains("idle now"), "{session:?}");
    run(&admin, found.fix_sql.as_ref()).await;
    run(&admin, session.fix_sql.as_ref()).await;
    until(&prober, &target, None, "long-transactions", is(CheckStatus::Ok)).await;
}

async fn whoever_holds_a_lock_that_others_wait_for_is_the_root_of_a_tree(version: Version) {
    let (cluster, admin, target) = start(version, &[]).await;
    let prober = impatient(|limits| limits.lock_wait_s = AT_ONCE);
    assert_eq!(checked(&prober, &target, "lock-waits").await.status, CheckStatus::Ok);
    admin.batch_execute("create table queue ()").await.unwrap();
    let root = cluster.client("postgres").await;
    root.batch_execute("begin; lock table queue in access exclusive mode").await.unwrap();
    let root_pid = pid(&root).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let client = cluster.client("postgres").await;
        waiting.push(tokio::spawn(async move { client.batch_execute("select from queue").await }));
    }
    let (found, _) = until(&prober, &target, None, "lock-waits", |check| check.evidence.len() == 3).await;
    assert_eq!((found.status, found.points), (CheckStatus::Critical, 30), "{version}: {found:?}");
    assert_eq!(found.evidence[0].subject, format!("pid {root_pid}"));
    assert!(
        found.evidence[0].detail.starts_with("2 wait because of it; postgres in postgres is idle in its")
    );
    for waiter in &found.evidence[1..] {
        assert!(waiter.subject.starts_with("↳ pid "), "{found:?}");
        assert!(waiter.detail.contains(&format!("for pid {root_pid}: select from queue")), "{found:?}");
    }
    assert_eq!(found.detail.contains("at most"), version.major() < 14, "{}", found.detail);
    assert_eq!(found.fix_sql, Some(format!("SELECT pg_terminate_backend({root_pid});")));
    run(&admin, found.fix_sql.as_ref()).await;
    for waiter in waiting {
        waiter.await.unwrap().expect("it goes on when the root has ended");
    }
    until(&prober, &target, None, "lock-waits", is(CheckStatus::Ok)).await;
}

async fn a_prepared_transaction_that_nobody_commits_is_found_and_so_is_who_waits_for_it(version: Version) {
    let (cluster, admin, target) = start(version, &[("max_prepared_transactions", "5")]).await;
    let prober = impatient(|limits| limits.prepared_transaction_s = AT_ONCE);
    assert_eq!(checked(&prober, &target, "prepared-transactions").await.status, CheckStatus::Ok);
    admin.batch_execute("create table held ()").await.unwrap();
    admin.batch_execute("begin; lock table held; prepare transaction 'it''s'").await.unwrap();
    let found = checked(&prober, &target, "prepared-transactions").await;
    assert_eq!((found.status, found.points), (CheckStatus::Critical, 25), "{version}: {found:?}");
    assert_eq!(found.evidence[0].subject, "it's");

    let waiter = cluster.client("postgres").await;
    let waiting = tokio::spawn(async move { waiter.batch_execute("select from held").await });
    let (lock, _) = until(&prober, &target, None, "lock-waits", |check| check.evidence.len() == 2).await;
    assert_eq!(lock.evidence[0].subject, "a prepared transaction", "{lock:?}");

    run(&admin, found.evidence[0].fix_sql.as_ref()).await;
    waiting.await.unwrap().unwrap();
    assert_eq!(checked(&prober, &target, "prepared-transactions").await.status, CheckStatus::Ok);
}

async fn who_holds_the_connections_is_counted_by_user_and_application(version: Version) {
    let (cluster, admin, target) = start(version, &[]).await;
    admin.batch_execute("create role app login password 'x'").await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        let client = cluster.client_as("app", "x", "postgres").await;
        client.batch_execute("set application_name = 'web'").await.unwrap();
        held.push(client);
    }
    held[0].batch_execute("begin").await.unwrap();
    let shown = checked(&Prober::new(), &target, "connections-by").await;
    assert_eq!((shown.status, shown.value), (CheckStatus::Ok, Some(5.0)), "{version}: {shown:?}");
    assert_eq!(shown.evidence[0].subject, "app (web)");
    assert_eq!(shown.evidence[0].detail, "3: 2 idle, 1 idle in transaction");
}

#[tokio::test]
async fn names_and_statements_of_others_are_cleaned_and_cut() {
    let (cluster, admin, target) = start(Version::V18, &[("track_activity_query_size", "1MB")]).await;
    admin.batch_execute("create role \"app\u{202E}nimda\" login password 'x'").await.unwrap();
    let odd = cluster.client_as("app\u{202E}nimda", "x", "postgres").await;
    odd.batch_execute(&format!("begin; select '\u{202E}{}'", "x".repeat(100_000))).await.unwrap();
    let prober = impatient(|limits| {
        limits.idle_in_transaction_s = AT_ONCE;
        limits.long_transaction_s = AT_ONCE;
    });
    let health = prober.health(&target, None, false).await.health;
    for id in ["idle-in-transaction", "long-transactions", "connections-by"] {
        let check = check(&health, id);
        let evidence: Vec<&String> =
            check.evidence.iter().flat_map(|evidence| [&evidence.subject, &evidence.detail]).collect();
        assert!(evidence.iter().any(|text| text.contains("app\u{FFFD}nimda")), "{check:?}");
        for text in evidence.into_iter().chain([&check.detail]) {
            assert!(!text.chars().any(common::text::is_deceptive) && text.len() < 600, "{text}");
        }
    }
}

#[tokio::test]
async fn where_activities_are_not_tracked_nothing_found_is_not_nothing_there() {
    let (_cluster, _admin, target) = start(Version::V18, &[("track_activities", "off")]).await;
    let health = Prober::new().health(&target, None, false).await.health;
    for id in ["idle-in-transaction", "long-statements", "long-transactions"] {
        let check = check(&health, id);
        assert_eq!(check.status, CheckStatus::Unavailable, "{check:?}");
        assert_eq!(check.unavailable["value"].reason, "track_activities is off");
    }
}
