//! Passwords at rest: sealed to their row, readable by any key of the ring, gone with their connection.

use common::{ConnectionId, RequestSecret};
use secrecy::{ExposeSecret, SecretString};
use store::{KeyRing, Store, StoreError};

use crate::support::{Fixture, any, draft, named, now};

fn with_password(name: &str, password: &str) -> common::ConnectionInput {
    let mut draft = draft(name);
    draft.password = RequestSecret::new(password);
    draft.parse().unwrap()
}

async fn password(store: &Store, id: ConnectionId) -> Option<String> {
    store.target(id).await.unwrap().password.unwrap().map(|secret| secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_password_is_kept_sealed_and_comes_back_whole() {
    let fixture = Fixture::new().await;
    let secret = "p@ss 'ä\\\" \u{1F511}";
    let id = fixture.store.insert(&with_password("one", secret), None, now()).await.unwrap();
    assert_eq!(password(&fixture.store, id).await.as_deref(), Some(secret));
    assert!(fixture.store.get(id, now()).await.unwrap().has_password);
    let row: String = fixture
        .sql()
        .await
        .query_one("select c::text from dashboard.connections c", &[])
        .await
        .unwrap()
        .get(0);
    assert!(!row.contains("p@ss"), "{row}");
    let shown = format!("{:?}", fixture.store.target(id).await.unwrap());
    assert!(!shown.contains("p@ss"), "{shown}");
}

#[tokio::test]
async fn a_token_that_was_moved_to_another_row_is_refused() {
    let fixture = Fixture::new().await;
    let mine = fixture.store.insert(&with_password("mine", "secret"), None, now()).await.unwrap();
    let theirs = fixture.add("theirs").await;
    let steal = "update dashboard.connections set password_token =
        (select password_token from dashboard.connections where id = $1) where id = $2";
    fixture.sql().await.execute(steal, &[&mine.0, &theirs.0]).await.unwrap();
    fixture
        .store
        .update(
            theirs,
            &common::ConnectionInput { region: Some("EU".to_owned()), ..named("theirs") },
            now(),
            any,
        )
        .await
        .unwrap();
    let target = fixture.store.target(theirs).await.unwrap();
    assert!(matches!(target.password, Err(StoreError::Secret { connection_id }) if connection_id == theirs));
    // All else is there: what the measurement is recorded under, and where it belongs.
    assert_eq!((target.version, target.region.as_deref()), (2, Some("EU")));
    // One that cannot be read does not hide the others.
    let all = fixture.store.all_targets().await.unwrap();
    let readable: Vec<_> = all.iter().map(|target| (target.connection_id, target.password.is_ok())).collect();
    assert_eq!(readable, [(mine, true), (theirs, false)]);
}

#[tokio::test]
async fn a_second_key_reads_old_rows_and_the_first_writes_new_ones() {
    let fixture = Fixture::new().await;
    let old_key = KeyRing::generate_key();
    let mut config = fixture.config.clone();
    // A database of its own, first used with the old key.
    fixture.cluster().create_database("rotated").await;
    config.url = SecretString::from(fixture.cluster().url("rotated"));
    config.keys = KeyRing::parse(&old_key).unwrap();
    let store = Store::open(config.clone()).await.unwrap();
    let old = store.insert(&with_password("old", "first"), None, now()).await.unwrap();

    let new_key = KeyRing::generate_key();
    let both = format!("{},{}", new_key.expose_secret(), old_key.expose_secret());
    config.keys = KeyRing::parse(&SecretString::from(both)).unwrap();
    let store = Store::open(config.clone()).await.unwrap();
    let new = store.insert(&with_password("new", "second"), None, now()).await.unwrap();
    assert_eq!(password(&store, old).await.as_deref(), Some("first"));
    assert_eq!(password(&store, new).await.as_deref(), Some("second"));

    config.keys = KeyRing::parse(&old_key).unwrap();
    let store = Store::open(config).await.unwrap();
    assert!(matches!(store.target(new).await.unwrap().password, Err(StoreError::Secret { .. })));
}

#[tokio::test]
async fn a_change_keeps_sets_or_removes_the_password() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = store.insert(&with_password("one", "first"), None, now()).await.unwrap();
    store.update(id, &named("renamed"), now(), any).await.unwrap();
    assert_eq!(password(store, id).await.as_deref(), Some("first"));
    store.update(id, &with_password("renamed", "second"), now(), any).await.unwrap();
    assert_eq!(password(store, id).await.as_deref(), Some("second"));
    let mut removing = draft("renamed");
    removing.remove_password = true;
    store.update(id, &removing.parse().unwrap(), now(), any).await.unwrap();
    assert_eq!(password(store, id).await, None);
    assert!(!store.get(id, now()).await.unwrap().has_password);
}
