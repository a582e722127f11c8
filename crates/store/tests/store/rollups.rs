//! Rollups, by a clock that the test turns. Each test holds for every engine.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, health::HealthStatus, histogram};
use store::{Measured, Measurement};
use tokio_postgres::Client;

use crate::support::{Fixture, TestEngine, failed, health, now, passed, seconds};

pub(crate) async fn partitions(sql: &Client) -> BTreeSet<String> {
    let list =
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'dashboard.checks'::regclass";
    sql.query(list, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Checks, failures, the sum of round trips, and how many are in histograms, as a view tells them.
pub(crate) async fn totals(sql: &Client, view: &str) -> (i64, i64, i64, i64) {
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
async fn a_hundred_days_pass() {
    let fixture = Fixture::new().await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let is_native = crate::ENGINE == TestEngine::Native;
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
        if is_native || day % 9 == 0 {
            fixture.maintain(end).await;
        }
        if is_native {
            let there = partitions(&sql).await;
            let ahead = format!("dashboard.checks_{}", (week(end) + TimeDelta::days(7)).format("%Y%m%d%H"));
            assert!(there.iter().any(|name| name.starts_with(&ahead)), "{ahead} of {there:?} on day {day}");
            assert!(there.len() <= 17, "{there:?}");
        }
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
    if is_native {
        // The bucket that the first moment lies in begins before it, and is gone.
        assert_eq!(fine, 90 * 13 - 2, "of five minutes 90 days are kept");
    } else {
        assert!(
            (90 * 13 - 2..=97 * 13).contains(&fine),
            "of five minutes 90 days and up to a week are kept: {fine}"
        );
    }
    let health: i64 = sql
        .query_one("select sum(counts[1])::int8 from dashboard.health_rollups_1d", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(health, 100);

    fixture.maintain(now() + TimeDelta::days(7 * 365)).await;
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
    let is_native = crate::ENGINE == TestEngine::Native;
    let hour = TimeDelta::hours(1);
    store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    fixture.maintain(now() + hour).await;
    assert_eq!(totals(&sql, "check_rollups_1h").await, (1, 0, 1000, 1));

    let late = [
        measured(passed(id, now() + seconds(1), 2.0)),
        measured(failed(id, now() - TimeDelta::days(3))),
        measured(passed(id, now() + hour, 4.0)),
    ];
    store.record_batch(1, 3, &late).await.unwrap();
    if is_native {
        assert_eq!(fixture.count("history_stale").await, 2);
    }
    let all = (4, 1, 7000, 3);
    fixture.maintain(now() + hour + seconds(1)).await;
    // The last one is not closed: the view reads it from the raw rows.
    if is_native {
        assert_eq!(totals(&sql, "check_rollups_1d").await, (3, 1, 3000, 2));
        assert_eq!(fixture.count("history_stale").await, 0);
    }
    for view in ["check_series_5m", "check_series_1h", "check_series_1d"] {
        assert_eq!(totals(&sql, view).await, all, "{view}");
    }
    fixture.maintain(now() + hour * 2).await;
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
            fixture.maintain(now() + seconds(step * 130)).await;
        }
    };
    tokio::join!(write(1, ids[0]), write(2, ids[1]), write(3, ids[2]), write(4, ids[0]), maintain);
    let all = (800, 0, 800_000, 800);
    assert_eq!(totals(&sql, "check_series_5m").await.0, {
        fixture.maintain(now() + seconds(20 * 130)).await;
        800
    });
    fixture.maintain(now() + TimeDelta::days(1)).await;
    for view in ["check_rollups_5m", "check_rollups_1h", "check_rollups_1d"] {
        assert_eq!(totals(&sql, view).await, all, "{view}");
    }
}
