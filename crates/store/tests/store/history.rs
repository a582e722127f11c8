//! What was measured: newest readings, heartbeats, percentiles, findings.

use common::{
    ConnectionStatus, HeartbeatStatus, Reason,
    health::{CheckStatus, HealthStatus},
};
use serde_json::json;

use crate::support::{Fixture, TestEngine, check, failed, health, migrations, now, passed, seconds};

#[tokio::test]
async fn a_test_comes_back_as_it_was_without_its_nul() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let good = passed(id, now(), 12.345);
    store.record_test(&good, 1).await.unwrap();
    let stored = store.get(id, now()).await.unwrap();
    assert_eq!((stored.status, stored.last_check), (ConnectionStatus::Up, Some(good)));

    let bad = failed(id, now() + seconds(1));
    store.record_test(&bad, 1).await.unwrap();
    let stored = store.get(id, now()).await.unwrap();
    assert_eq!(stored.last_check.unwrap().error.unwrap().message, "refused\u{FFFD} <b>");
    assert_eq!(stored.status, ConnectionStatus::Down);
    // The version is remembered through a failure.
    assert_eq!(store.standings().await.unwrap()[0].server_version_num, Some(170_002));
}

#[tokio::test]
async fn a_test_that_is_recorded_twice_counts_once() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    for _ in 0..2 {
        fixture.store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
        fixture.store.record_health(&health(id, now(), HealthStatus::Ok, 90), None, 1).await.unwrap();
    }
    assert_eq!((fixture.count("checks").await, fixture.count("health_samples").await), (1, 1));
}

#[tokio::test]
async fn an_older_reading_goes_into_history_only() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    store.record_health(&health(id, now(), HealthStatus::Ok, 90), None, 1).await.unwrap();
    store.record_test(&failed(id, now() - seconds(1)), 1).await.unwrap();
    let mut old = health(id, now() - seconds(1), HealthStatus::Critical, 10);
    old.checks = vec![check("cache-hit-ratio", CheckStatus::Critical)];
    store.record_health(&old, None, 1).await.unwrap();
    let stored = store.get(id, now()).await.unwrap();
    assert_eq!((stored.status, stored.heartbeats.len()), (ConnectionStatus::Up, 2));
    assert_eq!(stored.health.unwrap().score, Some(90));
    assert_eq!(fixture.count("finding_spans").await, 0);
    assert_eq!(fixture.count("health_samples").await, 2);
}

#[tokio::test]
async fn heartbeats_are_the_last_thirty_oldest_first() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (id, other) = (fixture.add("one").await, fixture.add("two").await);
    store.record_test(&passed(other, now(), 9.0), 1).await.unwrap();
    for at in 0..35 {
        let time = now() - seconds(60 * (35 - at));
        if at == 20 {
            store.record_health(&health(id, time, HealthStatus::Warning, 60), None, 1).await.unwrap();
        }
        let test = if at == 10 { failed(id, time) } else { passed(id, time, at as f64) };
        store.record_test(&test, 1).await.unwrap();
    }
    let page = store.list(&Default::default(), now()).await.unwrap();
    let connection = page.items.into_iter().find(|connection| connection.id == id).unwrap();
    assert_eq!(connection.status, ConnectionStatus::Degraded);
    let beats = connection.heartbeats;
    assert_eq!(beats.len(), 30);
    assert!(beats.is_sorted_by_key(|beat| beat.at));
    assert_eq!((beats[0].round_trip_ms, beats[0].status), (Some(5.0), HeartbeatStatus::Up));
    assert_eq!((beats[5].round_trip_ms, beats[5].status), (None, HeartbeatStatus::Down));
    assert_eq!((beats[29].round_trip_ms, beats[29].status), (Some(34.0), HeartbeatStatus::Degraded));
    assert_eq!(beats.iter().filter(|beat| beat.status == HeartbeatStatus::Degraded).count(), 15);
}

