//! One connection: created, read, changed, deleted, restored, purged.

use common::{
    ConnectionId, ConnectionStatus, FieldError, SslMode,
    health::{CheckStatus, HealthStatus},
};
use store::{Idempotency, StoreError};

use crate::support::{Fixture, any, check, draft, failed, health, named, now, passed, seconds};

#[tokio::test]
async fn every_field_comes_back_as_it_went() {
    let fixture = Fixture::new().await;
    let mut full = draft("<b>Orders</b> \u{1F418}");
    full.host = "2001:db8::1".to_owned();
    full.port = "6432".to_owned();
    full.ssl_mode = "verify-full".to_owned();
    full.ssl_root_cert = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----".to_owned();
    full.region = "EU West".to_owned();
    full.cloud_provider = "AWS".to_owned();
    full.latitude = "53.35".to_owned();
    full.longitude = "-6.26".to_owned();
    full.tags = "prod, eu".to_owned();
    full.notes = "two\nlines".to_owned();
    full.check_interval_s = "15".to_owned();
    full.paused = true;
    full.let_sleep = true;
    full.allow_statements = true;
    let input = full.parse().unwrap();
    let id = fixture.store.insert(&input, None, now()).await.unwrap();
    let stored = fixture.store.get(id, now()).await.unwrap();
    assert_eq!((stored.version, stored.status), (1, ConnectionStatus::Paused));
    assert_eq!((stored.name, stored.host, stored.port), (full.name, full.host, 6432));
    assert_eq!((stored.database_name, stored.username), (full.database_name, full.username));
    assert_eq!((stored.ssl_mode, stored.ssl_root_cert), (SslMode::VerifyFull, input.ssl_root_cert));
    assert_eq!((stored.region, stored.cloud_provider), (input.region, input.cloud_provider));
    assert_eq!(
        (stored.latitude, stored.longitude, stored.place_approximate),
        (Some(53.35), Some(-6.26), false)
    );
    assert_eq!((stored.tags, stored.notes), (input.tags, full.notes));
    assert_eq!((stored.check_interval_s, stored.paused, stored.let_sleep), (15, true, true));
    assert!(stored.allow_statements);
    assert_eq!((stored.created_at, stored.updated_at), (now(), now()));
    assert_eq!((stored.has_password, stored.last_check, stored.health), (false, None, None));
    for missing in ["last_check", "health", "latency"] {
        assert!(stored.unavailable.contains_key(missing), "{missing}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let fixture = Fixture::new().await;
    let (store, nobody) = (&fixture.store, ConnectionId(404));
    assert!(matches!(store.get(nobody, now()).await, Err(StoreError::NotFound)));
    assert!(matches!(store.target(nobody).await, Err(StoreError::NotFound)));
    assert!(matches!(store.update(nobody, &named("x"), now(), any).await, Err(StoreError::NotFound)));
    assert!(matches!(store.delete(nobody, None, now()).await, Err(StoreError::NotFound)));
    assert!(matches!(store.restore(nobody, now()).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let fixture = Fixture::new().await;
    let first = fixture.add("Ärzte EU").await;
    let taken = fixture.store.insert(&named("äRZTE eu"), None, now()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)));
    let second = fixture.add("other").await;
    let taken = fixture.store.update(second, &named("ÄRZTE EU"), now(), any).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)));
    fixture.store.update(first, &named("ärzte eu"), now(), any).await.unwrap();
}

#[tokio::test]
async fn a_default_name_is_counted_up() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut names = Vec::new();
    for _ in 0..3 {
        let id = store.insert(&named(""), None, now()).await.unwrap();
        names.push(store.get(id, now()).await.unwrap().name);
    }
    assert_eq!(names, ["orders@db.example.com", "orders@db.example.com (2)", "orders@db.example.com (3)"]);

    let mut long = draft("");
    long.host = format!("{}.example", ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join("."));
    let ids = [long.parse().unwrap(), long.parse().unwrap()].map(|input| async move {
        let id = store.insert(&input, None, now()).await.unwrap();
        store.get(id, now()).await.unwrap().name
    });
    let names = futures::future::join_all(ids).await;
    assert!(
        names.iter().any(|name| name.ends_with(" (2)")) && names.iter().all(|name| name.len() <= 200),
        "{names:?}"
    );
}

#[tokio::test]
async fn default_names_taken_at_the_same_moment_all_get_their_own() {
    let fixture = Fixture::new().await;
    let input = named("");
    let inserts = (0..8).map(|_| fixture.store.insert(&input, None, now()));
    for outcome in futures::future::join_all(inserts).await {
        outcome.unwrap();
    }
    assert_eq!(fixture.count("connections").await, 8);
}

