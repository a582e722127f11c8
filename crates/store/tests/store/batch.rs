//! Batches: many measurements at once, exactly once.

use chrono::{DateTime, Utc};
use common::{
    ConnectionId, ConnectionStatus, Health, TestResult,
    health::{Change, ChangeKind, CheckStatus, HealthStatus},
};
use serde_json::json;
use store::{ChangeFilter, Measured, MeasuredHealth, Measurement};

use crate::support::{Fixture, any, check, failed, health, named, now, passed, seconds};

const WRITER: i64 = -7_777_777_777_777_777_777;

fn test(test: TestResult) -> Measurement {
    Measurement { version: 1, of: Measured::Test(Box::new(test)) }
}

fn read(health: Health) -> Measurement {
    read_with(health, None)
}

fn read_with(health: Health, memory: Option<serde_json::Value>) -> Measurement {
    Measurement { version: 1, of: Measured::Health(Box::new(MeasuredHealth { health, memory })) }
}

fn with_check(id: ConnectionId, at: DateTime<Utc>, status: CheckStatus) -> Health {
    let mut reading = health(id, at, HealthStatus::Ok, 90);
    reading.checks = vec![check("cache-hit-ratio", status)];
    reading
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    assert_eq!(store.recorded_up_to(WRITER).await.unwrap(), None);
    let batch = [test(passed(id, now(), 1.0)), test(failed(id, now() + seconds(60)))];
    store.record_batch(WRITER, 2, &batch).await.unwrap();
    assert_eq!(store.recorded_up_to(WRITER).await.unwrap(), Some(2));
    // Even with other measurements in it: the mark decides.
    for up_to in [1, 2] {
        store.record_batch(WRITER, up_to, &[test(passed(id, now() + seconds(90), 1.0))]).await.unwrap();
    }
    assert_eq!((fixture.count("checks").await, store.recorded_up_to(WRITER).await.unwrap()), (2, Some(2)));
    store.record_batch(1, 1, &[test(passed(id, now() + seconds(90), 1.0))]).await.unwrap();
    assert_eq!(fixture.count("checks").await, 3, "another writer has a mark of its own");
    assert_eq!(fixture.count("history_writers").await, 2);
}

#[tokio::test]
async fn the_same_batch_sent_by_two_at_once_counts_once() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let mut change = health(id, now(), HealthStatus::Ok, 90);
    change.changes = vec![Change {
        at: now(),
        kind: ChangeKind::Restart,
        subject: None,
        before: None,
        after: Some("now".to_owned()),
    }];
    let batch: Vec<_> =
        (0..50).map(|at| test(passed(id, now() + seconds(at), 1.0))).chain([read(change)]).collect();
    let twice = (0..4).map(|_| fixture.store.record_batch(WRITER, 51, &batch));
    for outcome in futures::future::join_all(twice).await {
        outcome.unwrap();
    }
    assert_eq!((fixture.count("checks").await, fixture.count("changes").await), (50, 1));
}

#[tokio::test]
async fn what_is_there_already_is_not_kept_twice_and_the_rest_is() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    store.record_test(&passed(id, now(), 5.0), 1).await.unwrap();
    let twice = test(passed(id, now() + seconds(60), 6.0));
    let batch =
        [test(passed(id, now(), 7.0)), twice.clone(), twice, read(health(id, now(), HealthStatus::Ok, 90))];
    store.record_batch(WRITER, 4, &batch).await.unwrap();
    let sql = "select array_agg(round_trip_us order by checked_at) from dashboard.checks";
    let kept: Vec<i32> = fixture.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(kept, [5000, 6000]);
}

#[tokio::test]
async fn many_rows_are_copied_and_those_that_are_there_already_stay_as_they_are() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let batch = |ms: f64, count: i64| -> Vec<Measurement> {
        (0..count)
            .flat_map(|n| {
                let at = now() + seconds(n);
                let tests = if n % 5 == 3 { failed(id, at) } else { passed(id, at, ms) };
                [test(tests), read(health(id, at, HealthStatus::Ok, 90))]
            })
            .collect()
    };
    store.record_batch(WRITER, 1, &batch(1.5, 300)).await.unwrap();
    store.record_batch(WRITER, 2, &batch(2.5, 400)).await.unwrap();
    let sql = fixture.sql().await;
    let checks = "select count(*), count(*) filter (where round_trip_us = 1500), count(*) filter (where round_trip_us = 2500),
        count(error_kind), count(address), sum(tcp_us)::int8 from dashboard.checks";
    let row = sql.query_one(checks, &[]).await.unwrap();
    let counts: Vec<i64> = (0..5).map(|at| row.get(at)).collect();
    assert_eq!(counts, [400, 240, 80, 80, 1], "of one address only the first row tells");
    assert_eq!(row.get::<_, i64>(5), 320 * 250);
    let samples =
        "select count(*), sum(active_connections)::int8, avg(cache_hit_ratio) from dashboard.health_samples";
    let row = sql.query_one(samples, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (400, 1200));
    assert!((row.get::<_, f64>(2) - 0.87).abs() < 1e-9);
}