#[tokio::test]
async fn latency_is_that_of_the_checks_that_passed_within_a_day() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let day = 24 * 3600;
    store.record_test(&passed(id, now() - seconds(day + 1), 9999.0), 1).await.unwrap();
    for at in (1..=100).rev() {
        store.record_test(&passed(id, now() - seconds(at), at as f64), 1).await.unwrap();
    }
    store.record_test(&failed(id, now()), 1).await.unwrap();
    let latency = store.get(id, now()).await.unwrap().latency;
    assert_eq!((latency.p50_ms, latency.p95_ms), (Some(50.5), Some(95.05)));
    let none = store.latency_percentiles(now()).await.unwrap();
    assert_eq!((none.p50, none.p95), (None, None));
    let stale = store.get(id, now() + seconds(day)).await.unwrap();
    assert_eq!((stale.latency.p50_ms, stale.latency.p95_ms), (None, None));
    assert!(stale.unavailable.contains_key("latency"));
}

#[tokio::test]
async fn percentiles_of_many_checks_are_reckoned_once_a_minute() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    for at in 0..200 {
        store.record_test(&passed(id, now() + seconds(at), 1.0), 1).await.unwrap();
    }
    let latency = |after: i64| {
        let time = now() + seconds(after);
        async move {
            store.record_test(&passed(id, time, 9.0), 1).await.unwrap();
            store.get(id, time).await.unwrap().latency
        }
    };
    assert_eq!(latency(200).await.p95_ms, Some(1.0));
    for at in 201..230 {
        latency(at).await;
    }
    assert_eq!(latency(258).await.p95_ms, Some(1.0));
    assert_eq!(latency(259).await.p95_ms, Some(9.0));
}

#[tokio::test]
async fn a_health_reading_comes_back_with_its_counters() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    assert!(store.latest_health(id).await.unwrap().is_none());
    let mut reading = health(id, now(), HealthStatus::Warning, 87);
    reading.checks = vec![check("cache-hit-ratio", CheckStatus::Warning)];
    let counters = json!({"xact_commit": 9_007_199_254_740_993_i64});
    store.record_health(&reading, Some(&counters), 1).await.unwrap();
    assert_eq!(store.latest_health(id).await.unwrap(), Some((reading.clone(), Some(counters))));
    assert_eq!(store.all_latest_health().await.unwrap(), [reading]);
    let summary = store.get(id, now()).await.unwrap().health.unwrap();
    assert_eq!((summary.status, summary.score), (HealthStatus::Warning, Some(87)));
    assert_eq!(summary.headline, "Cache hit ratio: 87 % of reads came from memory.");

    let down = health(id, now() + seconds(60), HealthStatus::Down, 0);
    store.record_health(&down, None, 1).await.unwrap();
    let summary = store.get(id, now()).await.unwrap().health.unwrap();
    assert_eq!((summary.status, summary.score), (HealthStatus::Down, None));
    let sql =
        "select cache_hit_ratio, active_connections, wal_bytes_per_s from dashboard.health_samples limit 1";
    let row = fixture.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (Some(0.87_f64), Some(3_i64), None::<f64>));
}

#[tokio::test]
async fn a_finding_begins_once_and_ends_when_it_is_right_again() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let read = |after: i64, status: CheckStatus| {
        let mut reading = health(id, now() + seconds(after), HealthStatus::Ok, 90);
        reading.checks = vec![check("cache-hit-ratio", status)];
        let fixture = &fixture;
        async move {
            store.record_health(&reading, None, 1).await.unwrap();
            fixture.since(id, "cache-hit-ratio").await
        }
    };
    assert_eq!(read(0, CheckStatus::Ok).await, None);
    assert_eq!(read(1, CheckStatus::Warning).await, Some(now() + seconds(1)));
    assert_eq!(read(2, CheckStatus::Critical).await, Some(now() + seconds(1)));
    // Not read: nothing is known to have changed.
    assert_eq!(read(3, CheckStatus::Unavailable).await, Some(now() + seconds(1)));
    assert_eq!(read(4, CheckStatus::Ok).await, None);
    assert_eq!(read(5, CheckStatus::Warning).await, Some(now() + seconds(5)));
    store.record_test(&failed(id, now() + seconds(6)), 1).await.unwrap();
    store.record_test(&failed(id, now() + seconds(7)), 1).await.unwrap();
    assert_eq!(fixture.since(id, "connection").await, Some(now() + seconds(6)));
    assert_eq!(fixture.count("finding_spans").await, 2);
    store.record_test(&passed(id, now() + seconds(8), 1.0), 1).await.unwrap();
    assert_eq!(fixture.since(id, "connection").await, None);
    assert_eq!(fixture.count("finding_spans").await, 1);
}

