//! Watching a thousand databases every 10 s: what it costs, and whether the dead ones delay the others.
//!
//! The dashboard is a process of its own ([`dashboard`]), so that only it is measured. The databases are real PostgreSQL
//! servers, each behind many addresses of the loopback network ([`servers`]): to the dashboard each address is another server.

mod black_holes;
pub(crate) mod dashboard;
mod servers;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use testkit::{Cluster, Version};

use self::{black_holes::BlackHoles, servers::Servers};
use crate::numbers::{at_most, note};

const TARGETS: usize = 1000;
const DEAD: usize = 300;

/// Runs the parts that are asked for, and answers whether every number was reached.
pub(crate) fn run(parts: &[String]) -> bool {
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let mut reached = true;
    if wanted("plain") {
        let servers = runtime.block_on(Servers::start(TARGETS, false));
        let measured = measure(&runtime, &servers.targets(TARGETS), 0);
        reached &= cpu("watching 1,000 databases every 10 s", &measured);
        let grown = grown_mb(&measured);
        reached &= at_most("its resident growth", grown, "MB", 64.0, how(&measured));
        reached &= late("start jitter, p99", &measured);
    }
    if wanted("dead") {
        let servers = runtime.block_on(Servers::start(TARGETS - DEAD, false));
        let holes = runtime.block_on(BlackHoles::open(DEAD));
        let mut targets = servers.targets(TARGETS - DEAD);
        targets.extend(holes.targets());
        let measured = measure(&runtime, &targets, DEAD);
        reached &= late("start jitter of the healthy where 300 of 1,000 are black-holed, p99", &measured);
        reached &= cpu("watching them", &measured);
    }
    if wanted("tls") {
        let servers = runtime.block_on(Servers::start(TARGETS, true));
        let measured = measure(&runtime, &servers.targets(TARGETS), 0);
        note("resident growth over TLS", format!("{:.1} MB", grown_mb(&measured)), how(&measured));
        let ratio = measured["cpu_ratio"].as_f64().unwrap_or(f64::NAN);
        note("processor time over TLS", format!("{:.1} % of one core", ratio * 100.0), "");
    }
    reached
}

fn cpu(what: &str, measured: &Value) -> bool {
    let ratio = measured["cpu_ratio"].as_f64().unwrap_or(f64::NAN);
    at_most(what, ratio * 100.0, "% of one core", 10.0, how(measured))
}

fn late(what: &str, measured: &Value) -> bool {
    let late = &measured["late_ms"];
    let how = format!("{} looks; p50 {} ms, at most {} ms", late["looks"], late["p50"], late["max"]);
    at_most(what, late["p99"].as_f64().unwrap_or(f64::NAN), "ms", 100.0, how)
}

fn grown_mb(measured: &Value) -> f64 {
    let mb = |name: &str| measured[name].as_f64().unwrap_or(f64::NAN) / 1e6;
    mb("resident_after") - mb("resident_before")
}

fn how(measured: &Value) -> String {
    format!(
        "{} s: {} looks, {} failed, {} left alone, {} missed turns; {} of {} rows in the database; from {:.0} to {:.0} MB",
        measured["seconds"],
        measured["looks"],
        measured["failed"],
        measured["left_alone"],
        measured["missed"],
        measured["rows"],
        measured["kept"],
        measured["resident_before"].as_f64().unwrap_or(f64::NAN) / 1e6,
        measured["resident_after"].as_f64().unwrap_or(f64::NAN) / 1e6,
    )
}

/// Lets a dashboard watch `targets`, the last `dead` of which never answer, and answers what it measured of itself.
fn measure(runtime: &tokio::runtime::Runtime, targets: &[Value], dead: usize) -> Value {
    let own = runtime.block_on(async {
        let own = Cluster::start(Version::V18).await;
        own.create_database("dashboard").await;
        own
    });
    let told = json!({"url": own.url("dashboard"), "targets": targets, "dead": dead});
    let program = std::env::current_exe().expect("it runs");
    let mut child = Command::new(program)
        .arg("dashboard")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts once more");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(told.to_string().as_bytes()).expect("it listens");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the dashboard failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("it answers JSON")
}
