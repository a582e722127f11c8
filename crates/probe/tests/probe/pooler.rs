//! Through a real PgBouncer, also in transaction mode.

use std::time::{Duration, Instant};

use common::{
    Phase, TestErrorKind as Kind,
    health::CheckStatus,
    test_result::{Pooler, TestKind},
};
use probe::{Asked, Guests, Prober, Target};
use testkit::{
    Cluster, Version,
    pgbouncer::{Bouncer, PoolMode},
};

use crate::{failure, matrix::every_missing_number_has_its_reason, target, test};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_and_health_work_through_pgbouncer_in_transaction_mode() {
    if !Bouncer::is_installed() {
        return;
    }
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        cluster.client("postgres").await.batch_execute("create extension pg_stat_statements").await.unwrap();
        for mode in [PoolMode::Transaction, PoolMode::Session] {
            let bouncer = Bouncer::start(&cluster, mode).await;
            let target = Target { port: bouncer.port(), ..target(&cluster) };
            let result = test(&target).await;
            assert_eq!(result.error, None, "{}", bouncer.log());
            let pooler = result.pooler.expect("a pooler is recognised");
            assert_eq!(pooler.kind, "pgbouncer");
            assert!(result.server_version_num.is_some() && result.backend_pid.is_some());

            let first = Prober::new().health(&target, None, false).await;
            assert_eq!(first.health.error, None);
            assert!(first.health.statements.available, "{:?}", first.health.statements);
            assert!(first.health.server.pooler.is_some());
            every_missing_number_has_its_reason(&first.health);
            let latency = Prober::new().latency(&target, 3).await;
            assert_eq!((latency.error, latency.rounds_ms.len()), (None, 3));
        }
    }
}

#[tokio::test]
async fn what_pgbouncer_refuses_is_understood() {
    if !Bouncer::is_installed() {
        return;
    }
    let cluster = Cluster::start(Version::V18).await;
    let bouncer = Bouncer::start(&cluster, PoolMode::Transaction).await;
    let through = Target { port: bouncer.port(), ..target(&cluster) };
    let wrong = Target { password: Some("wrong".into()), ..through.clone() };
    failure(&test(&wrong).await, Kind::Auth, Phase::Auth);
    let nobody = Target { username: "nobody_here".to_owned(), ..through.clone() };
    failure(&test(&nobody).await, Kind::Auth, Phase::Auth);
    let missing = Target { database_name: "missing".to_owned(), ..through };
    failure(&test(&missing).await, Kind::Database, Phase::Auth);
}

/// Somebody else's session through the pooler.
async fn client(bouncer: &Bouncer, user: &str, password: &str) -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(bouncer.port()).user(user).password(password).dbname("postgres");
    config.application_name("somebody-else");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The settings that ours differ in, and the server session they are of.
