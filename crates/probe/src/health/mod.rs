//! One health reading: connect, read everything in one round trip, compare with the reading before, judge.

mod counters;
mod ended;
mod metrics;
mod reading;
mod statements;
mod transaction;

use chrono::{DateTime, Utc};
use common::{
    Health, Phase, Reason, TestError, TestResult, Unavailable,
    health::{Check, HealthStatus, Metrics, Server, Statements},
    time::millis,
};
use tokio::time::{Instant, sleep};

pub use counters::Counters;
pub(crate) use reading::Reading;

use crate::{Limits, Target, checks, connect_test, session::Session, words};

/// What one reading found.
#[derive(Debug, Clone)]
pub struct HealthReading {
    pub health: Health,
    /// For the rates of the next reading; `None` where they could not be read.
    pub counters: Option<Counters>,
    /// The connect of this reading, as a test.
    pub test: TestResult,
}

pub(crate) async fn run(
    target: &Target,
    previous: Option<&Counters>,
    two_readings: bool,
    limits: &Limits,
) -> HealthReading {
    let (test, session) = Box::pin(connect_test::open(target, limits)).await;
    let Some(session) = session else {
        return HealthReading {
            health: down(&test, test.error.clone(), test.total_ms),
            counters: None,
            test,
        };
    };

    let mut earlier = None;
    if two_readings {
        // In transactions of their own: nobody sleeps in a transaction on somebody else's server.
        earlier = counters::read(&session, Instant::now() + limits.health).await;
        sleep(limits.between_readings).await;
    }
    let since = Instant::now();
    let deadline = since + limits.health;
    let (reading, ended) = Box::pin(Reading::take(&session, target, deadline)).await;
    let duration_ms = millis(since.elapsed());

    let lost = ended.map(|end| match end {
        ended::Ended::Lost(error) => words::postgres_error(&error, Phase::Query, &session.scene()),
        ended::Ended::Timeout => words::health_timeout(&session.scene()),
    });
    hang_up(session, lost.is_some()).await;
    if let (Some(error), true) = (&lost, reading.is_empty()) {
        return HealthReading { health: down(&test, Some(error.clone()), duration_ms), counters: None, test };
    }

    let previous = earlier.as_ref().or(previous);
    let now = common::time::whole_micros(Utc::now());
    let measured = metrics::from_reading(&reading, previous);
    let checks = checks::all(&measured, now);
    let (status, score) = checks::verdict(&checks);
    let (server, mut unavailable) = reading.server(&test);
    unavailable.extend(measured.unavailable);
    if score.is_none() {
        unavailable.insert("score".to_owned(), Reason::new("no check could be read"));
    }
    let health = Health {
        connection_id: target.connection_id,
        status,
        score,
        checked_at: test.checked_at,
        duration_ms,
        server,
        metrics: measured.metrics,
        checks,
        statements: reading.statements,
        changes: Vec::new(),
        error: lost,
        unavailable,
    };
    HealthReading { health, counters: reading.counters.ok(), test }
}

async fn hang_up(session: Session<'_>, lost: bool) {
    if lost {
        session.abandon().await;
    } else {
        session.close().await;
    }
}

impl HealthReading {
    /// What a failed test says of the health.
    pub fn of_failed(test: TestResult) -> Self {
        let health = down(&test, test.error.clone(), test.total_ms);
        Self { health, counters: None, test }
    }
}

/// The reading of a database that could not be asked.
fn down(test: &TestResult, error: Option<TestError>, duration_ms: f64) -> Health {
    let metrics = Metrics::default();
    let why = error.as_ref().map_or("unreachable", |error| error.kind.as_str());
    let mut unavailable = Unavailable::new();
    let fields = metrics::KEYS.iter().chain(&reading::SERVER_KEYS).chain(&["score"]);
    for key in fields {
        unavailable.insert((*key).to_owned(), Reason::new(why));
    }
    let server = Server {
        version: test.server_version.clone(),
        version_num: test.server_version_num,
        pooler: test.pooler.clone(),
        ..Server::default()
    };
    for (known, key) in [(server.version.is_some(), "version"), (server.version_num.is_some(), "version_num")]
    {
        if known {
            unavailable.remove(key);
        }
    }
    Health {
        connection_id: test.connection_id,
        status: HealthStatus::Down,
        score: None,
        checked_at: test.checked_at,
        duration_ms,
        server,
        metrics,
        checks: Vec::<Check>::new(),
        statements: Statements { available: false, reason: Some(why.to_owned()), ..Statements::default() },
        changes: Vec::new(),
        error,
        unavailable,
    }
}

/// Seconds since the epoch, as SQL gives times here (`DateStyle` is the server's affair).
fn time(epoch_s: Option<f64>) -> Option<DateTime<Utc>> {
    let micros = epoch_s? * 1e6;
    micros.is_finite().then(|| DateTime::from_timestamp_micros(micros as i64)).flatten()
}
