//! What happened between two readings, and since the counters were reset.

use common::health::{CheckStatus, Threshold};
use probe::{Memory, Prober, Target};
use testkit::Version;

use super::{AT_ONCE, check, checked, impatient, is, run, start, until};

on_every_version! {
    a_deadlock_is_a_warning_in_the_interval_that_it_is_in,
    what_does_not_fit_into_memory_is_found_in_temporary_files,
    an_application_whose_transactions_fail_is_found,
    checkpoints_before_their_time_are_a_warning_with_a_larger_log_to_mend_it,
    reads_and_writes_and_the_log_are_measured_from_the_second_reading_on,
    an_archive_without_a_place_one_that_fails_and_one_that_works_are_told_apart,
}

/// The first of two readings.
async fn first(prober: &Prober, target: &Target) -> Memory {
    let reading = prober.health(target, None, false).await;
    for id in ["deadlocks", "temporary-files", "rollbacks", "wal-rate"] {
        let check = check(&reading.health, id);
        assert_eq!(check.status, CheckStatus::Skipped, "{check:?}");
        assert_eq!(check.unavailable["value"].reason, "first_reading");
    }
    reading.memory.unwrap()
}

async fn a_deadlock_is_a_warning_in_the_interval_that_it_is_in(version: Version) {
    let (cluster, admin, target) = start(version, &[("deadlock_timeout", "20ms")]).await;
    admin.batch_execute("create table a (); create table b ()").await.unwrap();
    let before = first(&Prober::new(), &target).await;
    let (one, other) = (cluster.client("postgres").await, cluster.client("postgres").await);
    one.batch_execute("begin; lock table a").await.unwrap();
    other.batch_execute("begin; lock table b").await.unwrap();
    let (to_b, to_a) = tokio::join!(one.batch_execute("lock table b"), other.batch_execute("lock table a"));
    assert!(to_a.is_err() || to_b.is_err(), "one of them was ended");
    one.batch_execute("rollback").await.unwrap();
    other.batch_execute("rollback").await.unwrap();
    // Counters are sent when a session next has nothing to do, or ends.
    drop((one, other));

    let (found, reading) =
        until(&Prober::new(), &target, Some(&before), "deadlocks", is(CheckStatus::Warning)).await;
    assert_eq!((found.value, found.points), (Some(1.0), 10), "{version}: {found:?}");
    run(&admin, found.fix_sql.as_ref()).await;
    until(&Prober::new(), &target, reading.memory.as_ref(), "deadlocks", is(CheckStatus::Ok)).await;
}

async fn what_does_not_fit_into_memory_is_found_in_temporary_files(version: Version) {
    let (cluster, admin, target) = start(version, &[]).await;
    let prober = impatient(|limits| {
        limits.temporary_bytes_per_s = AT_ONCE;
        limits.temporary_bytes = Threshold { warning: 1.0, critical: 1.0 };
    });
    let before = first(&prober, &target).await;
    let sorter = cluster.client("postgres").await;
    sorter
        .batch_execute(
            "set work_mem = '64kB';
             select count(*) from (select n from generate_series(1, 100000) as n order by -n) as sorted",
        )
        .await
        .unwrap();
    drop(sorter);
    let (found, _) =
        until(&prober, &target, Some(&before), "temporary-files", is(CheckStatus::Critical)).await;
    assert!(found.value.is_some_and(|rate| rate > 0.0), "{version}: {found:?}");
    run(&admin, found.fix_sql.as_ref()).await;
    let usual = Prober::new().health(&target, Some(&before), false).await.health;
    let usual = check(&usual, "temporary-files");
    assert_eq!(usual.status, CheckStatus::Ok, "one sort of a megabyte is no finding: {usual:?}");
}

