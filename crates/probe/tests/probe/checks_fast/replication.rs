//! Real standbys, and slots that nobody reads.

use common::health::{CheckStatus, Threshold};
use probe::Prober;
use testkit::Version;

use super::{AT_ONCE, check, checked, impatient, is, run, start, until};

on_every_version! {
    a_standby_that_lags_is_found_there_and_on_its_primary,
    a_standby_whose_primary_is_gone_is_a_warning_and_then_critical,
    a_statement_that_replay_ended_is_counted_on_the_standby,
    slots_that_nobody_reads_are_found_by_what_they_keep,
    a_slot_that_is_lost_is_found_though_it_keeps_nothing,
}

async fn a_standby_that_lags_is_found_there_and_on_its_primary(version: Version) {
    // How often a standby that is idle says that it has everything.
    let (primary, admin, target) = start(version, &[("wal_receiver_status_interval", "1s")]).await;
    let none = checked(&Prober::new(), &target, "replication-lag").await;
    assert_eq!((none.status, none.value), (CheckStatus::Ok, None), "{version}: {none:?}");
    let standby = primary.standby().await;
    let (there, behind) = (standby.client("postgres").await, crate::target(&standby));
    let prober = impatient(|limits| {
        limits.replication_lag_s = AT_ONCE;
        limits.replication_lag_bytes = Threshold { warning: 1.0, critical: 1.0 };
    });
    let (caught_up, reading) = until(&prober, &behind, None, "replication-lag", is(CheckStatus::Ok)).await;
    assert_eq!(caught_up.value, Some(0.0), "{version}: {caught_up:?}");
    until(&prober, &behind, None, "wal-receiver", is(CheckStatus::Ok)).await;
    for id in ["checkpoints", "prepared-transactions"] {
        assert_eq!(check(&reading.health, id).status, CheckStatus::Skipped, "{id} is the primary's");
    }
    let (seen, _) =
        until(&prober, &target, None, "replication-lag", |check| !check.evidence.is_empty()).await;
    assert_eq!(seen.evidence[0].subject, "standby (127.0.0.1)", "{seen:?}");

    // How old what it has replayed is, it knows from the first transaction on.
    admin.batch_execute("create table first ()").await.unwrap();
    let replayed = "select pg_last_xact_replay_timestamp() is not null";
    while !there.query_one(replayed, &[]).await.unwrap().get::<_, bool>(0) {}
    there.batch_execute("select pg_wal_replay_pause()").await.unwrap();
    admin.batch_execute("create table later as select generate_series(1, 1000) as n").await.unwrap();
    let paused = |check: &common::health::Check| {
        check.status == CheckStatus::Critical && check.detail.contains("paused")
    };
    let (found, _) = until(&prober, &behind, None, "replication-lag", paused).await;
    assert!(found.value.is_some_and(|seconds| seconds > 0.0) && found.points == 25, "{found:?}");
    let (seen, _) = until(&prober, &target, None, "replication-lag", is(CheckStatus::Critical)).await;
    assert!(seen.evidence[0].detail.contains(" behind"), "{seen:?}");
    assert_eq!(checked(&Prober::new(), &behind, "replication-lag").await.status, CheckStatus::Ok);

    run(&there, found.fix_sql.as_ref()).await;
    until(&prober, &behind, None, "replication-lag", is(CheckStatus::Ok)).await;
    until(&prober, &target, None, "replication-lag", is(CheckStatus::Ok)).await;
}

async fn a_standby_whose_primary_is_gone_is_a_warning_and_then_critical(version: Version) {
    let (primary, admin, _) = start(version, &[]).await;
    let standby = primary.standby().await;
    let target = crate::target(&standby);
    until(&Prober::new(), &target, None, "wal-receiver", is(CheckStatus::Ok)).await;
    drop(admin);
    primary.stop().await;
    let (found, reading) =
        until(&Prober::new(), &target, None, "wal-receiver", is(CheckStatus::Warning)).await;
    run(&standby.client("postgres").await, found.fix_sql.as_ref()).await;
    let (found, _) =
        until(&Prober::new(), &target, reading.memory.as_ref(), "wal-receiver", is(CheckStatus::Critical))
            .await;
    assert_eq!(found.points, 30, "{version}: {found:?}");
}

