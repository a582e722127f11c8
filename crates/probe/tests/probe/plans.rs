//! The plan of a statement that is not ours: what is refused, and that nothing stays.

use common::TestErrorKind as Kind;
use probe::{PlanError, PlanRefusal, Prober, Target};
use testkit::{
    Cluster, Version,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio_postgres::Client;

use crate::{on_port, target};

/// A login that may read and nothing else, with a search_path of its own.
async fn reader(cluster: &Cluster) -> (Target, Client) {
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute(
            "create role reader login password 'x'; grant pg_monitor to reader;
             create schema shop; create table shop.orders (id int primary key, name text);
             grant usage on schema shop to reader; grant select on shop.orders to reader;
             create table public.log (said text); grant insert on public.log to reader;
             alter role reader set search_path = shop",
        )
        .await
        .unwrap();
    let reader = Target { username: "reader".to_owned(), password: Some("x".into()), ..target(cluster) };
    (reader, admin)
}

async fn plan(target: &Target, query: &str) -> Result<String, PlanError> {
    Prober::new().plan(target, query).await
}

#[track_caller]
fn refused(outcome: Result<String, PlanError>) -> PlanRefusal {
    match outcome {
        Err(PlanError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// The SQLSTATE of the server's error.
#[track_caller]
fn failed(outcome: Result<String, PlanError>) -> String {
    match outcome {
        Err(PlanError::Failed(error)) => error.sqlstate.clone().unwrap_or_else(|| panic!("{error:?}")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plan_is_made_with_the_logins_own_search_path_whatever_the_parameters() {
    for version in [Version::V16, Version::V18] {
        if !version.is_installed() && !Version::OLDEST_AND_NEWEST.contains(&version) {
            continue;
        }
        let cluster = Cluster::start(version).await;
        let (reader, admin) = reader(&cluster).await;
        let lines = plan(&reader, "select name from orders where id = $1").await.unwrap();
        assert!(lines.contains("orders_pkey") && lines.contains("cost="), "{lines}");
        assert!(lines.contains("\n  Index Cond: (id = $1)"), "{lines}");
        assert!(!lines.contains("Output:") && !lines.contains("actual"), "{lines}");
        plan(&reader, "/* of the app */ with x as (select $1::int as y) select * from x").await.unwrap();
        // Never run: not even what it may do.
        plan(&reader, "insert into public.log values ($1)").await.unwrap();
        let rows: i64 = admin.query_one("select count(*) from log", &[]).await.unwrap().get(0);
        assert_eq!(rows, 0);
    }
}

#[tokio::test]
async fn who_could_do_harm_is_refused_before_the_statement_is_sent() {
    let cluster = Cluster::start(Version::V18).await;
    let (reader, admin) = reader(&cluster).await;
    let query = "select name from orders where id = $1";
    assert_eq!(refused(plan(&target(&cluster), query).await), PlanRefusal::Superuser);
    for role in ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"] {
        admin.batch_execute(&format!("grant {role} to reader with inherit false")).await.unwrap();
        assert_eq!(refused(plan(&reader, query).await), PlanRefusal::ReachesServer, "{role}");
        admin.batch_execute(&format!("revoke {role} from reader")).await.unwrap();
    }
    // Who may become a superuser can do what one can.
    admin.batch_execute("create role boss superuser; grant boss to reader").await.unwrap();
    assert_eq!(refused(plan(&reader, query).await), PlanRefusal::Superuser);
    admin.batch_execute("revoke boss from reader").await.unwrap();
    plan(&reader, query).await.unwrap();
    plan(&reader, "table orders").await.unwrap();
    // Names of the login's own mislead nobody about what it may do.
    admin
        .batch_execute(
            "grant boss to reader;
             create function shop.pg_has_role(name, oid, text) returns bool language sql as 'select false';
             create view shop.pg_roles as select rolname, oid, false as rolsuper from pg_catalog.pg_roles;
             alter role reader set search_path = shop, pg_catalog",
        )
        .await
        .unwrap();
    assert_eq!(refused(plan(&reader, query).await), PlanRefusal::Superuser);
}

#[tokio::test]
async fn servers_before_16_have_no_such_plan() {
    let cluster = Cluster::start(Version::V13).await;
    let (reader, _) = reader(&cluster).await;
    assert_eq!(refused(plan(&reader, "select $1").await), PlanRefusal::TooOld);
}

#[tokio::test]
async fn what_is_no_single_statement_with_a_plan_changes_nothing() {
    let cluster = Cluster::start(Version::V18).await;
    let (reader, admin) = reader(&cluster).await;
    for query in [
        "create table shop.x ()",
        "analyze orders",
        "do $$begin end$$",
        "explain analyze select 1",
        "prepare p as select 1",
        "",
        "-- select",
    ] {
        assert_eq!(refused(plan(&reader, query).await), PlanRefusal::NoPlan, "{query}");
    }
    for query in [
        "select 1; insert into public.log values ('x')",
        "select 1; commit; insert into public.log values ('x')",
    ] {
        assert_eq!(refused(plan(&reader, query).await), PlanRefusal::Several, "{query}");
    }
    assert_eq!(failed(plan(&reader, "select interval $1").await), "42601");
    assert_eq!(failed(plan(&reader, "select * from gone where id = $1").await), "42P01");
    // Planning runs what is said to be immutable: in a read-only transaction.
    admin
        .batch_execute(
            "create sequence public.drawn; grant usage on public.drawn to reader;
             create function shop.sly(int) returns int immutable language plpgsql
             as $$begin return nextval('public.drawn'); end$$;
             create function shop.limited() returns int immutable language sql
             as $$select 1 / (current_setting('idle_in_transaction_session_timeout') = '5s')::int$$;
             create function shop.slow(int) returns int immutable language plpgsql
             as $$begin perform pg_sleep(60); return 1; end$$;
             create function shop.sly_too(int) returns int immutable language plpgsql
             as $$begin insert into public.log values ('sly'); return 1; end$$",
        )
        .await
        .unwrap();
    assert_eq!(failed(plan(&reader, "select * from orders where id = sly(1)").await), "25006");
    // Should we be gone, its transaction waits no longer than a statement may take.
    plan(&reader, "select * from orders where id = limited()").await.unwrap();
    assert_eq!(failed(plan(&reader, "select * from orders where id = sly_too(1)").await), "0A000");
    let limits = probe::Limits { statement: std::time::Duration::from_secs(1), ..Default::default() };
    let impatient = Prober::with_limits(limits);
    assert_eq!(failed(impatient.plan(&reader, "select * from orders where id = slow(1)").await), "57014");
    let rows: i64 = admin.query_one("select count(*) from log", &[]).await.unwrap().get(0);
    assert_eq!(rows, 0);
    let open =
        "select count(*) from pg_stat_activity where application_name = 'pg-dashboard' and state <> 'idle'";
    let open: i64 = admin.query_one(open, &[]).await.unwrap().get(0);
    assert_eq!(open, 0, "no transaction is left");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_has_no_plan() {
    let port = testkit::faulty::refused_port();
    match plan(&on_port(port.port()), "select $1").await {
        Err(PlanError::Failed(error)) => assert_eq!(error.kind, Kind::Refused),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plan_comes_through_pgbouncer_and_leaves_nothing_there() {
    if !Bouncer::is_installed() {
        return;
    }
    let cluster = Cluster::start(Version::V18).await;
    let (reader, admin) = reader(&cluster).await;
    for mode in [PoolMode::Transaction, PoolMode::Session] {
        let bouncer = Bouncer::builder(&cluster, mode).login("reader", "x").start().await;
        let through = Target { port: bouncer.port(), ..reader.clone() };
        for _ in 0..2 {
            let lines = plan(&through, "select name from orders where id = $1").await.unwrap();
            assert!(lines.contains("orders_pkey"), "{lines}");
            assert_eq!(failed(plan(&through, "select * from gone").await), "42P01");
        }
        let left = "select count(*) from pg_stat_activity where usename = 'reader' and state not in ('idle')";
        let left: i64 = admin.query_one(left, &[]).await.unwrap().get(0);
        assert_eq!(left, 0);
    }
}
