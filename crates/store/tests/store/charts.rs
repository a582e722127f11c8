//! Reading history: charts, the checks themselves, availability.

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId, TestErrorKind,
    health::{Change, ChangeKind, HealthStatus},
    history::{ChartData, Series},
    test_result::TestKind,
};
use store::{Before, ChartRange, Measured, Measurement, RecentChecks, Store};

use crate::support::{Fixture, failed, health, now, passed, seconds};

fn measured(test: common::TestResult) -> Measurement {
    Measurement { version: 1, of: Measured::Test(Box::new(test)) }
}

async fn range(
    store: &Store,
    metrics: &[&str],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    points: u32,
) -> ChartRange {
    ChartRange {
        sources: store.chart_sources(&[], 10).await.unwrap(),
        metrics: metrics.iter().map(|name| (*name).to_owned()).collect(),
        from,
        to,
        points,
        now: to,
    }
}

fn column(series: &Series, at: usize) -> impl Iterator<Item = f64> {
    series.points.iter().filter_map(move |point| point[at])
}

fn extremes(data: &ChartData) -> (f64, f64, f64, f64) {
    let series = &data.series[0];
    (
        column(series, 3).reduce(f64::min).unwrap(),
        column(series, 4).reduce(f64::max).unwrap(),
        column(series, 5).sum(),
        column(series, 6).sum(),
    )
}

/// A check a minute for `days`, each with a round trip of its own; every hundredth fails, and one day in the middle is
/// missing. Answers the end.
async fn fill(fixture: &Fixture, id: ConnectionId, days: i64) -> DateTime<Utc> {
    let minutes = days * 1440;
    let batch: Vec<Measurement> = (0..minutes)
        .filter(|minute| days < 3 || minute / 1440 != days / 2)
        .map(|minute| {
            let at = now() + TimeDelta::minutes(minute);
            let ms = 1.0 + (minute * 7919 % 1000) as f64 / 10.0;
            measured(if minute % 100 == 99 { failed(id, at) } else { passed(id, at, ms) })
        })
        .collect();
    for (at, batch) in batch.chunks(5000).enumerate() {
        fixture.store.record_batch(1, at as i64 + 1, batch).await.unwrap();
    }
    now() + TimeDelta::minutes(minutes)
}

#[tokio::test]
async fn a_chart_keeps_every_extreme_whatever_it_is_read_from() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let end = fill(&fixture, id, 10).await;
    let spike = passed(id, now() + TimeDelta::minutes(2003) + seconds(7), 4321.5);
    store.record_test(&spike, 1).await.unwrap();
    let checks = 9.0 * 1440.0 + 1.0;
    let raw = range(store, &["round_trip_ms"], now(), end, 10_000).await;
    let data = store.latency_chart(&raw).await.unwrap();
    let all = (1.0, 4321.5, checks, 130.0);
    assert_eq!((data.resolution_s, extremes(&data)), (87, all));

    // Before anything is rolled up, in between, and afterwards.
    for maintained in [None, Some(now() + TimeDelta::days(4)), Some(end + TimeDelta::hours(1))] {
        if let Some(at) = maintained {
            fixture.maintain(at).await;
        }
        for (points, resolution) in [(3000, 300), (1000, 900), (200, 7200), (5, 259_200), (1, 864_000)] {
            let data = store
                .latency_chart(&range(store, &["round_trip_ms"], now(), end, points).await)
                .await
                .unwrap();
            let series = &data.series[0];
            assert_eq!(extremes(&data), all, "{points} points, {maintained:?}");
            assert!(series.points.len() <= points as usize);
            let width = if points == 1 { 864_000 } else { resolution };
            assert_eq!(data.resolution_s, width, "{points} points");
            assert!(column(series, 1).all(|p50| (1.0..=102.0).contains(&p50)), "{points} points");
        }
    }
    let data = store.latency_chart(&range(store, &["round_trip_ms"], now(), end, 1).await).await.unwrap();
    let (p50, p95) = (data.series[0].points[0][1].unwrap(), data.series[0].points[0][2].unwrap());
    assert!((p50 - 51.0).abs() < 1.5 && (p95 - 96.0).abs() < 2.0, "{p50} and {p95}");
}

#[tokio::test]
async fn a_day_without_checks_is_a_gap_at_every_resolution() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let end = fill(&fixture, id, 4).await;
    fixture.maintain(end).await;
    for points in [6000, 1500, 100] {
        let data =
            store.latency_chart(&range(store, &["round_trip_ms"], now(), end, points).await).await.unwrap();
        let gaps: Vec<f64> = data.series[0]
            .points
            .iter()
            .filter(|point| point[5] == Some(0.0))
            .map(|point| point[0].unwrap())
            .collect();
        let begin = (now() + TimeDelta::days(2)).timestamp_millis() as f64;
        let slack = f64::from(data.resolution_s.max(60)) * 1000.0;
        assert!(gaps.len() == 1 && (gaps[0] - begin).abs() <= slack, "{points}: {gaps:?} for {begin}");
    }
}

