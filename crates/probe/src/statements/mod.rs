//! What statements cost, from `pg_stat_statements`: a snapshot of all counters every few minutes, what lies between
//! two of them, and the texts of those that are shown. And the plan that one would get.

mod delta;
mod extension;
mod plan;
mod shape;
mod snapshot;
mod texts;
mod top;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::{
    Reason,
    health::{Statement, Statements},
    statements::{StatementInterval, StatementKey, StatementText},
    time::{millis, whole_micros_of_ms},
};
use tokio::time::Instant;

pub(crate) use extension::{EXTENSION, Extension, PRELOADED};
pub use plan::{PlanError, PlanRefusal, is_plannable};
pub(crate) use plan::{run as plan, run_all as plans};
pub use shape::plan_shape;
pub use snapshot::Snapshot;

use self::{extension::Version, snapshot::Entry};
use crate::{
    health::{Ended, Known, reason, server_ms, transaction},
    rows::Answer,
    session::{AskError, Session},
};

/// Statements that a health reading shows.
const TOP: usize = 10;

/// What is known of statements before a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementsBefore {
    pub taken_at: DateTime<Utc>,
    pub snapshot: Snapshot,
    /// Whose text is known, and whether the dashboard sent it.
    pub texts: HashMap<StatementKey, bool>,
}

/// What a reading found of statements, for whoever keeps it.
#[derive(Debug, Clone)]
pub struct StatementsReading {
    pub snapshot: Snapshot,
    /// [`StatementsBefore::taken_at`], where there was one.
    pub compared_with: Option<DateTime<Utc>>,
    /// What was counted since, the most expensive by each order.
    pub interval: Option<StatementInterval>,
    /// Those that were not known before.
    pub texts: Vec<StatementText>,
    /// Whose text each item of [`Statements::top`] shows, or would show if this reading had read it.
    pub top: Vec<StatementKey>,
}

/// Where statements can be read from.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    version: Version,
    schema: String,
    /// How many entries the server keeps.
    most: Option<i64>,
}

/// Where statements can be read from, or why they cannot, as far as that is known without asking for them.
pub(crate) fn place(extension: Result<Extension, Reason>, known: &Known) -> Result<Place, Reason> {
    let extension = extension?;
    let Some((version, schema)) = extension.place.clone() else {
        return Err(extension::not_installed(&extension, known));
    };
    if known.sees_only_itself() {
        return Err(known.no_privilege());
    }
    // Asked all the same, it would be an error in the server's log each time.
    if !extension.is_loaded() {
        return Err(not_preloaded(known));
    }
    Ok(Place { version, schema, most: extension.most })
}

/// What one look at statements found.
pub(crate) struct Looked {
    /// Or why there are none.
    pub(crate) found: Result<(Statements, StatementsReading), Reason>,
    /// The server's time for it.
    pub(crate) cost_ms: f64,
}

/// Takes a snapshot, compares it with the one before, and reads the texts that are not known yet: two round trips at
/// most, each a transaction.
pub(crate) async fn look(
    session: &Session,
    place: &Place,
    before: Option<&StatementsBefore>,
    known: &Known,
    taken_at: DateTime<Utc>,
    deadline: Instant,
    ended: &mut Option<Ended>,
) -> Looked {
    let queries =
        snapshot::queries(place.version, &place.schema, place.most, before.map(|before| &before.snapshot));
    let (answers, mut cost_ms) = timed(session, &queries.each_ref().map(String::as_str), deadline).await;
    let snapshot = match snapshot(place, answers, known, taken_at, ended) {
        Ok(snapshot) => snapshot,
        Err(reason) => return Looked { found: Err(reason), cost_ms },
    };
    let reading = read(session, snapshot, &place.schema, before, known, deadline, ended);
    let (statements, reading, more_ms) = Box::pin(reading).await;
    cost_ms += more_ms;
    Looked { found: Ok((statements, reading)), cost_ms }
}

/// The answers, and the server's time for them.
async fn timed(
    session: &Session,
    queries: &[&str],
    deadline: Instant,
) -> (Vec<Result<Answer, AskError>>, f64) {
    let since = Instant::now();
    let limit = session.limits().statement;
    let (answers, took_ms) = transaction::read_timed(session, queries, limit, deadline).await;
    (answers, server_ms(took_ms, millis(since.elapsed())))
}

/// What the answers to [`snapshot::queries`] say.
fn snapshot(
    place: &Place,
    answers: Vec<Result<Answer, AskError>>,
    known: &Known,
    taken_at: DateTime<Utc>,
    ended: &mut Option<Ended>,
) -> Result<Snapshot, Reason> {
    let answers: Vec<Answer> = answers
        .into_iter()
        .map(|answer| answer.map_err(|error| why(error, known, ended)))
        .collect::<Result<_, _>>()?;
    let answers: [Answer; 3] = answers.try_into().map_err(|_| Reason::new(Reason::NOT_COLLECTED))?;
    let snapshot = Snapshot::from_answers(&answers, (place.version, place.most), known, taken_at);
    snapshot.ok_or_else(|| {
        Reason::new("the counters were reset while they were read, or the answer is not what was asked for")
    })
}

