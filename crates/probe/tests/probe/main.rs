//! What the probe promises, on real servers: PostgreSQL 13 and 18, with and without TLS, a real PgBouncer, and
//! servers that misbehave.

// What cannot be set up ends the test where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acceptance;
mod certificates;
mod changes;
mod checks_fast;
mod checks_slow;
mod configuration;
mod failures;
mod health;
mod held;
mod left_behind;
mod load;
mod matrix;
mod plans;
mod pooler;
mod statements;

use std::time::Duration;

use common::{ConnectionId, Phase, SslMode, TestError, TestErrorKind, TestResult};
use probe::{Limits, Prober, Target};
use testkit::Cluster;

/// A target on loopback as a superuser, plain.
fn target(cluster: &Cluster) -> Target {
    Target { port: cluster.port(), password: Some(cluster.password().into()), ..on_port(0) }
}

fn on_port(port: u16) -> Target {
    Target {
        connection_id: ConnectionId(7),
        host: "127.0.0.1".to_owned(),
        port,
        database_name: "postgres".to_owned(),
        username: "postgres".to_owned(),
        password: Some("secret-of-the-test".into()),
        password_since: None,
        ssl_mode: SslMode::Disable,
        ssl_root_cert: None,
    }
}

/// For what is meant to run into the limit.
fn impatient() -> Prober {
    Prober::with_limits(Limits {
        connect: Duration::from_millis(400),
        round: Duration::from_millis(400),
        cancel: Duration::from_millis(200),
        second_look: Duration::from_millis(200),
        ..Limits::default()
    })
}

async fn test(target: &Target) -> TestResult {
    Prober::new().test(target).await
}

/// The error of a test that failed, with what every failure has in common checked.
#[track_caller]
fn failure(result: &TestResult, kind: TestErrorKind, phase: Phase) -> TestError {
    let error = result.error.clone().unwrap_or_else(|| panic!("no error: {result:#?}"));
    assert_eq!((error.kind, error.phase), (kind, phase), "{error:?}");
    assert!(!result.ok);
    assert!(result.round_trip_ms.is_none());
    assert!(result.phases.get(phase).is_none(), "the phase that failed has no time: {result:?}");
    let phase_ms = format!("phases.{}_ms", phase.as_str());
    for value in ["round_trip_ms", "server_version_num", "backend_pid", "phases.query_ms", phase_ms.as_str()]
    {
        assert!(result.unavailable.contains_key(value), "{value} is null without a reason: {result:?}");
    }
    for words in [&error.message, &error.hint] {
        assert!(words.len() > 10 && words.len() < 2000, "{words}");
        assert!(!words.chars().any(|c| c != '\n' && common::text::is_deceptive(c)), "{words}");
        // No Debug print: neither a struct nor an enum path.
        assert!(!words.contains(" { ") && !words.contains("Error("), "{words}");
    }
    error
}
