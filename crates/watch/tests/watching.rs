//! Watching real databases, as the dashboard does it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

use std::{path::Path, time::Duration};

use common::{
    ConnectionId, ConnectionInput, ConnectionStatus, PasswordChange, RequestSecret, SslMode,
    connection::ListQuery, database::DatabaseMode, test_result::TestKind,
};
use service::{Clock, KeyRing, Principal, Service, SpoolConfig, StoreConfig, connections, watching};
use tempfile::TempDir;
use testkit::{Cluster, Version};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const ADMIN: Principal = Principal::LocalAdmin;
const LIMIT: Duration = Duration::from_secs(90);

fn config(own: &Cluster, key: &KeyRing) -> StoreConfig {
    StoreConfig {
        url: own.url("postgres").into(),
        direct_url: None,
        mode: DatabaseMode::External,
        keys: key.clone(),
        retention_days: 90,
        chunk_interval: "7 days".parse().unwrap(),
    }
}

/// A dashboard that watches, without its HTTP side.
struct Replica {
    service: Service,
    stop: CancellationToken,
    watching: JoinHandle<()>,
}

impl Replica {
    async fn start(own: &Cluster, key: &KeyRing, spool: &Path) -> Self {
        let spool = SpoolConfig::in_folder(Some(spool.to_owned()));
        let prober = probe::Prober::new();
        let service = Service::open_spooled(config(own, key), spool, prober, Clock::system()).await.unwrap();
        let stop = CancellationToken::new();
        let watching = {
            let (service, stop) = (service.clone(), stop.clone());
            tokio::spawn(async move { watch::run(&service, stop).await })
        };
        Self { service, stop, watching }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.watching.await.unwrap();
        self.service.run_background(self.stop).await;
    }

    /// As a kill ends it: it says nothing to anybody any more.
    async fn kill(self) {
        self.watching.abort();
        let _ = self.watching.await;
    }

    async fn add(&self, target: &Cluster, name: &str) -> ConnectionId {
        let created = connections::create(&self.service, &ADMIN, input(target, name), None).await.unwrap();
        created.connection.id
    }
}

fn input(target: &Cluster, name: &str) -> ConnectionInput {
    ConnectionInput {
        name: Some(name.to_owned()),
        host: target.host().to_owned(),
        port: target.port(),
        database_name: "postgres".to_owned(),
        username: target.user().to_owned(),
        password: PasswordChange::Set(RequestSecret::new(target.password())),
        ssl_mode: SslMode::Disable,
        ssl_root_cert: None,
        region: None,
        cloud_provider: None,
        place: None,
        tags: Vec::new(),
        notes: String::new(),
        check_interval_s: 5,
        paused: false,
        let_sleep: false,
        allow_statements: false,
        version: None,
        test: false,
    }
}

/// Asks again and again until it is so.
async fn until<F: Future<Output = bool>>(what: &str, is: impl Fn() -> F) {
    let asking = async {
        while !is().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, asking).await.is_ok(), "{what}");
}

async fn number(own: &Cluster, sql: &str) -> i64 {
    own.client("postgres").await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_watched_from_then_on_as_it_is_now() {
    let (own, spool) = (Cluster::start(Version::V18).await, TempDir::new().unwrap());
    let target = Cluster::start(Version::V18).await;
    let key = KeyRing::parse(&KeyRing::generate_key()).unwrap();
    let dashboard = Replica::start(&own, &key, spool.path()).await;
    let service = &dashboard.service;
    let id = dashboard.add(&target, "one").await;
    let get = || async { connections::get(service, &ADMIN, id).await.unwrap() };
    until("it is asked on the session that is held", || async {
        get().await.last_check.is_some_and(|check| check.ok && check.kind == TestKind::Held)
    })
    .await;
    assert_eq!(get().await.status, ConnectionStatus::Up);

    target.halt();
    until("it is down", || async { get().await.status == ConnectionStatus::Down }).await;
    until("each turn is kept as a failure, also those at which it is left alone", || async {
        let left_alone = watching::counts(service).left_alone;
        let failed = number(&own, "select count(*) from dashboard.checks where not ok").await;
        left_alone > 0 && failed > 1 && failed >= left_alone as i64
    })
    .await;

    let paused = ConnectionInput { paused: true, password: PasswordChange::Keep, ..input(&target, "one") };
    connections::update(service, &ADMIN, id, paused).await.unwrap();
    until("nobody watches it any more", || async {
        let known = std::collections::HashMap::new();
        watching::targets(service, &Principal::System, &known).await.unwrap().is_empty()
    })
    .await;
    let list = connections::list(service, &ADMIN, ListQuery::default()).await.unwrap();
    assert_eq!(list.items[0].status, ConnectionStatus::Paused);
    dashboard.stop().await;
    assert_eq!(number(&own, "select count(*) from dashboard.watchers").await, 0, "it has said goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dashboards_share_the_work_and_one_takes_over_when_the_other_is_killed() {
    let own = Cluster::start(Version::V18).await;
    let target = Cluster::start(Version::V18).await;
    let (one_spool, other_spool) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let key = KeyRing::parse(&KeyRing::generate_key()).unwrap();
    let one = Replica::start(&own, &key, one_spool.path()).await;
    for number in 0..6 {
        one.add(&target, &format!("target {number}")).await;
    }
    let other = Replica::start(&own, &key, other_spool.path()).await;
    let shared =
        "select count(*) from (select watcher_id from dashboard.leases group by 1 having count(*) = 3) half";
    until("each watches half", || async { number(&own, shared).await == 2 }).await;
    until("both look", || async {
        watching::counts(&one.service).looks > 3 && watching::counts(&other.service).looks > 3
    })
    .await;
    one.kill().await;
    let alone = "select count(*) from (select watcher_id from dashboard.leases group by 1 having count(*) = 6) all_of_them";
    until("the other watches all", || async { number(&own, alone).await == 1 }).await;
    let now = number(&own, "select (extract(epoch from now()) * 1000000)::int8").await;
    let since = format!(
        "select count(distinct connection_id) from dashboard.checks
         where checked_at > to_timestamp({now} / 1000000.0)"
    );
    until("and looks at all", || async { number(&own, &since).await == 6 }).await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_look_is_one_row_although_the_database_was_away_meanwhile() {
    let mut own = Cluster::start(Version::V18).await;
    let spool = TempDir::new().unwrap();
    let target = Cluster::start(Version::V18).await;
    let key = KeyRing::parse(&KeyRing::generate_key()).unwrap();
    let dashboard = Replica::start(&own, &key, spool.path()).await;
    for number in 0..8 {
        dashboard.add(&target, &format!("target {number}")).await;
    }
    let looks = || watching::counts(&dashboard.service).looks;
    until("it looks", || async { looks() > 8 }).await;
    for _ in 0..2 {
        tokio::task::block_in_place(|| own.halt());
        let before = looks();
        until("it goes on without its database", || async { looks() > before + 16 }).await;
        tokio::task::block_in_place(|| own.resume());
    }
    dashboard.stop.cancel();
    dashboard.watching.await.unwrap();
    let looks = watching::counts(&dashboard.service).looks as i64;
    until("all is in the database", || async {
        number(&own, "select count(*) from dashboard.checks").await >= looks
    })
    .await;
    dashboard.service.run_background(dashboard.stop).await;
    assert_eq!(number(&own, "select count(*) from dashboard.checks").await, looks);
    assert_eq!(number(&own, "select count(*) from dashboard.checks where not ok").await, 0);
}