#[tokio::test]
async fn a_batch_leads_to_what_its_measurements_would_have_one_by_one() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (batched, single) = (fixture.add("batched").await, fixture.add("single").await);
    let story = |id: ConnectionId| {
        let at = |after: i64| now() + seconds(after);
        let mut warning = with_check(id, at(30), CheckStatus::Warning);
        warning.status = HealthStatus::Warning;
        vec![
            test(failed(id, at(0))),
            test(passed(id, at(10), 1.0)),
            read_with(with_check(id, at(11), CheckStatus::Critical), Some(json!({"reading": 1}))),
            test(failed(id, at(20))),
            read(with_check(id, at(21), CheckStatus::Ok)),
            test(failed(id, at(29))),
            read(warning),
            read(with_check(id, at(15), CheckStatus::Ok)),
        ]
    };
    store.record_batch(WRITER, 8, &story(batched)).await.unwrap();
    for measurement in story(single) {
        match measurement.of {
            Measured::Test(test) => store.record_test(&test, 1).await.unwrap(),
            Measured::Health(measured) => {
                store.record_health(&measured.health, measured.memory.as_ref(), 1).await.unwrap();
            }
        }
    }
    for (check, after) in [("connection", 20), ("cache-hit-ratio", 30)] {
        assert_eq!(fixture.since(batched, check).await, Some(now() + seconds(after)), "{check}");
        assert_eq!(fixture.since(single, check).await, fixture.since(batched, check).await, "{check}");
    }
    let (batched, single) =
        (store.get(batched, now()).await.unwrap(), store.get(single, now()).await.unwrap());
    assert_eq!((batched.status, single.status), (ConnectionStatus::Down, ConnectionStatus::Down));
    assert_eq!((batched.heartbeats, batched.latency), (single.heartbeats, single.latency));
    assert_eq!(batched.health, single.health);
    let (_, memory) = store.latest_health(batched.id).await.unwrap().unwrap();
    assert_eq!(memory, Some(json!({"reading": 1})), "the last one that there was");
}

#[tokio::test]
async fn a_test_is_degraded_by_the_health_of_its_time() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let batch = [
        test(passed(id, now(), 1.0)),
        read(health(id, now() + seconds(1), HealthStatus::Critical, 10)),
        test(passed(id, now() + seconds(2), 1.0)),
        test(failed(id, now() + seconds(3))),
        read(health(id, now() + seconds(4), HealthStatus::Ok, 90)),
        test(passed(id, now() + seconds(5), 1.0)),
    ];
    store.record_batch(WRITER, 6, &batch).await.unwrap();
    let sql = "select array_agg(degraded order by checked_at) from dashboard.checks";
    let degraded: Vec<bool> = fixture.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(degraded, [false, true, false, false]);
}

#[tokio::test]
async fn what_is_replayed_late_lands_in_history_and_overwrites_nothing_newer() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    store.record_health(&with_check(id, now(), CheckStatus::Ok), None, 1).await.unwrap();
    let hour_ago = now() - seconds(3600);
    let mut late = with_check(id, hour_ago, CheckStatus::Critical);
    late.changes =
        vec![Change { at: hour_ago, kind: ChangeKind::Restart, subject: None, before: None, after: None }];
    store.record_batch(WRITER, 2, &[test(failed(id, hour_ago)), read(late)]).await.unwrap();
    let connection = store.get(id, now()).await.unwrap();
    assert_eq!((connection.status, connection.heartbeats.len()), (ConnectionStatus::Up, 2));
    assert_eq!((fixture.count("finding_spans").await, fixture.count("health_samples").await), (0, 2));
    assert_eq!(store.changes(&ChangeFilter::default(), 10, None).await.unwrap().total, 0);
}

#[tokio::test]
async fn nothing_is_kept_for_a_connection_that_is_gone_and_little_for_one_that_has_moved() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (gone, moved) = (fixture.add("gone").await, fixture.add("moved").await);
    store.delete(gone, None, now()).await.unwrap();
    store.purge(now() + seconds(31)).await.unwrap();
    let mut elsewhere = named("moved");
    elsewhere.host = "elsewhere.example.com".to_owned();
    store.update(moved, &elsewhere, now(), any).await.unwrap();
    let batch = [
        test(passed(gone, now(), 1.0)),
        read(health(gone, now(), HealthStatus::Ok, 90)),
        test(passed(moved, now(), 1.0)),
        read(with_check(moved, now(), CheckStatus::Critical)),
    ];
    store.record_batch(WRITER, 4, &batch).await.unwrap();
    assert_eq!(store.recorded_up_to(WRITER).await.unwrap(), Some(4));
    assert_eq!((fixture.count("checks").await, fixture.count("health_samples").await), (1, 1));
    let connection = store.get(moved, now()).await.unwrap();
    assert_eq!((connection.status, connection.health), (ConnectionStatus::Unknown, None));
    assert_eq!(fixture.count("finding_spans").await, 0);
}
