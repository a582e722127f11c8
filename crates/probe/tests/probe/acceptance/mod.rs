//! The acceptance suite: PostgreSQL 13 to 18 × (superuser, pg_monitor, bare role) × (direct, PgBouncer in transaction
//! mode). What is wrong with a server, as much as fits on one at a time, is found by whoever may see it, and who may not
//! is told why and what lets them; a healthy server and its standby give no finding.

// What was found by whom is shown with `--no-capture`.
#![allow(clippy::print_stdout)]

mod expected;
pub(crate) mod healthy;
mod sick;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use common::{Health, SslMode, health::Check};
use probe::{HealthReading, Limits, Memory, Prober, Target, Thresholds};
use testkit::{
    Cluster, Version,
    certs::Issued,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio_postgres::Client;

use crate::matrix::every_missing_number_has_its_reason;
use expected::TABLE;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    Superuser,
    Monitor,
    Bare,
}

const ROLES: &str = "\
create role monitor login password 'x' in role pg_monitor;
create role bare login password 'x';
create role queue login password 'x'";

/// One login on one way.
#[derive(Debug, Clone)]
struct Asker {
    login: Login,
    pooled: bool,
    target: Target,
}

impl Asker {
    fn name(&self) -> String {
        format!("{:?} {}", self.login, if self.pooled { "through PgBouncer" } else { "directly" })
    }
}

/// A server with a PgBouncer before it, where there is one, and all who ask it.
struct Asked {
    askers: Vec<Asker>,
    bouncer: Option<Bouncer>,
}

impl Asked {
    async fn start(cluster: &Cluster, tls: Option<&Issued>) -> Self {
        let mut bouncer = None;
        if Bouncer::is_installed() {
            let mut builder = Bouncer::builder(cluster, PoolMode::Transaction)
                .login("monitor", "x")
                .login("bare", "x")
                .login("queue", "x")
                .stats_user("monitor")
                // one server session for each login: the next one waits
                .setting("default_pool_size", "1")
                .setting("query_wait_timeout", "0");
            if let Some(issued) = tls {
                builder = builder.tls(issued);
            }
            bouncer = Some(builder.start().await);
        }
        let ports = [(false, Some(cluster.port())), (true, bouncer.as_ref().map(Bouncer::port))];
        let mut askers = Vec::new();
        for (pooled, port) in ports {
            let Some(port) = port else { continue };
            for (login, name) in
                [(Login::Superuser, "postgres"), (Login::Monitor, "monitor"), (Login::Bare, "bare")]
            {
                let mut target = Target { port, ..crate::target(cluster) };
                if login != Login::Superuser {
                    target.username = name.to_owned();
                    target.password = Some("x".into());
                }
                if tls.is_some() {
                    target.ssl_mode = SslMode::Require;
                }
                askers.push(Asker { login, pooled, target });
            }
        }
        Self { askers, bouncer }
    }
}

/// A prober that measures all of the slow tier in one reading, however busy the machine is.
fn prober(thresholds: Thresholds) -> Prober {
    let long = Duration::from_secs(30);
    Prober::with_limits(Limits {
        health: 2 * long,
        statement: long,
        slow_reading: long,
        slow_hour: long,
        slow_statement: long,
        thresholds,
        ..Limits::default()
    })
}

async fn read(prober: &Prober, asker: &Asker, before: Option<&Memory>) -> HealthReading {
    let reading = prober.health(&asker.target, before, false).await;
    assert_eq!(reading.health.error, None, "{}", asker.name());
    every_missing_number_has_its_reason(&reading.health);
    every_check_is_in_the_table(&reading.health);
    reading
}

/// A new check cannot be forgotten here, and none that is gone stays.
fn every_check_is_in_the_table(health: &Health) {
    let known: BTreeSet<&str> = TABLE.iter().map(|case| case.id).collect();
    let read: BTreeSet<&str> = health.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(read, known);
    assert_eq!((health.checks.len(), TABLE.len()), (known.len(), known.len()), "none is there twice");
}

/// Reads until nothing is objected to: servers report their counters late, and sessions take a moment to wait.
async fn until(
    prober: &Prober,
    asker: &Asker,
    before: Option<&Memory>,
    objections: impl Fn(&Health) -> Vec<String>,
) -> HealthReading {
    let give_up = Instant::now() + Duration::from_secs(20);
    loop {
        let reading = read(prober, asker, before).await;
        let left = objections(&reading.health);
        if left.is_empty() {
            return reading;
        }
        assert!(Instant::now() < give_up, "{}:\n{}", asker.name(), left.join("\n"));
    }
}

fn check<'a>(health: &'a Health, id: &str) -> &'a Check {
    health.checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no {id}: {health:#?}"))
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Waits until the server says that it is so.
pub(crate) async fn holds(client: &Client, question: &str) {
    let give_up = Instant::now() + Duration::from_secs(30);
    while !client.query_one(question, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(Instant::now() < give_up, "{question}");
    }
}

macro_rules! suite {
    ($($name:ident $version:ident),* $(,)?) => {
        $(mod $name {
            use super::*;

            fn is_there() -> bool {
                // The two ends are always there; what lies between is installed for the full run.
                Version::$version.is_installed() || Version::OLDEST_AND_NEWEST.contains(&Version::$version)
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_wrong_is_found_by_whoever_may_see_it() {
                if is_there() {
                    sick::is_found(Version::$version).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_healthy_server_and_its_standby_give_no_finding() {
                if is_there() {
                    healthy::nothing_is_found(Version::$version).await;
                }
            }
        })*
    };
}

suite! {
    on_13 V13,
    on_14 V14,
    on_15 V15,
    on_16 V16,
    on_17 V17,
    on_18 V18,
}