async fn a_statement_that_replay_ended_is_counted_on_the_standby(version: Version) {
    let (primary, admin, _) = start(version, &[("max_standby_streaming_delay", "0")]).await;
    admin.batch_execute("create table t as select generate_series(1, 1000) as n").await.unwrap();
    let standby = primary.standby().await;
    let target = crate::target(&standby);
    let (_, reading) =
        until(&Prober::new(), &target, None, "replication-lag", |check| check.value == Some(0.0)).await;
    let first = check(&reading.health, "standby-conflicts");
    assert_eq!(first.status, CheckStatus::Skipped, "{first:?}");
    let reader = standby.client("postgres").await;
    reader.batch_execute("begin isolation level repeatable read; select count(*) from t").await.unwrap();
    admin.batch_execute("delete from t").await.unwrap();
    admin.batch_execute("vacuum t").await.unwrap();
    let (found, _) = until(
        &Prober::new(),
        &target,
        reading.memory.as_ref(),
        "standby-conflicts",
        is(CheckStatus::Warning),
    )
    .await;
    assert!(found.value >= Some(1.0) && !found.evidence.is_empty(), "{version}: {found:?}");
    run(&standby.client("postgres").await, found.fix_sql.as_ref()).await;
}

async fn slots_that_nobody_reads_are_found_by_what_they_keep(version: Version) {
    let (_cluster, admin, target) = start(version, &[("wal_level", "logical")]).await;
    let none = checked(&Prober::new(), &target, "replication-slots").await;
    assert_eq!((none.status, none.value), (CheckStatus::Ok, None), "{version}: {none:?}");
    admin
        .batch_execute(
            "select pg_create_physical_replication_slot('dead', true);
             select pg_create_logical_replication_slot('feed', 'pgoutput');
             create table t as select generate_series(1, 10000) as n",
        )
        .await
        .unwrap();
    let usual = checked(&Prober::new(), &target, "replication-slots").await;
    assert_eq!((usual.status, usual.evidence.len()), (CheckStatus::Info, 2), "{usual:?}");
    let prober = impatient(|limits| limits.slot_bytes = Threshold { warning: 1.0, critical: 1.0 });
    let found = checked(&prober, &target, "replication-slots").await;
    assert_eq!((found.status, found.points), (CheckStatus::Critical, 30), "{found:?}");
    assert_eq!(found.evidence[0].subject, "dead", "it was made first and keeps most: {found:?}");
    assert!(found.evidence[1].detail.starts_with("logical (pgoutput), database postgres, inactive"));
    run(&admin, found.fix_sql.as_ref()).await;
    for evidence in &found.evidence {
        run(&admin, evidence.fix_sql.as_ref()).await;
    }
    assert_eq!(checked(&prober, &target, "replication-slots").await.status, CheckStatus::Ok);
}

async fn a_slot_that_is_lost_is_found_though_it_keeps_nothing(version: Version) {
    let (_cluster, admin, target) = start(
        version,
        &[("max_slot_wal_keep_size", "2MB"), ("min_wal_size", "2MB"), ("max_wal_size", "2MB")],
    )
    .await;
    admin.batch_execute("select pg_create_physical_replication_slot('late', true)").await.unwrap();
    admin.batch_execute("create table t (n int)").await.unwrap();
    for _ in 0..8 {
        admin.batch_execute("insert into t values (1)").await.unwrap();
        admin.batch_execute("select pg_switch_wal()").await.unwrap();
    }
    admin.batch_execute("checkpoint").await.unwrap();
    let (found, _) =
        until(&Prober::new(), &target, None, "replication-slots", is(CheckStatus::Warning)).await;
    assert!(found.detail.contains("late is lost"), "{version}: {found:?}");
    run(&admin, found.evidence[0].fix_sql.as_ref()).await;
}
