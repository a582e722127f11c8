//! Partitions of the native engine, by a clock that the test turns.

use chrono::TimeDelta;
use store::Store;

use crate::{
    rollups::{partitions, totals},
    support::{Fixture, config, now, passed, seconds},
};

/// The tables as the release before had them.
const V2: &str = include_str!("../../../../migrations/V2__history.sql");

#[tokio::test]
async fn what_was_there_is_moved_and_an_older_release_goes_on_writing() {
    let fixture = Fixture::new().await;
    let sql = fixture.sql().await;
    let id = fixture.add("one").await;
    sql.batch_execute(
        "drop table dashboard.checks, dashboard.health_samples, dashboard.check_rollups_5m, dashboard.check_rollups_1h,
            dashboard.check_rollups_1d, dashboard.health_rollups_5m, dashboard.health_rollups_1h,
            dashboard.health_rollups_1d, dashboard.latest_tests, dashboard.latest_health, dashboard.finding_spans cascade;
         delete from dashboard.history_engine",
    )
    .await
    .unwrap();
    sql.batch_execute(V2).await.unwrap();
    let insert = "insert into dashboard.checks (connection_id, checked_at, total_us, round_trip_us, ok, held, degraded)
        values ($1, $2, 1500, 1500, true, $3, false) on conflict do nothing";
    for days in [0, 1, 300] {
        sql.execute(insert, &[&id.0, &(now() - TimeDelta::days(days)), &(days == 1)]).await.unwrap();
    }
    sql.execute(
        "insert into dashboard.health_samples (connection_id, checked_at, duration_us, status) values ($1, $2, 1, 'ok')",
        &[&id.0, &(now() - TimeDelta::days(40))],
    )
    .await
    .unwrap();
    let store = Store::open(fixture.config.clone()).await.unwrap();
    assert_eq!((fixture.count("checks").await, fixture.count("health_samples").await), (3, 1));
    assert_eq!(store.get(id, now()).await.unwrap().heartbeats.len(), 3);
    assert!(
        sql.query_one("select to_regclass('dashboard.checks_before') is null", &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );

    for _ in 0..2 {
        sql.execute(insert, &[&id.0, &(now() + seconds(1)), &true]).await.unwrap();
    }
    let old = now() - TimeDelta::days(200);
    let gone = sql.execute("delete from dashboard.checks where checked_at < $1", &[&old]).await.unwrap();
    assert_eq!((gone, fixture.count("checks").await), (1, 3));
    store.maintain_history(now() + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(totals(&sql, "check_rollups_1d").await, (3, 0, 4500, 3));
}

#[tokio::test]
async fn another_width_of_partitions_fits_beside_those_that_are_there() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    fixture.store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    let mut config = config(&fixture.cluster().url("postgres"));
    config.keys = fixture.config.keys.clone();
    config.chunk_interval = "12 hours".parse().unwrap();
    let store = Store::open(config).await.unwrap();
    let far = now() + TimeDelta::days(30);
    for at in [now() + seconds(1), now() + TimeDelta::days(6), far] {
        store.record_test(&passed(id, at, 1.0), 1).await.unwrap();
    }
    let there = partitions(&fixture.sql().await).await;
    let narrow = format!("dashboard.checks_{}", far.format("%Y%m%d"));
    assert!(there.iter().any(|name| name.starts_with(&narrow)), "{there:?}");
    assert_eq!(fixture.count("checks").await, 4);
}

#[tokio::test]
async fn a_partition_that_another_replica_dropped_is_made_again() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, fixture.add("one").await);
    store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    let replica = Store::open(fixture.config.clone()).await.unwrap();
    let done = replica.maintain_history(now() + TimeDelta::days(400)).await.unwrap();
    assert!(done.partitions_dropped >= 1, "{done:?}");
    store.record_test(&passed(id, now() + seconds(1), 1.0), 1).await.unwrap();
    assert_eq!(fixture.count("checks").await, 1);
}