#[tokio::test]
async fn a_change_from_an_old_version_is_refused() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let mut change = draft("two");
    change.version = Some(1);
    let input = change.parse().unwrap();
    let both =
        futures::future::join(store.update(id, &input, now(), any), store.update(id, &input, now(), any))
            .await;
    let conflicts = [both.0, both.1]
        .into_iter()
        .filter(|outcome| matches!(outcome, Err(StoreError::Conflict { current: 2 })))
        .count();
    assert_eq!(conflicts, 1);
    let later = now() + seconds(5);
    store.update(id, &named("three"), later, any).await.unwrap();
    let stored = store.get(id, later).await.unwrap();
    assert_eq!((stored.version, stored.name.as_str(), stored.updated_at), (3, "three", later));
    assert!(matches!(store.delete(id, Some(2), now()).await, Err(StoreError::Conflict { current: 3 })));
}

#[tokio::test]
async fn a_guard_sees_the_row_and_can_refuse_the_change() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let outcome = fixture
        .store
        .update(id, &named("two"), now(), |stored| {
            assert_eq!((stored.name.as_str(), stored.port, stored.has_password), ("one", 5432, false));
            Err(FieldError::new("password", "required", "Enter it again."))
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Refused(error)) if error.field == "password"));
    assert_eq!(fixture.store.get(id, now()).await.unwrap().name, "one");
}

#[tokio::test]
async fn what_was_measured_elsewhere_goes_when_the_address_changes() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    store.record_test(&failed(id, now()), 1).await.unwrap();
    store.record_health(&health(id, now(), HealthStatus::Ok, 90), None, 1).await.unwrap();
    store.update(id, &named("renamed"), now(), any).await.unwrap();
    assert_eq!(store.get(id, now()).await.unwrap().status, ConnectionStatus::Down);
    let mut moved = draft("renamed");
    moved.host = "elsewhere.example.com".to_owned();
    store.update(id, &moved.parse().unwrap(), now(), any).await.unwrap();
    let stored = store.get(id, now()).await.unwrap();
    assert_eq!((stored.status, stored.health, stored.heartbeats.len()), (ConnectionStatus::Unknown, None, 1));
    assert_eq!(fixture.since(id, "connection").await, None);
}

#[tokio::test]
async fn what_was_under_way_at_the_old_address_goes_into_history_only() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    let mut moved = draft("one");
    moved.port = "6432".to_owned();
    store.update(id, &moved.parse().unwrap(), now(), any).await.unwrap();
    let mut sick = health(id, now(), HealthStatus::Critical, 10);
    sick.checks = vec![check("cache-hit-ratio", CheckStatus::Critical)];
    store.record_test(&failed(id, now()), 1).await.unwrap();
    store.record_health(&sick, None, 1).await.unwrap();
    let stored = store.get(id, now()).await.unwrap();
    assert_eq!((stored.status, stored.health, stored.heartbeats.len()), (ConnectionStatus::Unknown, None, 1));
    assert_eq!(fixture.count("health_samples").await, 1);
    assert_eq!(fixture.count("finding_spans").await, 0);

    // Of the new address; a later change of something else does not make it old.
    let version = store.target(id).await.unwrap().version;
    moved.notes = "moved".to_owned();
    store.update(id, &moved.parse().unwrap(), now(), any).await.unwrap();
    store.record_test(&failed(id, now() + seconds(1)), version).await.unwrap();
    store.record_health(&sick, None, version).await.unwrap();
    assert_eq!(fixture.count("finding_spans").await, 2);
    // What ends late at the old address ends no finding either.
    store.record_test(&passed(id, now() + seconds(2), 1.0), 1).await.unwrap();
    store.record_health(&health(id, now() + seconds(2), HealthStatus::Ok, 90), None, 1).await.unwrap();
    assert_eq!(store.get(id, now()).await.unwrap().status, ConnectionStatus::Down);
    assert_eq!(fixture.count("finding_spans").await, 2);
}