/// Compares a snapshot with the one before, and reads the texts that are not known yet, which costs the server some
/// milliseconds.
async fn read(
    session: &Session,
    snapshot: Snapshot,
    schema: &str,
    before: Option<&StatementsBefore>,
    known: &Known,
    deadline: Instant,
    ended: &mut Option<Ended>,
) -> (Statements, StatementsReading, f64) {
    let texts_known = |key: &StatementKey| before.and_then(|before| before.texts.get(key)).copied();
    let is_own = |key: &StatementKey| texts_known(key) == Some(true);
    let mut interval = delta::between(before.map(|before| &before.snapshot), &snapshot);
    interval.statements.retain(|(key, _)| !is_own(key));
    interval.statements = top::most_expensive(interval.statements);

    let mut by_time: Vec<&Entry> =
        snapshot.entries.iter().filter(|entry| !is_own(&snapshot.key(entry))).collect();
    by_time.sort_by(|one, other| other.total_ms.total_cmp(&one.total_ms));
    // Many turn out to be ours: on an idle server nearly all are.
    let shown = by_time.iter().take(texts::MOST_TEXTS).map(|entry| snapshot.key(entry));
    let mut wanted: Vec<StatementKey> = shown.collect();
    wanted.extend(interval.statements.iter().map(|(key, _)| *key));
    wanted.retain(|key| texts_known(key).is_none());

    let (mut found, mut were_told, mut cost_ms) = (Vec::new(), true, 0.0);
    if let Some((query, asked)) = texts::query(&snapshot, schema, &wanted) {
        let (mut answers, took_ms) = timed(session, &[&query], deadline).await;
        cost_ms = took_ms;
        match answers.pop().unwrap_or(Ok(Answer::empty())) {
            Ok(answer) => found = texts::from_answer(&answer, &snapshot, &asked),
            // The counters stand without them; the next reading asks again.
            Err(error) => {
                let _why = reason(error, known.user(), ended);
                were_told = false;
            }
        }
    }
    let texts: HashMap<StatementKey, &StatementText> = found.iter().map(|text| (text.key, text)).collect();
    let is_own = |key: &StatementKey| texts.get(key).is_some_and(|text| text.own);
    interval.statements.retain(|(key, _)| !is_own(key));
    // Nobody can say whose a statement without a text is; where none could be read, the counters stand alone.
    let has_text = |key: &StatementKey| texts.contains_key(key) || texts_known(key).is_some();
    let is_shown = |key: &StatementKey| !is_own(key) && (has_text(key) || !were_told);
    let shown: Vec<&Entry> =
        by_time.into_iter().filter(|entry| is_shown(&snapshot.key(entry))).take(TOP).collect();
    let whole_ms: f64 = snapshot.entries.iter().map(|entry| entry.total_ms).sum();
    let statements = Statements {
        available: true,
        reason: None,
        fix_sql: None,
        top: shown
            .iter()
            .map(|entry| statement(&snapshot, entry, whole_ms, texts.get(&snapshot.key(entry)).copied()))
            .collect(),
        measured_at: Some(snapshot.taken_at),
    };
    let top = shown.iter().map(|entry| snapshot.key(entry)).collect();
    let reading = StatementsReading {
        compared_with: before.map(|before| before.taken_at),
        interval: Some(interval),
        texts: found,
        top,
        snapshot,
    };
    (statements, reading, cost_ms)
}

fn statement(snapshot: &Snapshot, entry: &Entry, whole_ms: f64, text: Option<&StatementText>) -> Statement {
    let blocks = entry.hit_bytes as f64 + entry.read_bytes as f64;
    let since_s = entry.since_s.or(snapshot.about.reset_s);
    Statement {
        query_id: entry.query_id.to_string(),
        query: text.map(|text| text.query.clone()).unwrap_or_default(),
        user: text.map(|text| text.user.clone()),
        database: text.map(|text| text.database.clone()),
        calls: entry.calls,
        total_ms: whole_micros_of_ms(entry.total_ms),
        mean_ms: whole_micros_of_ms(entry.mean_ms()),
        min_ms: whole_micros_of_ms(entry.min_ms),
        max_ms: whole_micros_of_ms(entry.max_ms),
        stddev_ms: whole_micros_of_ms(entry.stddev_ms),
        rows: entry.rows,
        share_ratio: (whole_ms > 0.0).then(|| entry.total_ms / whole_ms),
        shared_hit_ratio: (blocks > 0.0).then(|| entry.hit_bytes as f64 / blocks),
        shared_read_bytes: entry.read_bytes,
        temp_bytes: entry.temp_bytes,
        wal_bytes: entry.wal_bytes,
        since: since_s.and_then(|since_s| snapshot.by_our_clock(since_s)),
    }
}

/// The reason in place of statements.
pub(crate) fn missing(reason: Reason) -> Statements {
    Statements {
        available: false,
        reason: Some(reason.reason),
        fix_sql: reason.fix_sql,
        ..Statements::default()
    }
}

fn not_preloaded(known: &Known) -> Reason {
    Reason { reason: "not_preloaded".to_owned(), fix_sql: extension::preload(known) }
}

fn why(error: AskError, known: &Known, ended: &mut Option<Ended>) -> Reason {
    let code = match &error {
        AskError::Server(error) => error.code().map(|code| code.code().to_owned()),
        AskError::Timeout => None,
    };
    match code.as_deref() {
        // "pg_stat_statements must be loaded via shared_preload_libraries"
        Some("55000") => not_preloaded(known),
        Some("42501") => known.no_privilege(),
        _ => reason(error, known.user(), ended),
    }
}