async fn an_application_whose_transactions_fail_is_found(version: Version) {
    let (cluster, _admin, target) = start(version, &[]).await;
    let before = first(&Prober::new(), &target).await;
    let failing = cluster.client("postgres").await;
    failing.batch_execute(&"begin; select 1; rollback;".repeat(1500)).await.unwrap();
    drop(failing);
    let (found, _) =
        until(&Prober::new(), &target, Some(&before), "rollbacks", is(CheckStatus::Warning)).await;
    assert!(found.value.is_some_and(|ratio| ratio > 0.9 && ratio <= 1.0), "{version}: {found:?}");
}

async fn checkpoints_before_their_time_are_a_warning_with_a_larger_log_to_mend_it(version: Version) {
    let (_cluster, admin, target) = start(version, &[("max_wal_size", "1GB")]).await;
    assert_eq!(checked(&Prober::new(), &target, "checkpoints").await.status, CheckStatus::Skipped);
    for _ in 0..12 {
        admin.batch_execute("checkpoint").await.unwrap();
    }
    let (found, _) = until(&Prober::new(), &target, None, "checkpoints", is(CheckStatus::Warning)).await;
    assert!(found.value.is_some_and(|ratio| ratio > 0.5), "{version}: {found:?}");
    assert!(found.detail.contains("max_wal_size (1.00 GB)"), "{}", found.detail);
    run(&admin, found.fix_sql.as_ref()).await;
    let size = "select setting from pg_file_settings where name = 'max_wal_size' and setting = '2048MB'";
    assert!(admin.query_opt(size, &[]).await.unwrap().is_some());
}

async fn reads_and_writes_and_the_log_are_measured_from_the_second_reading_on(version: Version) {
    let (_cluster, admin, target) = start(version, &[("track_io_timing", "on")]).await;
    let before = first(&Prober::new(), &target).await;
    admin
        .batch_execute(
            "create table t as select n, repeat('x', 500) as x from generate_series(1, 20000) as n",
        )
        .await
        .unwrap();
    let (wal, reading) =
        until(&Prober::new(), &target, Some(&before), "wal-rate", |check| check.value > Some(0.0)).await;
    assert_eq!(wal.status, CheckStatus::Ok);
    if version.major() < 16 {
        assert_eq!(check(&reading.health, "io").status, CheckStatus::Skipped, "there is no pg_stat_io");
        return;
    }
    let (io, _) = until(&Prober::new(), &target, Some(&before), "io", |check| check.value > Some(0.0)).await;
    assert_eq!(io.status, CheckStatus::Ok, "{version}: {io:?}");
    assert!(io.evidence.iter().any(|evidence| evidence.subject == "sessions"), "{io:?}");
}

async fn an_archive_without_a_place_one_that_fails_and_one_that_works_are_told_apart(version: Version) {
    let (_cluster, admin, target) = start(version, &[("archive_mode", "on")]).await;
    let nowhere = checked(&Prober::new(), &target, "archiver").await;
    assert_eq!(nowhere.status, CheckStatus::Warning, "{version}: {nowhere:?}");
    assert!(nowhere.detail.contains("neither"), "{nowhere:?}");

    let archive_by = async |command: &str| {
        admin.batch_execute(&format!("alter system set archive_command = '{command}'")).await.unwrap();
        admin.batch_execute("select pg_reload_conf()").await.unwrap();
        admin.batch_execute("create table if not exists t (n int); insert into t values (1)").await.unwrap();
        admin.batch_execute("select pg_switch_wal()").await.unwrap();
    };
    archive_by("false").await;
    let fails = |check: &common::health::Check| check.detail.starts_with("Archiving 0");
    let (found, _) = until(&Prober::new(), &target, None, "archiver", fails).await;
    assert_eq!((found.status, found.points), (CheckStatus::Warning, 15), "{found:?}");
    assert!(found.evidence[0].subject.starts_with("00000001"), "{found:?}");
    run(&admin, found.fix_sql.as_ref()).await;

    archive_by("true").await;
    let (works, _) = until(&Prober::new(), &target, None, "archiver", is(CheckStatus::Ok)).await;
    let waiting = works.value.expect("a segment was archived");
    assert!((0.0..4.0 * 1024.0 * 1024.0).contains(&waiting), "{works:?}");
}
