//! Partitions and rollups of the native engine, by a clock that the test turns.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, health::HealthStatus, histogram};
use store::{Measured, Measurement, Store};
use tokio_postgres::Client;

use crate::support::{Fixture, config, failed, health, now, passed, seconds};

/// The tables as the release before had them.
const V2: &str = include_str!("../../../../migrations/V2__history.sql");

async fn partitions(sql: &Client) -> BTreeSet<String> {
    let list =
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'dashboard.checks'::regclass";
    sql.query(list, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Checks, failures, the sum of round trips, and how many are in histograms, as a view tells them.
async fn totals(sql: &Client, view: &str) -> (i64, i64, i64, i64) {
    let query = format!(
        "select coalesce(sum(checks), 0)::int8, coalesce(sum(failures), 0)::int8, coalesce(sum(round_trip_sum), 0)::int8,
            coalesce(sum((select sum(entry & 2097151) from unnest(round_trip_histogram) entry)), 0)::int8
         from dashboard.{view}"
    );
    let row = sql.query_one(&query, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

#[tokio::test]
async fn the_histogram_of_the_database_has_the_layout_of_common() {
    let fixture = Fixture::new().await;
    let edges = (0..31).flat_map(|bit| [(1_u32 << bit) - 1, 1 << bit, (1 << bit) + 1]);
    let spread = (0..40_000_u32).map(|at| at.wrapping_mul(2_654_435_761) >> 1 >> (at % 31));
    let values: Vec<i32> =
        (0..10_000).chain(edges).chain(spread).map(|us| us.min(i32::MAX as u32) as i32).collect();
    let query = "select dashboard.latency_bucket(us) from unnest($1::int4[]) with ordinality as v (us, at) order by at";
    let rows = fixture.sql().await.query(query, &[&values]).await.unwrap();
    for (us, row) in values.iter().zip(&rows) {
        assert_eq!(row.get::<_, i32>(0), i32::from(histogram::bucket(*us as u32)), "of {us} µs");
    }
    let edge = "select dashboard.latency_bucket(-5), dashboard.latency_bucket(null)";
    let row = fixture.sql().await.query_one(edge, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (Some(0), None::<i32>));
}

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
async fn a_hundred_days_pass() {
    let fixture = Fixture::new().await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let id = fixture.add("one").await;
    let other = fixture.add("other").await;
    for day in 0..100 {
        let at = now() + TimeDelta::days(day);
        let mut batch: Vec<Measurement> = (0..12)
            .map(|hour| {
                let at = at + TimeDelta::hours(2 * hour);
                if hour == 7 { failed(id, at) } else { passed(id, at, 1.0 + hour as f64) }
            })
            .map(measured)
            .collect();
        batch.push(measured(passed(other, at, 50.0)));
        store.record_batch(1, day + 1, &batch).await.unwrap();
        store.record_health(&health(id, at, HealthStatus::Ok, 90), None, 1).await.unwrap();
        let end = at + TimeDelta::days(1);
        store.maintain_history(end).await.unwrap();
        let there = partitions(&sql).await;
        let ahead = format!("dashboard.checks_{}", (week(end) + TimeDelta::days(7)).format("%Y%m%d%H"));
        assert!(there.iter().any(|name| name.starts_with(&ahead)), "{ahead} of {there:?} on day {day}");
        assert!(there.len() <= 17, "{there:?}");
    }
    let oldest = sql.query_one("select min(checked_at) from dashboard.checks", &[]).await.unwrap();
    let oldest: DateTime<Utc> = oldest.get(0);
    assert!(oldest > now() + TimeDelta::days(2), "{oldest}: what is older than 90 days and a week is gone");
    // A day of twelve checks, one of which failed, and one of the other connection.
    let sum = (1..=12_i64).filter(|ms| *ms != 8).sum::<i64>() * 1000 + 50_000;
    assert_eq!(totals(&sql, "check_rollups_1d").await, (1300, 100, 100 * sum, 1200));
    assert_eq!(totals(&sql, "check_series_1d").await, totals(&sql, "check_series_1h").await);
    assert_eq!(totals(&sql, "check_rollups_1h").await, (1300, 100, 100 * sum, 1200));
    let (fine, ..) = totals(&sql, "check_rollups_5m").await;
    // The bucket that the first moment lies in begins before it, and is gone.
    assert_eq!(fine, 90 * 13 - 2, "of five minutes 90 days are kept");
    let health: i64 = sql
        .query_one("select sum(counts[1])::int8 from dashboard.health_rollups_1d", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(health, 100);

    store.maintain_history(now() + TimeDelta::days(7 * 365)).await.unwrap();
    for table in ["checks", "health_samples", "check_rollups_1d", "health_rollups_1d"] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
}

fn week(at: DateTime<Utc>) -> DateTime<Utc> {
    let week = 7 * 86_400;
    DateTime::from_timestamp(at.timestamp().div_euclid(week) * week, 0).unwrap()
}

fn measured(test: common::TestResult) -> Measurement {
    Measurement { version: 1, of: Measured::Test(Box::new(test)) }
}

#[tokio::test]
async fn what_comes_late_is_rolled_up_as_well() {
    let fixture = Fixture::new().await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let id = fixture.add("one").await;
    let hour = TimeDelta::hours(1);
    store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    store.maintain_history(now() + hour).await.unwrap();
    assert_eq!(totals(&sql, "check_rollups_1h").await, (1, 0, 1000, 1));
    assert_eq!(fixture.count("history_stale").await, 0);

    let late = [
        measured(passed(id, now() + seconds(1), 2.0)),
        measured(failed(id, now() - TimeDelta::days(3))),
        measured(passed(id, now() + hour, 4.0)),
    ];
    store.record_batch(1, 3, &late).await.unwrap();
    assert_eq!(fixture.count("history_stale").await, 2);
    let all = (4, 1, 7000, 3);
    store.maintain_history(now() + hour + seconds(1)).await.unwrap();
    // The last one is not closed: the view reads it from the raw rows.
    assert_eq!(totals(&sql, "check_rollups_1d").await, (3, 1, 3000, 2));
    for view in ["check_series_5m", "check_series_1h", "check_series_1d"] {
        assert_eq!(totals(&sql, view).await, all, "{view}");
    }
    store.maintain_history(now() + hour * 2).await.unwrap();
    for view in ["check_rollups_5m", "check_rollups_1h", "check_rollups_1d", "check_series_1d"] {
        assert_eq!(totals(&sql, view).await, all, "{view}");
    }
    let buckets = "select count(*), count(distinct bucket) from dashboard.check_rollups_5m";
    let row = sql.query_one(buckets, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (3, 3));
}

#[tokio::test]
async fn no_row_is_missed_while_the_rollups_move_on() {
    let fixture = Fixture::new().await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(fixture.add(name).await);
    }
    let write = |writer: i64, id: ConnectionId| async move {
        for step in 0..20 {
            let at = |n: i64| now() + seconds(step * 120 + n * 10 + writer);
            let batch: Vec<Measurement> = (0..10).map(|n| measured(passed(id, at(n), 1.0))).collect();
            store.record_batch(writer, step + 1, &batch).await.unwrap();
        }
    };
    let maintain = async {
        for step in 0..20 {
            store.maintain_history(now() + seconds(step * 130)).await.unwrap();
        }
    };
    tokio::join!(write(1, ids[0]), write(2, ids[1]), write(3, ids[2]), write(4, ids[0]), maintain);
    let all = (800, 0, 800_000, 800);
    assert_eq!(totals(&sql, "check_series_5m").await.0, {
        store.maintain_history(now() + seconds(20 * 130)).await.unwrap();
        800
    });
    store.maintain_history(now() + TimeDelta::days(1)).await.unwrap();
    for view in ["check_rollups_5m", "check_rollups_1h", "check_rollups_1d"] {
        assert_eq!(totals(&sql, view).await, all, "{view}");
    }
}

#[tokio::test]
async fn another_width_of_partitions_fits_beside_those_that_are_there() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    fixture.store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    let mut config = config(&fixture.cluster.url("postgres"));
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
