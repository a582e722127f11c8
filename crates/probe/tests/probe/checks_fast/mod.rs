//! The fast checks on activity, locks, counters, replication and wraparound: each provoked on real servers, and none
//! on a healthy one.

/// A test for each version: the two ends, and what lies between where it is installed.
macro_rules! on_every_version {
    ($($test:ident,)*) => {
        $(mod $test {
            on_every_version! { $test: on_13 V13, on_14 V14, on_15 V15, on_16 V16, on_17 V17, on_18 V18 }
        })*
    };
    ($test:ident: $($name:ident $version:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let version = testkit::Version::$version;
            if version.is_installed() || testkit::Version::OLDEST_AND_NEWEST.contains(&version) {
                super::$test(version).await;
            }
        })*
    };
}

mod counters;
mod healthy;
mod replication;
mod sessions;
mod wraparound;

use std::time::{Duration, Instant};

use common::{
    Health,
    health::{Check, CheckStatus, Threshold},
};
use probe::{HealthReading, Limits, Memory, Prober, Target, Thresholds};
use testkit::{Cluster, Version};
use tokio_postgres::Client;

/// Whatever there is of it is critical.
const AT_ONCE: Threshold = Threshold { warning: 1e-6, critical: 1e-6 };

/// A prober that does not wait for an hour.
fn impatient(change: impl FnOnce(&mut Thresholds)) -> Prober {
    let mut limits = Limits::default();
    change(&mut limits.thresholds);
    Prober::with_limits(limits)
}

fn check<'a>(health: &'a Health, id: &str) -> &'a Check {
    health.checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no {id}: {health:#?}"))
}

async fn checked(prober: &Prober, target: &Target, id: &str) -> Check {
    check(&prober.health(target, None, false).await.health, id).clone()
}

/// Reads until the check is as it should be: servers report their counters late, and sessions take a moment to wait.
async fn until(
    prober: &Prober,
    target: &Target,
    before: Option<&Memory>,
    id: &str,
    is_so: impl Fn(&Check) -> bool,
) -> (Check, HealthReading) {
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        let reading = prober.health(target, before, false).await;
        let check = check(&reading.health, id).clone();
        if is_so(&check) {
            return (check, reading);
        }
        assert!(Instant::now() < give_up, "{check:#?}");
    }
}

fn is(status: CheckStatus) -> impl Fn(&Check) -> bool {
    move |check| check.status == status
}

async fn pid(client: &Client) -> i32 {
    client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// What a check proposes, line by line as a person would paste it: some statements refuse a transaction.
async fn run(client: &Client, fix: Option<&String>) {
    let fix = fix.expect("there is SQL to run");
    let sql: Vec<&str> = fix.lines().filter(|line| !line.starts_with("--")).collect();
    for statement in sql.join("\n").split_inclusive(';') {
        client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

async fn start(version: Version, settings: &[(&str, &str)]) -> (Cluster, Client, Target) {
    let mut builder = Cluster::builder(version);
    for (name, value) in settings {
        builder = builder.setting(name, value);
    }
    let cluster = builder.start().await;
    let (admin, target) = (cluster.client("postgres").await, crate::target(&cluster));
    (cluster, admin, target)
}
