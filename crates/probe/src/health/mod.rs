//! One health reading: connect, read everything in few round trips, compare with the reading before, judge.

mod counters;
mod ended;
mod known;
mod memory;
mod metrics;
mod named_counters;
mod polled;
mod reading;
mod slow;
mod spent;
pub(crate) mod transaction;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::{
    Health, Phase, Reason, TestError, TestResult, Unavailable,
    health::{self, HealthStatus, Metrics, Server, Statements},
    statements::{StatementKey, StatementText},
    time::millis,
};
use tokio::time::{Instant, sleep};

pub(crate) use counters::Counters;
pub(crate) use ended::{Ended, reason};
pub(crate) use known::Known;
pub use memory::Memory;
pub(crate) use named_counters::NamedCounters;
pub(crate) use spent::server_ms;

use self::reading::{First, Reading};
use crate::{
    Limits, Target,
    checks::{self, Ask, Check, Context},
    connect_test,
    facts::{self, Seen},
    pooler::console,
    rows::Answer,
    session::Session,
    statements::{self, StatementsReading},
    words,
};

/// What one reading found.
#[derive(Debug, Clone)]
pub struct HealthReading {
    pub health: Health,
    /// For the next reading; `None` of a database that could not be asked, about which nothing new is known.
    pub memory: Option<Memory>,
    /// For whoever keeps it; `None` where it was not their turn, or where they could not be read.
    pub statements: Option<StatementsReading>,
    /// The connect of this reading, as a test.
    pub test: TestResult,
    /// How often the reading waited for the server, once the session was there, apart from what has a cadence of its own: statements,
    /// and the slow tier.
    pub round_trips: u32,
}

pub(crate) async fn run(
    target: &Target,
    previous: Option<&Memory>,
    two_readings: bool,
    limits: &Limits,
) -> HealthReading {
    let (mut test, session) = Box::pin(connect_test::open(target, limits)).await;
    let Some(session) = session else {
        return HealthReading::of_failed(test);
    };
    if console::is_there(&test) {
        console::tell(&mut test, target, limits).await;
    }
    let taken = Box::pin(take(&session, None, test, previous, two_readings)).await;
    if taken.lost {
        session.abandon().await;
    } else {
        session.close().await;
    }
    taken.reading
}

/// A reading, and what it says of the session that it was taken on.
pub(crate) struct Taken {
    pub(crate) reading: HealthReading,
    /// For the next reading on the same session.
    pub(crate) known: Option<Known>,
    /// The session broke, or is still busy with what was not answered in time.
    pub(crate) lost: bool,
}

/// Reads the health on a session that is there already. What is `known` of the server from an earlier reading on it
/// saves a round trip; that it still holds is looked at with the rest.
pub(crate) async fn take(
    session: &Session,
    known: Option<&Known>,
    test: TestResult,
    previous: Option<&Memory>,
    two_readings: bool,
) -> Taken {
    let (target, limits) = (session.target(), session.limits());
    let asked_before = session.round_trips();
    let mut earlier = None;
    if two_readings {
        // In transactions of their own: nobody sleeps in a transaction on somebody else's server.
        earlier = counters::read(session, Instant::now() + limits.health).await;
        sleep(limits.between_readings).await;
    }
    let since = Instant::now();
    let deadline = since + limits.health;
    let Asked { known, asks, mut answers, reading, mut ended } =
        Box::pin(ask(session, known, deadline)).await;
    let round_trips = session.round_trips() - asked_before;

    let identity = reading.database_identity();
    let mut memory = previous.cloned().unwrap_or_default().of(identity.as_deref());
    let facts = answers.split_off(answers.len() - facts::QUERIES.len());
    let seen = Seen::of(&known, &test, identity, facts);
    let before = std::mem::take(&mut memory.named);
    let earlier = earlier.as_ref().or(memory.counters.as_ref());
    let mut measured = metrics::from_reading(&reading, earlier);
    measured.pending_restart = seen.pending_restart();
    // For the checks, as it was last measured: the slow tier comes after them.
    measured.metrics.database_size_bytes = memory.slow.database_size_bytes().ok().flatten();
    let now = common::time::whole_micros(Utc::now());
    let mut counted =
        NamedCounters::at(known.now_s.unwrap_or_default(), known.started_at_s.unwrap_or_default());
    let mut context = Context {
        known: &known,
        measured: &measured,
        target,
        test: &test,
        now,
        reading_ms: millis(since.elapsed()),
        slow_ms: memory.slow.spent_ms(),
        statements_ms: memory.polled.spent_ms(),
        thresholds: &limits.thresholds,
        before: &before,
        counted: &mut counted,
    };
    let mut checks = judge_all(asks, answers, &mut context);
    let before = std::mem::take(&mut memory.statements);
    let place = statements::place(reading.extension.clone(), &known);
    let polling = memory.polled.look(session, place, before, &known, now, deadline, &mut ended);
    let (statements, found_statements) = Box::pin(polling).await;
    if ended.is_none() {
        let slow = memory.slow.measure(session, checks::SLOW, &mut context, deadline);
        ended = Box::pin(slow).await;
    }
    checks.extend(memory.slow.checks(checks::SLOW, now));
    let size = measured.take("database_size_bytes", memory.slow.database_size_bytes());
    measured.metrics.database_size_bytes = size;
    let duration_ms = millis(since.elapsed());

    let lost = ended.map(|end| match end {
        ended::Ended::Lost(error) => words::postgres_error(&error, Phase::Query, &session.scene()),
        ended::Ended::Timeout => words::health_timeout(&session.scene()),
    });
    let learned = reading.known.is_ok().then_some(known);
    if let (Some(error), true) = (&lost, reading.is_empty()) {
        let health = down(&test, Some(error.clone()), duration_ms);
        let reading = HealthReading { health, memory: None, statements: None, test, round_trips };
        return Taken { reading, known: None, lost: true };
    }

    let (status, score) = checks::verdict(&checks);
    let (server, mut unavailable) = reading.server(&test);
    unavailable.append(&mut measured.unavailable);
    if score.is_none() {
        unavailable.insert("score".to_owned(), Reason::new("no check could be read"));
    }
    let seen = seen.with_size(&target.database_name, measured.metrics.database_size_bytes);
    let changes = memory.facts.notice(seen, now);
    memory.named = counted;
    // A reading without counters leaves those of the one before: the interval grows, and stays right.
    if let Ok(counters) = reading.counters {
        (memory.counters, memory.taken_at) = (Some(counters), Some(now));
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
        statements,
        changes,
        error: lost.clone(),
        unavailable,
    };
    Taken {
        reading: HealthReading {
            health,
            memory: Some(memory),
            statements: found_statements,
            test,
            round_trips,
        },
        known: learned,
        lost: lost.is_some(),
    }
}

