//! Load reports: the last of each connection, and the other way to the same database.

use chrono::{DateTime, Utc};
use common::{
    ConnectionDraft, ConnectionId, Health, Phase, Reason, TestError, TestErrorKind,
    health::{HealthStatus, Server},
    load::{LoadMode, LoadReport, LoadRequest, LoadSecond},
    test_result::Pooler,
};

use crate::support::{Fixture, any, draft, health, named, now, seconds};

fn report(id: ConnectionId, started_at: DateTime<Utc>, requests: u64) -> LoadReport {
    let error = TestError {
        kind: TestErrorKind::Other,
        phase: Phase::Query,
        message: "division\0 by zero".to_owned(),
        hint: "Do not.".to_owned(),
        sqlstate: Some("22012".to_owned()),
    };
    let second = LoadSecond { second: 0, requests, failed: 0, p50_ms: Some(0.2), p99_ms: None };
    LoadReport {
        requests,
        succeeded: requests,
        timeline: vec![second],
        ..LoadReport::not_begun(id, started_at, &LoadRequest::default(), error)
    }
}

#[tokio::test]
async fn the_last_twenty_of_each_connection_are_kept_and_the_last_two_told() {
    let fixture = Fixture::new().await;
    let (store, id, other) = (&fixture.store, fixture.add("a").await, fixture.add("b").await);
    assert_eq!(store.latest_loads(id).await.unwrap(), []);
    store.record_load(&report(other, now(), 7), 1).await.unwrap();
    for number in 0..25 {
        let report = report(id, now() + seconds(number), number as u64 + 1);
        store.record_load(&report, 1).await.unwrap();
        // Twice is as good as once.
        store.record_load(&report, 1).await.unwrap();
    }
    assert_eq!(fixture.count("load_reports").await, 21);
    let told = store.latest_loads(id).await.unwrap();
    assert_eq!(told.iter().map(|report| report.requests).collect::<Vec<_>>(), [25, 24]);
    assert_eq!(told[0].started_at, now() + seconds(24));
    assert!(told[0].error.as_ref().unwrap().message.starts_with("division\u{FFFD}"), "{:?}", told[0].error);
    assert_eq!(store.latest_loads(other).await.unwrap().len(), 1);
}

#[tokio::test]
async fn they_go_with_their_connection_and_with_its_address() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, fixture.add("a").await);
    store.record_load(&report(id, now(), 1), 1).await.unwrap();
    store.update(id, &named("renamed"), now(), any).await.unwrap();
    assert_eq!(store.latest_loads(id).await.unwrap().len(), 1);
    let elsewhere = ConnectionDraft { host: "other.example.com".to_owned(), ..draft("renamed") };
    store.update(id, &elsewhere.parse().unwrap(), now(), any).await.unwrap();
    assert_eq!(store.latest_loads(id).await.unwrap(), []);
    // One that was under way when the address changed says nothing of the new one.
    store.record_load(&report(id, now(), 1), 2).await.unwrap();
    assert_eq!(store.latest_loads(id).await.unwrap(), []);
    store.record_load(&report(id, now(), 1), 3).await.unwrap();
    assert_eq!(store.latest_loads(id).await.unwrap().len(), 1);

    store.delete(id, None, now()).await.unwrap();
    assert_eq!(store.latest_loads(id).await.unwrap(), []);
    store.purge(now() + seconds(30)).await.unwrap();
    assert_eq!(fixture.count("load_reports").await, 0);
    store.record_load(&report(id, now(), 1), 3).await.unwrap();
    assert_eq!(fixture.count("load_reports").await, 0);
}

/// A reading of a server by its identifier, through a pooler or not.
fn reading(id: ConnectionId, system_identifier: Option<&str>, pooler: bool) -> Health {
    let pooler = pooler.then(|| Pooler::of_kind("pgbouncer", Reason::new("not asked")));
    let server =
        Server { system_identifier: system_identifier.map(str::to_owned), pooler, ..Server::default() };
    Health { server, ..health(id, now(), HealthStatus::Ok, 100) }
}

#[tokio::test]
async fn the_other_way_leads_to_the_same_database_with_a_pooler_or_without() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (direct, pooled) = (fixture.add("direct").await, fixture.add("pooled").await);
    let (stranger, nameless) = (fixture.add("stranger").await, fixture.add("nameless").await);
    let another = store
        .insert(
            &ConnectionDraft { database_name: "bills".to_owned(), ..draft("bills") }.parse().unwrap(),
            None,
            now(),
        )
        .await
        .unwrap();
    assert_eq!(store.other_way(direct, None).await.unwrap(), None);
    for (id, system, pooler) in [
        (direct, Some("7001"), false),
        (pooled, Some("7001"), true),
        (stranger, Some("7002"), true),
        (nameless, None, true),
        (another, Some("7001"), true),
    ] {
        store.record_health(&reading(id, system, pooler), None, 1).await.unwrap();
    }
    let other = store.other_way(direct, None).await.unwrap().unwrap();
    assert_eq!((other.connection_id, other.connection_name.as_str(), other.pooler), (pooled, "pooled", true));
    assert_eq!(other.report, None);
    assert_eq!(store.other_way(nameless, None).await.unwrap(), None);
    assert_eq!(store.other_way(another, None).await.unwrap(), None);

    store.record_load(&report(pooled, now(), 1), 1).await.unwrap();
    let open = LoadReport { mode: LoadMode::Open, ..report(pooled, now() + seconds(1), 2) };
    store.record_load(&open, 1).await.unwrap();
    let of =
        |mode| async move { store.other_way(direct, mode).await.unwrap().unwrap().report.unwrap().requests };
    assert_eq!((of(None).await, of(Some(LoadMode::Closed)).await), (2, 1));
    let back = store.other_way(pooled, None).await.unwrap().unwrap();
    assert_eq!((back.connection_id, back.pooler), (direct, false));

    store.delete(pooled, None, now()).await.unwrap();
    assert_eq!(store.other_way(direct, None).await.unwrap(), None);
}