async fn settings(client: &tokio_postgres::Client) -> Vec<String> {
    let all = "select pg_backend_pid() as a, current_setting('search_path') as b, current_setting('statement_timeout') as c,
                      current_setting('lock_timeout') as d, current_setting('jit') as e,
                      current_setting('idle_in_transaction_session_timeout') as f,
                      current_setting('client_connection_check_interval', true) as g,
                      current_setting('transaction_read_only') as h, current_setting('application_name') as i";
    let answer = client.simple_query(all).await.unwrap();
    let row = answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.unwrap();
    (0..row.len()).map(|column| row.get(column).unwrap_or("null").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_held_through_pgbouncer_and_nothing_of_ours_stays_in_it() {
    if !Bouncer::is_installed() {
        return;
    }
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        cluster.client("postgres").await.batch_execute("create extension pg_stat_statements").await.unwrap();
        for mode in [PoolMode::Transaction, PoolMode::Session] {
            // In session mode a server session is ours for as long as ours is open.
            let size = if mode == PoolMode::Transaction { "1" } else { "2" };
            let bouncer = Bouncer::builder(&cluster, mode).setting("default_pool_size", size).start().await;
            let target = Target { port: bouncer.port(), ..target(&cluster) };
            let other = client(&bouncer, cluster.user(), cluster.password()).await;
            let before = settings(&other).await;

            let held = Prober::new().held(Guests::default());
            let asked = Asked { target: &target, version: 1, keep: true, now: true, next: Duration::ZERO };
            let first = held.health(asked, None, false).await.unwrap();
            let second = held.health(asked, first.memory.as_ref(), false).await.unwrap();
            assert_eq!((first.test.kind, second.test.kind), (TestKind::Full, TestKind::Held));
            assert_eq!((first.health.error, second.health.error), (None, None), "{}", bouncer.log());
            assert!(second.round_trips <= 3, "{} round trips", second.round_trips);
            assert!(second.health.statements.available, "{:?}", second.health.statements);
            assert_eq!(second.test.backend_pid, None);
            assert!(second.test.unavailable["backend_pid"].reason.contains("pooler"));
            if mode == PoolMode::Transaction {
                assert_eq!(first.test.backend_pid.map(|pid| pid.to_string()), Some(before[0].clone()));
            }
            assert_eq!(settings(&other).await, before, "{version} {mode:?}");
            // The next client of the very session that was ours.
            held.close_all().await;
            drop(other);
            let ours = first.test.backend_pid.unwrap().to_string();
            let next = client(&bouncer, cluster.user(), cluster.password()).await;
            let after = settings(&next).await;
            assert_eq!(after[1..], before[1..], "{version} {mode:?}, {ours}");
        }
    }
}

async fn pooler(target: &Target) -> Pooler {
    let result = test(target).await;
    assert_eq!(result.error, None);
    let pooler = result.pooler.expect("a pooler is recognised");
    for (key, value) in serde_json::to_value(&pooler).unwrap().as_object().unwrap() {
        assert_eq!(value.is_null(), pooler.unavailable.contains_key(key), "{key}: {pooler:#?}");
    }
    pooler
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_is_read_where_the_user_may_and_else_says_what_to_set() {
    if !Bouncer::is_installed() {
        return;
    }
    let cluster = Cluster::start(Version::V18).await;
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute("create role app login password 'x'; create role watcher login password 'x'")
        .await
        .unwrap();
    let bouncer = Bouncer::builder(&cluster, PoolMode::Transaction)
        .login("app", "x")
        .login("watcher", "x")
        .stats_user("watcher")
        .setting("default_pool_size", "1")
        .start()
        .await;
    let of = |user: &str| Target {
        port: bouncer.port(),
        username: user.to_owned(),
        password: Some("x".into()),
        ..target(&cluster)
    };

    let told = pooler(&of("watcher")).await;
    assert!(told.version.as_ref().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{told:?}");
    assert_eq!((told.pool_mode.as_deref(), told.default_pool_size), (Some("transaction"), Some(1)));
    assert_eq!((told.clients_waiting, told.max_wait_s), (Some(0), Some(0.0)));
    assert!(told.unavailable.is_empty(), "{told:#?}");

    let closed = pooler(&of("app")).await;
    let why = &closed.unavailable["clients_waiting"];
    assert!(why.reason.contains("stats_users"), "{why:?}");
    assert!(why.fix_sql.as_ref().unwrap().contains("stats_users = app"), "{why:?}");
    let check = |health: common::Health| {
        health.checks.into_iter().find(|check| check.id == "pooler-waiting").expect("the check is there")
    };
    let health = |target: Target| async move { Prober::new().health(&target, None, false).await.health };
    let unread = check(health(of("app")).await);
    assert_eq!(unread.status, CheckStatus::Unavailable);
    assert!(unread.fix_sql.unwrap().contains("stats_users = app"));
    assert_eq!(check(health(of("watcher")).await).status, CheckStatus::Ok);
    assert_eq!(check(health(target(&cluster)).await).status, CheckStatus::Skipped);

    // One client has the only server session of its pool, the other waits for it.
    let holder = client(&bouncer, "app", "x").await;
    holder.batch_execute("begin").await.unwrap();
    let waiter = client(&bouncer, "app", "x").await;
    let waiting = tokio::spawn(async move { waiter.simple_query("select 1").await.map(drop) });
    let until = Instant::now() + Duration::from_secs(20);
    let found = loop {
        let found = check(health(of("watcher")).await);
        if found.status != CheckStatus::Ok {
            break found;
        }
        assert!(Instant::now() < until, "{found:?}");
    };
    assert!(matches!(found.status, CheckStatus::Warning | CheckStatus::Critical), "{found:?}");
    assert!(found.value.unwrap() >= 1.0 && found.detail.contains("1 client"), "{found:?}");
    holder.batch_execute("rollback").await.unwrap();
    waiting.await.unwrap().unwrap();
}