/// What was asked of a server, and what it answered.
struct Asked {
    known: Known,
    asks: Vec<(&'static Check, Ask)>,
    /// To the asks that are queries, in order; then to those of the facts.
    answers: Vec<Result<Answer, Reason>>,
    reading: Reading,
    ended: Option<ended::Ended>,
}

/// Asks everything of the fast tier. Which questions those are depends on what is known of the server: that is asked
/// first, or, where an earlier reading has told it, together with the rest. Has it changed so that other questions
/// belong to it (a standby was promoted, a right was granted), they are asked.
async fn ask(session: &Session, known: Option<&Known>, deadline: Instant) -> Asked {
    let target = session.target();
    if let Some(known) = known {
        let asks = ask_all(known);
        let taken = Box::pin(Reading::take(session, None, known, &queries(&asks), deadline)).await;
        let (reading, answers, ended) = taken;
        let now = reading.known(target);
        let asks_now = ask_all(&now);
        if queries(&asks) == queries(&asks_now) {
            return Asked { known: now, asks: asks_now, answers, reading, ended };
        }
        if ended.is_some() {
            return Asked { known: now, asks, answers, reading, ended };
        }
    }
    let first = First::take(session, target, deadline).await;
    let known = first.known(target);
    let asks = ask_all(&known);
    let (reading, answers, ended) =
        Box::pin(Reading::take(session, Some(first), &known, &queries(&asks), deadline)).await;
    Asked { known, asks, answers, reading, ended }
}

fn queries<'a>(asks: &'a [(&'static Check, Ask)]) -> Vec<&'a str> {
    asks.iter().filter_map(|(_, ask)| ask.query()).chain(facts::QUERIES).collect()
}

/// What each check of the fast tier asks this server.
fn ask_all(known: &Known) -> Vec<(&'static Check, Ask)> {
    checks::FAST.iter().map(|check| (*check, (check.ask)(known))).collect()
}

/// `answers` are those of the checks that sent a query, in order.
fn judge_all(
    asks: Vec<(&'static Check, Ask)>,
    answers: Vec<Result<Answer, Reason>>,
    context: &mut Context<'_>,
) -> Vec<health::Check> {
    let mut answers = answers.into_iter();
    let checks = asks.into_iter().map(|(check, ask)| {
        let found = match ask {
            Ask::Sql(_) => match answers.next() {
                Some(answer) => answer.and_then(|answer| (check.judge)(&answer, context)),
                None => Err(Reason::new(Reason::NOT_COLLECTED)),
            },
            Ask::Nothing => (check.judge)(&Answer::empty(), context),
            Ask::Skip(why) => Ok(checks::Verdict::skipped(why)),
            Ask::Unavailable(reason) => Err(reason),
        };
        check.found(checks::for_server(found, context.known), context.now)
    });
    checks.collect()
}

impl HealthReading {
    /// Puts texts that earlier readings have read to the statements that this one read, as it and those after it show
    /// them.
    pub fn name_statements(&mut self, texts: &HashMap<StatementKey, StatementText>) {
        let Some(found) = &self.statements else { return };
        for (key, shown) in found.top.iter().zip(&mut self.health.statements.top) {
            if let Some(text) = texts.get(key) {
                shown.query.clone_from(&text.query);
                shown.user = Some(text.user.clone());
                shown.database = Some(text.database.clone());
            }
        }
        if let Some(memory) = &mut self.memory {
            memory.polled.show(&self.health.statements);
        }
    }

    /// What a failed test says of the health.
    pub fn of_failed(test: TestResult) -> Self {
        let health = down(&test, test.error.clone(), test.total_ms);
        Self { health, memory: None, statements: None, test, round_trips: 0 }
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
        checks: Vec::new(),
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
