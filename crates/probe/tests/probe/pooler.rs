//! Through a real PgBouncer, also in transaction mode.

use common::{Phase, TestErrorKind as Kind};
use probe::{Prober, Target};
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