#[tokio::test]
async fn a_finding_ends_when_its_check_does_not_apply_any_more_but_not_for_want_of_data() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let read = |after: i64, status: CheckStatus, value: Option<f64>, reason: Option<&str>| {
        let mut reading = health(id, now() + seconds(after), HealthStatus::Ok, 90);
        let mut check = check("archiver", status);
        check.value = value;
        check.unavailable =
            reason.map(|reason| ("value".to_owned(), Reason::new(reason))).into_iter().collect();
        reading.checks = vec![check];
        let fixture = &fixture;
        async move {
            store.record_health(&reading, None, 1).await.unwrap();
            fixture.since(id, "archiver").await
        }
    };
    let since = Some(now());
    assert_eq!(read(0, CheckStatus::Warning, Some(1.0), None).await, since);
    assert_eq!(read(1, CheckStatus::Skipped, None, Some(Reason::FIRST_READING)).await, since);
    assert_eq!(read(2, CheckStatus::Skipped, Some(0.2), None).await, since, "too little to say");
    assert_eq!(read(3, CheckStatus::Unavailable, None, Some("timeout")).await, since);
    assert_eq!(read(4, CheckStatus::Skipped, None, None).await, None, "there is no archive any more");
}

#[tokio::test]
async fn the_database_describes_itself() {
    let fixture = Fixture::new().await;
    let empty = fixture.store.database_info().await.unwrap();
    assert_eq!((empty.history.rows, empty.history.oldest), (0, None));
    assert!(empty.unavailable.contains_key("history.oldest"));
    let id = fixture.add("one").await;
    fixture.store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    let info = fixture.store.database_info().await.unwrap();
    assert_eq!((info.host.as_str(), info.port), ("127.0.0.1", fixture.port()));
    assert_eq!((info.database_name.as_str(), info.engine.as_str()), ("postgres", "postgresql"));
    let (engine, major) = match crate::ENGINE {
        TestEngine::Native => ("native", "18"),
        TestEngine::Timescaledb => ("timescaledb", "17"),
    };
    assert!(info.server_version.starts_with(major), "{}", info.server_version);
    assert_eq!(info.history.engine, engine);
    assert_eq!(
        info.history.timescaledb_version.is_none(),
        info.unavailable.contains_key("history.timescaledb_version")
    );
    assert_eq!((info.history.rows, info.history.oldest), (1, Some(now())));
    assert!(info.history.size_bytes > 0 && info.pool.size >= 1 && info.pool.in_use >= 1);
    assert_eq!((info.migrations.applied, info.migrations.latest), (migrations().1, migrations().1));
}

#[tokio::test]
async fn findings_are_listed_worst_first_and_counted_alike() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let ids =
        [fixture.add("a").await, fixture.add("b").await, fixture.add("c").await, fixture.add("d").await];
    for (at, (id, status)) in ids
        .into_iter()
        .zip([CheckStatus::Warning, CheckStatus::Critical, CheckStatus::Warning, CheckStatus::Ok])
        .enumerate()
    {
        let mut reading = health(id, now() + seconds(at as i64), HealthStatus::Warning, 50);
        reading.checks = vec![check("cache-hit-ratio", status)];
        store.record_health(&reading, None, 1).await.unwrap();
    }
    store.record_test(&failed(ids[3], now()), 1).await.unwrap();
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.findings(None, None, 1, cursor.as_deref()).await.unwrap();
        assert_eq!((page.items.len(), page.total), (1, 4));
        found.extend(page.items.into_iter().map(|finding| (finding.connection_id, finding.check_id)));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let named = |id, check: &str| (id, check.to_owned());
    let ratio = "cache-hit-ratio";
    assert_eq!(
        found,
        [named(ids[1], ratio), named(ids[3], "connection"), named(ids[2], ratio), named(ids[0], ratio)]
    );
    let counts = store.finding_counts().await.unwrap();
    assert_eq!((counts.critical, counts.warning), (2, 2));

    // Down: what cannot be measured is neither listed nor counted, and not over either.
    store.record_health(&health(ids[0], now() + seconds(60), HealthStatus::Down, 0), None, 1).await.unwrap();
    assert_eq!(store.findings(None, None, 10, None).await.unwrap().total, 3);
    assert_eq!(store.finding_counts().await.unwrap().warning, 1);
    assert_eq!(fixture.since(ids[0], ratio).await, Some(now()));
}