#[tokio::test]
async fn a_deleted_connection_is_hidden_and_can_be_restored_for_thirty_seconds() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    store.delete(id, Some(1), now()).await.unwrap();
    assert!(matches!(store.get(id, now()).await, Err(StoreError::NotFound)));
    assert!(matches!(store.delete(id, None, now()).await, Err(StoreError::NotFound)));
    assert_eq!(store.list(&Default::default(), now()).await.unwrap().total, 0);
    assert!(store.all_targets().await.unwrap().is_empty());
    assert_eq!(store.purge(now() + seconds(29)).await.unwrap(), 0);
    store.restore(id, now() + seconds(29)).await.unwrap();
    let restored = store.get(id, now()).await.unwrap();
    assert_eq!((restored.name.as_str(), restored.version), ("one", 1));
    assert!(matches!(store.restore(id, now()).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn a_late_restore_finds_nothing() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    fixture.store.delete(id, None, now()).await.unwrap();
    let late = fixture.store.restore(id, now() + seconds(30)).await;
    assert!(matches!(late, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn a_restore_whose_name_was_taken_gets_a_free_one() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("One").await;
    store.delete(id, None, now()).await.unwrap();
    fixture.add("ONE").await;
    store.restore(id, now()).await.unwrap();
    let restored = store.get(id, now()).await.unwrap();
    assert_eq!((restored.name.as_str(), restored.version), ("One (2)", 2));
    let query = common::connection::ListQuery { q: "one (2)".to_owned(), ..Default::default() };
    assert_eq!(store.list(&query, now()).await.unwrap().total, 1);
}

#[tokio::test]
async fn a_purge_takes_the_row_the_secret_and_the_history() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (gone, kept) = (fixture.add("gone").await, fixture.add("kept").await);
    for id in [gone, kept] {
        store.record_test(&failed(id, now()), 1).await.unwrap();
        store.record_health(&health(id, now(), HealthStatus::Warning, 50), None, 1).await.unwrap();
    }
    store.delete(gone, None, now()).await.unwrap();
    assert_eq!(store.purge(now() + seconds(30)).await.unwrap(), 1);
    for table in ["connections", "checks", "health_samples", "latest_tests", "latest_health", "finding_spans"]
    {
        assert_eq!(fixture.count(table).await, 1, "{table}");
    }
    // A test that was under way when the connection went leaves nothing behind.
    store.record_test(&passed(gone, now(), 1.0), 1).await.unwrap();
    store.record_health(&health(gone, now(), HealthStatus::Ok, 90), None, 1).await.unwrap();
    assert_eq!((fixture.count("checks").await, fixture.count("health_samples").await), (1, 1));
    assert!(matches!(store.restore(gone, now()).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn the_same_request_twice_at_once_makes_one_connection_under_its_chosen_name() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let input = named("chosen");
    for round in 0..10 {
        let key = format!("k{round}");
        let request = Some((key.as_str(), [7; 32]));
        let insert = || store.insert(&input, request, now());
        let (one, other) = futures::future::join(insert(), insert()).await;
        let id = one.unwrap();
        assert_eq!(other.unwrap(), id);
        // Another key is another request.
        let taken = store.insert(&input, Some(("other", [7; 32])), now()).await;
        assert!(matches!(taken, Err(StoreError::NameTaken)));
        store.delete(id, None, now()).await.unwrap();
    }
    assert_eq!(fixture.count("connections").await, 10);
}

#[tokio::test]
async fn the_same_request_with_the_same_key_makes_one_connection() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (sha, other) = ([7; 32], [8; 32]);
    assert_eq!(store.idempotent("k", &sha, now()).await.unwrap(), Idempotency::New);
    let input = named("");
    let both = futures::future::join(
        store.insert(&input, Some(("k", sha)), now()),
        store.insert(&input, Some(("k", sha)), now()),
    )
    .await;
    let id = both.0.unwrap();
    assert_eq!(both.1.unwrap(), id);
    assert_eq!(fixture.count("connections").await, 1);
    assert_eq!(store.idempotent("k", &sha, now()).await.unwrap(), Idempotency::Same(id));
    assert_eq!(store.idempotent("k", &other, now()).await.unwrap(), Idempotency::Different);
    let reused = store.insert(&named("x"), Some(("k", other)), now()).await;
    assert!(matches!(reused, Err(StoreError::IdempotencyKeyReused)));
    assert_eq!(fixture.count("connections").await, 1);

    let next_day = now() + seconds(24 * 3600 + 1);
    assert_eq!(store.idempotent("k", &sha, next_day).await.unwrap(), Idempotency::New);
    let again = store.insert(&named("x"), Some(("k", other)), next_day).await.unwrap();
    assert_ne!(again, id);
    store.purge(next_day + seconds(24 * 3600 + 1)).await.unwrap();
    assert_eq!(fixture.count("idempotency_keys").await, 0);
}