#[tokio::test]
async fn few_checks_are_drawn_one_by_one_and_phases_only_of_full_connects() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let mut held = passed(id, now() + seconds(60), 2.0);
    held.kind = TestKind::Held;
    held.phases = common::Phases::default();
    held.total_ms = 2.0;
    for test in [passed(id, now(), 1.0), held, failed(id, now() + seconds(120))] {
        store.record_test(&test, 1).await.unwrap();
    }
    let metrics = ["round_trip_ms", "total_ms", "tcp_ms", "dns_ms"];
    let data =
        store.latency_chart(&range(store, &metrics, now(), now() + seconds(600), 100).await).await.unwrap();
    let t = |after: i64| Some((now() + seconds(after)).timestamp_millis() as f64);
    let one =
        |t, value: f64| vec![t, Some(value), Some(value), Some(value), Some(value), Some(1.0), Some(0.0)];
    let none = |t, failures: f64| vec![t, None, None, None, None, Some(1.0), Some(failures)];
    assert_eq!(data.resolution_s, 0);
    assert_eq!(data.series[0].points, [one(t(0), 1.0), one(t(60), 2.0), none(t(120), 1.0)]);
    assert_eq!(data.series[1].points, [one(t(0), 4.75), none(t(120), 1.0)]);
    assert_eq!(data.series[2].points, [one(t(0), 0.25), none(t(120), 1.0)]);
    assert_eq!(data.series[3].points, [none(t(0), 0.0), none(t(120), 1.0)]);
    assert_eq!((data.series[0].name.as_str(), data.series[2].unit.as_str()), ("one", "ms"));

    fixture.maintain(now() + TimeDelta::hours(1)).await;
    let coarse = range(store, &metrics, now() - TimeDelta::days(60), now() + seconds(600), 100).await;
    let data = store.latency_chart(&coarse).await.unwrap();
    assert_eq!(data.series[0].points[0][3..], [Some(1.0), Some(2.0), Some(3.0), Some(1.0)]);
    assert_eq!(
        data.series[1].points[0][1..],
        [Some(4.75), Some(4.75), Some(4.75), Some(4.75), Some(2.0), Some(1.0)]
    );
    assert_eq!(
        data.series[2].points[0][1..],
        [Some(0.25), None, Some(0.25), Some(0.25), Some(2.0), Some(1.0)]
    );
    assert!(data.series[3].points[0][1..5].iter().all(Option::is_none));
}

#[tokio::test]
async fn health_is_drawn_from_readings_and_from_rollups_with_what_changed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    for minute in 0..120 {
        let mut reading = health(id, now() + TimeDelta::minutes(minute), HealthStatus::Ok, 90);
        reading.metrics.active_connections = Some(if minute == 77 { 400 } else { minute % 10 });
        reading.metrics.cache_hit_ratio = (minute >= 60).then_some(0.5);
        if minute == 30 {
            reading.changes = vec![Change {
                at: reading.checked_at,
                kind: ChangeKind::Setting,
                subject: Some("work_mem".to_owned()),
                before: Some("4 MB".to_owned()),
                after: Some("64 MB".to_owned()),
            }];
        }
        store.record_health(&reading, None, 1).await.unwrap();
    }
    let down = health(id, now() + TimeDelta::minutes(120), HealthStatus::Down, 0);
    store.record_health(&common::Health { metrics: Default::default(), ..down }, None, 1).await.unwrap();
    let end = now() + TimeDelta::hours(3);
    let metrics = ["active_connections", "cache_hit_ratio", "wal_bytes_per_s"];
    for (maintained, points) in [(false, 1000), (false, 20), (true, 20), (true, 3)] {
        if maintained {
            fixture.maintain(end).await;
        }
        let data = store.health_chart(&range(store, &metrics, now(), end, points).await).await.unwrap();
        let [active, ratio, wal] = &data.series[..] else { panic!("{data:?}") };
        assert_eq!(extremes(&data), (0.0, 400.0, 121.0, 1.0), "{points}");
        assert!(active.points.len() <= points as usize);
        assert_eq!(
            (column(ratio, 3).reduce(f64::min), column(ratio, 4).reduce(f64::max)),
            (Some(0.5), Some(0.5))
        );
        assert_eq!(column(wal, 1).count(), 0);
        assert_eq!(
            (active.unit.as_str(), ratio.unit.as_str(), wal.unit.as_str()),
            ("count", "ratio", "bytes_per_s")
        );
        let [mark] = &data.marks[..] else { panic!("{:?}", data.marks) };
        assert_eq!((mark.kind.as_str(), mark.label.as_str()), ("setting", "work_mem: 4 MB → 64 MB"));
        assert_eq!(mark.t, (now() + TimeDelta::minutes(30)).timestamp_millis());
    }
}

