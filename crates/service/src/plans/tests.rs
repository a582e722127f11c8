//! Plans of a real PostgreSQL 18, looked at again and again.

#![allow(clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use common::{
    ConnectionInput, PasswordChange, RequestSecret, SslMode, database::DatabaseMode, health::KnownChange,
};
use testkit::{Cluster, Version};

use super::*;
use crate::{
    Clock, KeyRing, Principal, StoreConfig,
    changes::{self, ChangeQuery},
    connections, health, statements,
};

const ADMIN: Principal = Principal::LocalAdmin;

/// A dashboard whose target is a shop on the same cluster, watched by a login that may only read.
struct Shop {
    cluster: Cluster,
    service: Service,
    id: ConnectionId,
    /// Minutes that the dashboard's clock is ahead.
    minutes: Arc<AtomicI64>,
}

impl Shop {
    async fn open(allowed: bool) -> Self {
        let cluster = Cluster::builder(Version::V18).preload("pg_stat_statements").start().await;
        cluster.create_database("dashboard").await;
        cluster.create_database("shop").await;
        run(
            &cluster,
            "create extension pg_stat_statements;
             create table orders as select n as id, n % 1000 as customer, repeat('x', 100) as note
                 from generate_series(1, 20000) n;
             analyze orders;
             create role reader login password 'x'; grant pg_monitor, pg_read_all_data to reader",
        )
        .await;
        let config = StoreConfig {
            url: cluster.url("dashboard").into(),
            direct_url: None,
            mode: DatabaseMode::External,
            keys: KeyRing::parse(&KeyRing::generate_key()).unwrap(),
            retention_days: 90,
            chunk_interval: "7 days".parse().unwrap(),
        };
        let minutes = Arc::new(AtomicI64::new(0));
        let ahead = Arc::clone(&minutes);
        let clock = Clock::from_fn(move || Utc::now() + TimeDelta::minutes(ahead.load(Ordering::Relaxed)));
        let service = Service::open_with(config, probe::Prober::new(), clock).await.unwrap();
        let input = ConnectionInput {
            name: Some("shop".to_owned()),
            host: cluster.host().to_owned(),
            port: cluster.port(),
            database_name: "shop".to_owned(),
            username: "reader".to_owned(),
            password: PasswordChange::Set(RequestSecret::new("x")),
            ssl_mode: SslMode::Auto,
            ssl_root_cert: None,
            region: None,
            cloud_provider: None,
            place: None,
            tags: Vec::new(),
            notes: String::new(),
            check_interval_s: 60,
            paused: false,
            let_sleep: false,
            allow_statements: allowed,
            version: None,
            test: false,
        };
        let id = connections::create(&service, &ADMIN, input, None).await.unwrap().connection.id;
        Self { cluster, service, id, minutes }
    }

    async fn sell(&self) {
        for customer in 0..20 {
            let sql = format!("select id from orders where customer = {customer} and note <> 'y'");
            run(&self.cluster, &sql).await;
        }
    }

    /// A reading `minutes` after the one before, and the look that follows it.
    async fn read_after(&self, minutes: i64) {
        self.minutes.fetch_add(minutes, Ordering::Relaxed);
        self.sell().await;
        let health = health::read(&self.service, &ADMIN, self.id, true).await.unwrap();
        assert!(health.statements.available, "{:?}", health.statements);
        let tasks = &self.service.0.plan_looks.tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    async fn plan_changes(&self) -> Vec<KnownChange> {
        let query = ChangeQuery { kind: Some(ChangeKind::Plan), ..ChangeQuery::default() };
        changes::list(&self.service, &ADMIN, query).await.unwrap().items
    }

    /// How often the server was asked to plan something.
    async fn plans(&self) -> i64 {
        let sql = "select coalesce(sum(calls), 0)::int8 from pg_stat_statements
                    where query ilike 'explain %' and query like '%GENERIC_PLAN%'";
        self.cluster.client("shop").await.query_one(sql, &[]).await.unwrap().get(0)
    }
}

async fn run(cluster: &Cluster, sql: &str) {
    cluster.client("shop").await.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_made_between_two_looks_is_one_changed_plan() {
    let shop = Shop::open(true).await;
    shop.read_after(0).await;
    assert!(shop.plans().await > 0, "it was looked at");
    assert_eq!(shop.plan_changes().await, []);
    let first = shop.plans().await;
    run(&shop.cluster, "create index by_customer on orders (customer)").await;
    shop.read_after(30).await;
    assert_eq!((shop.plans().await, shop.plan_changes().await), (first, vec![]), "within the hour");
    shop.read_after(30).await;
    let changes = shop.plan_changes().await;
    let [change] = &changes[..] else { panic!("{changes:#?}") };
    assert_eq!(change.subject.as_deref(), Some("select id from orders where customer = $1 and note <> $2"));
    assert_eq!(change.before.as_deref(), Some("Seq Scan on orders"));
    assert!(change.after.as_deref().unwrap().contains("by_customer"), "{change:?}");
    // The same plan again is no change.
    shop.read_after(60).await;
    assert_eq!(shop.plan_changes().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_asks_for_a_plan_notices_what_changed_too() {
    let shop = Shop::open(true).await;
    shop.read_after(0).await;
    let sql = "select queryid from pg_stat_statements where query like 'select id from orders%'";
    let query_id: i64 = shop.cluster.client("shop").await.query_one(sql, &[]).await.unwrap().get(0);
    let ask = async || {
        statements::plan(&shop.service, &ADMIN, shop.id, &query_id.to_string()).await.unwrap();
        shop.plan_changes().await.len()
    };
    assert_eq!(ask().await, 0);
    run(&shop.cluster, "create index by_customer on orders (customer)").await;
    assert_eq!(ask().await, 1);
    assert_eq!(ask().await, 1);
    // The look that follows knows of it.
    shop.read_after(60).await;
    assert_eq!(shop.plan_changes().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_never_planned() {
    let shop = Shop::open(false).await;
    for _ in 0..2 {
        shop.read_after(61).await;
    }
    assert_eq!((shop.plans().await, shop.plan_changes().await), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_could_do_harm_is_refused_without_a_word() {
    let shop = Shop::open(true).await;
    run(&shop.cluster, "grant pg_execute_server_program to reader").await;
    for _ in 0..2 {
        shop.read_after(61).await;
        run(&shop.cluster, "create index on orders (customer)").await;
    }
    assert_eq!((shop.plans().await, shop.plan_changes().await), (0, vec![]));
    run(&shop.cluster, "revoke pg_execute_server_program from reader").await;
    shop.read_after(61).await;
    assert!(shop.plans().await > 0, "a login that may is looked at");
}

#[test]
fn long_plans_are_shown_from_where_they_differ() {
    assert_eq!(shown("Seq Scan on a", "Index Scan"), ("Seq Scan on a".to_owned(), "Index Scan".to_owned()));
    let plan = |end: &str| format!("{}{end}", "é".repeat(2000));
    let (before, after) = shown(&plan("Seq Scan"), &plan("Index Scan"));
    assert!(before.starts_with("… é") && before.ends_with("éSeq Scan"), "{before}");
    assert!(after.ends_with("éIndex Scan") && after.chars().count() < 200, "{after}");
    let (before, after) = shown(&"a".repeat(1000), &format!("b{}", "a".repeat(1000)));
    assert!(before != after && before.chars().count() == SHOWN + 1 && before.ends_with('…'));
}
