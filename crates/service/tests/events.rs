//! Events across the processes that share one database.

// What cannot be set up ends the test where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use common::{
    ConnectionDraft, ConnectionId,
    database::DatabaseMode,
    event::{Event, EventKind},
};
use futures::{Stream, StreamExt};
use service::{KeyRing, Principal, Service, SpoolConfig, StoreConfig, connections, events};
use testkit::{Cluster, Version};
use tokio_util::sync::CancellationToken;

const ADMIN: Principal = Principal::LocalAdmin;
/// A test that waits for longer waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(cluster: &Cluster) -> StoreConfig {
    StoreConfig {
        url: cluster.url("dashboard").into(),
        direct_url: None,
        mode: DatabaseMode::External,
        keys: KeyRing::parse(&KeyRing::generate_key()).unwrap(),
        retention_days: 90,
        chunk_interval: "7 days".parse().unwrap(),
    }
}

async fn cluster() -> Cluster {
    let cluster = Cluster::start(Version::V18).await;
    cluster.create_database("dashboard").await;
    cluster
}

async fn open(config: StoreConfig) -> Service {
    Service::open(config, SpoolConfig::in_folder(None)).await.unwrap()
}

async fn add(service: &Service, name: &str) -> ConnectionId {
    let draft = ConnectionDraft {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        database_name: "d".to_owned(),
        username: "u".to_owned(),
        ..ConnectionDraft::default()
    };
    let mut input = draft.parse().unwrap();
    input.test = false;
    connections::create(service, &ADMIN, input, None).await.unwrap().connection.id
}

async fn next(events: &mut (impl Stream<Item = Event> + Unpin)) -> Event {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("an event").expect("the stream goes on")
}

#[tokio::test]
async fn each_dashboard_tells_what_happens_on_the_other_and_one_takes_up_where_the_other_stopped() {
    let cluster = cluster().await;
    let config = config(&cluster);
    let (one, other) = (open(config.clone()).await, open(config).await);
    let mut heard = events::subscribe(&one, &ADMIN, None).await.unwrap();
    let first = add(&other, "a").await;
    let event = next(&mut heard).await;
    assert_eq!((event.kind, event.data.connection_id), (EventKind::ConnectionCreated, Some(first)));

    let second = add(&one, "b").await;
    let mut heard = events::subscribe(&other, &ADMIN, Some(event.id)).await.unwrap();
    assert_eq!(next(&mut heard).await.data.connection_id, Some(second));
}

#[tokio::test]
async fn without_the_session_that_listens_events_come_all_the_same() {
    let cluster = cluster().await;
    let service = open(config(&cluster)).await;
    let mut heard = events::subscribe(&service, &ADMIN, None).await.unwrap();
    let sql = cluster.client("dashboard").await;
    sql.batch_execute("drop trigger wake_readers on dashboard.events").await.unwrap();
    let id = add(&service, "a").await;
    assert_eq!(next(&mut heard).await.data.connection_id, Some(id));

    let listener = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = 'dashboard' and pid <> pg_backend_pid()";
    sql.execute(listener, &[]).await.unwrap();
    let id = add(&service, "b").await;
    assert_eq!(next(&mut heard).await.data.connection_id, Some(id));
}

#[tokio::test]
async fn who_listens_from_where_a_page_was_rendered_misses_nothing() {
    let cluster = cluster().await;
    let service = open(config(&cluster)).await;
    // A first listener: then the reader has surely begun.
    drop(events::subscribe(&service, &ADMIN, None).await.unwrap());
    let position = events::position(&service).expect("it is known");
    let id = add(&service, "a").await;
    let mut heard = events::subscribe(&service, &ADMIN, Some(position)).await.unwrap();
    assert_eq!(next(&mut heard).await.data.connection_id, Some(id));
}

#[tokio::test]
async fn who_is_too_far_behind_reads_anew() {
    let cluster = cluster().await;
    let service = open(config(&cluster)).await;
    let mut heard = events::subscribe(&service, &ADMIN, None).await.unwrap();
    let many = "insert into dashboard.events (kind, connection_id, at, details)
        select 'health', id, now(), '{}' from generate_series(1, 5000) id";
    cluster.client("dashboard").await.batch_execute(many).await.unwrap();
    // The slow one: nothing was taken from its queue before all were told.
    let mut quick = events::subscribe(&service, &ADMIN, None).await.unwrap();
    add(&service, "last").await;
    while next(&mut quick).await.kind != EventKind::ConnectionCreated {}
    assert_eq!(next(&mut heard).await.kind, EventKind::Resync);
    while next(&mut heard).await.kind != EventKind::ConnectionCreated {}

    let mut late = events::subscribe(&service, &ADMIN, Some("0".to_owned())).await.unwrap();
    let resync = next(&mut late).await;
    assert_eq!((resync.kind, resync.id.as_str()), (EventKind::Resync, "5001"));
}

#[tokio::test]
async fn every_stream_ends_when_the_dashboard_stops() {
    let cluster = cluster().await;
    let service = open(config(&cluster)).await;
    let mut heard = events::subscribe(&service, &ADMIN, None).await.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    service.run_background(stop).await;
    assert_eq!(heard.next().await, None);
    let mut late = events::subscribe(&service, &ADMIN, None).await.unwrap();
    assert_eq!(late.next().await, None);
}