fn recent(limit: u32) -> RecentChecks {
    RecentChecks { connection_ids: Vec::new(), ok: None, before: None, limit }
}

async fn pages(store: &Store, mut query: RecentChecks) -> Vec<common::TestResult> {
    let mut all = Vec::new();
    loop {
        let page = store.recent_checks(&query, now() + TimeDelta::days(1)).await.unwrap();
        assert!(page.items.len() <= query.limit as usize);
        all.extend(page.items);
        match page.next {
            Some(next) => query.before = Some(Before::decode(&next).unwrap()),
            None => return all,
        }
    }
}

#[tokio::test]
async fn recent_checks_are_paged_through_newest_first_without_loss_or_repetition() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (one, two, hidden) =
        (fixture.add("one").await, fixture.add("two").await, fixture.add("hidden").await);
    let mut batch = Vec::new();
    for n in 0..60 {
        // Both at the same times, and with a hole of a month.
        let at = now() - TimeDelta::minutes(n) - TimeDelta::days(if n >= 40 { 30 } else { 0 });
        for id in [one, two, hidden] {
            batch.push(measured(if n % 7 == 0 { failed(id, at) } else { passed(id, at, 1.0 + n as f64) }));
        }
    }
    store.record_batch(1, 1, &batch).await.unwrap();
    store.delete(hidden, None, now()).await.unwrap();
    for limit in [1, 7, 120, 500] {
        let all = pages(store, recent(limit)).await;
        assert_eq!(all.len(), 120, "{limit}");
        let keys: Vec<_> = all.iter().map(|test| (test.checked_at, test.connection_id)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] > pair[1]), "{limit}");
    }
    let only = |ids: &[ConnectionId], ok| RecentChecks { connection_ids: ids.to_vec(), ok, ..recent(10) };
    for (query, count) in [
        (only(&[one], None), 60),
        (only(&[one, two], None), 120),
        (only(&[], Some(false)), 18),
        (only(&[two], Some(false)), 9),
        (only(&[], Some(true)), 102),
        (only(&[one], Some(true)), 51),
    ] {
        let page = store.recent_checks(&query, now()).await.unwrap();
        assert_eq!((page.total, pages(store, query.clone()).await.len()), (count as u64, count), "{query:?}");
    }
    let since = RecentChecks { before: Some(Before::time(now() - TimeDelta::days(3))), ..recent(500) };
    assert_eq!(store.recent_checks(&since, now()).await.unwrap().items.len(), 40);
}

#[tokio::test]
async fn the_newest_check_is_whole_and_an_older_one_says_what_is_not_kept() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let newest = passed(id, now() + seconds(60), 2.0);
    store.record_test(&failed(id, now()), 1).await.unwrap();
    store.record_test(&newest, 1).await.unwrap();
    let page = store.recent_checks(&recent(10), now() + seconds(60)).await.unwrap();
    assert_eq!((page.items[0].clone(), page.total, page.next), (newest, 2, None));
    let older = &page.items[1];
    let error = older.error.as_ref().unwrap();
    assert_eq!((older.ok, older.total_ms, error.kind), (false, 4.75, TestErrorKind::Refused));
    assert_eq!((error.message.as_str(), error.hint.as_str()), ("Connection refused.", ""));
    for missing in ["error.hint", "tls", "server_version", "backend_pid"] {
        assert!(older.unavailable.contains_key(missing), "{missing} of {older:?}");
    }
}

#[tokio::test]
async fn availability_and_round_trips_are_those_of_all_connections() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (one, two) = (fixture.add("one").await, fixture.add("two").await);
    let ranges = [1, 7, 30].map(TimeDelta::days);
    assert_eq!(store.availability(&ranges, now()).await.unwrap(), [None, None, None]);
    let hours = TimeDelta::hours;
    for (id, at, ok) in [
        (one, hours(1), true),
        (one, hours(2), true),
        (two, hours(3), false),
        (two, hours(23), true),
        (two, hours(26), false),
        (one, hours(24 * 8), false),
        (one, hours(24 * 31), false),
    ] {
        let at = now() - at;
        let test = if ok { passed(id, at, 20.0) } else { failed(id, at) };
        store.record_test(&test, 1).await.unwrap();
    }
    let expected = [Some(0.75), Some(0.6), Some(0.5)];
    assert_eq!(store.availability(&ranges, now()).await.unwrap(), expected);
    fixture.maintain(now()).await;
    assert_eq!(store.availability(&ranges, now()).await.unwrap(), expected);
    let latency = store.latency_percentiles(now() - TimeDelta::days(1)).await.unwrap();
    assert!((latency.p50.unwrap() - 20.0).abs() < 0.4 && latency.p50 == latency.p95, "{latency:?}");
    store.delete(two, None, now()).await.unwrap();
    assert_eq!(store.availability(&ranges, now()).await.unwrap(), [Some(1.0), Some(1.0), Some(2.0 / 3.0)]);
}
