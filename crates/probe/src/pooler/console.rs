//! PgBouncer's console: a database of the name `pgbouncer` that answers `SHOW …` to its administrators and to
//! `stats_users`, by the simple protocol. It tells what no query through PgBouncer can: who waits for a server session.
//!
//! It is read at full connects only, with the login and the encryption of the connection itself.

use chrono::Utc;
use common::{Phase, Reason, TestResult, test_result::Pooler};
use tokio::time::Instant;

use crate::{
    Limits, Target,
    rows::{Answer, Row},
    session::{Session, Trace},
    sql,
};

const DATABASE: &str = "pgbouncer";

const VERSION: &str = "SHOW VERSION";
const POOLS: &str = "SHOW POOLS";
const STATS: &str = "SHOW STATS";
const CONFIG: &str = "SHOW CONFIG";

/// Whether what the test went through has one.
pub(crate) fn is_there(test: &TestResult) -> bool {
    test.ok && test.pooler.as_ref().is_some_and(|pooler| pooler.kind == super::PGBOUNCER)
}

/// Reads the console and adds to the test what it tells, or why it does not.
pub(crate) async fn tell(test: &mut TestResult, target: &Target, limits: &Limits) {
    let Some(pooler) = &mut test.pooler else { return };
    match Box::pin(read(target, limits)).await {
        Ok(mut read) => {
            read.kind = std::mem::take(&mut pooler.kind);
            read.explain(&Reason::new("the console did not say"));
            *pooler = read;
        }
        Err(reason) => pooler.explain(&reason),
    }
}

/// It would have been a session too many.
pub(crate) fn left_out(test: &mut TestResult) {
    let why = "both sessions that the dashboard has on this server are in use: it is read with the next full connect";
    if let Some(pooler) = &mut test.pooler {
        pooler.explain(&Reason::new(why));
    }
}

async fn read(through: &Target, limits: &Limits) -> Result<Pooler, Reason> {
    let target = Target { database_name: DATABASE.to_owned(), ..through.clone() };
    // Within one limit, sign-in and all: the test itself has passed, and somebody waits for it.
    let limits = Limits { connect: limits.console, ..limits.clone() };
    let deadline = Instant::now() + limits.console;
    let opened = Box::pin(Session::open(&target, &limits, deadline, &mut Trace::begin())).await;
    let session = opened.map_err(|error| match (error.phase, &error.sqlstate) {
        (Phase::Auth, Some(_)) => not_allowed(&target.username),
        _ => Reason::new(format!("The console of PgBouncer could not be read: {}", error.message)),
    })?;
    let read_at = common::time::whole_micros(Utc::now());
    let mut answers = Vec::new();
    let mut ended = None;
    for question in [VERSION, POOLS, STATS, CONFIG] {
        match session.ask(question, deadline).await {
            Ok(answer) => answers.push(Some(answer)),
            // It said no to the question.
            Err(error) if error.sqlstate.is_some() => answers.push(None),
            Err(error) => {
                ended = Some(Reason::new(format!(
                    "The console of PgBouncer could not be read: {}",
                    error.message
                )));
                break;
            }
        }
    }
    session.close().await;
    if let Some(reason) = ended {
        return Err(reason);
    }
    let mut answers = answers.into_iter().map(|answer| answer.unwrap_or_else(Answer::empty));
    let mut next = || answers.next().unwrap_or_else(Answer::empty);
    let (version, pools, stats, config) = (next(), next(), next(), next());
    let mut pooler = Pooler {
        version: version.first().and_then(|row| row.shown("version")).and_then(|said| number(&said)),
        default_pool_size: setting(&config, "default_pool_size"),
        max_clients: setting(&config, "max_client_conn"),
        read_at: Some(read_at),
        ..Pooler::default()
    };
    of_pools(&mut pooler, &pools, through);
    of_stats(&mut pooler, &stats, through);
    Ok(pooler)
}

/// `PgBouncer 1.18.0` without its name.
fn number(version: &str) -> Option<String> {
    version.split_whitespace().last().map(str::to_owned)
}

fn setting(config: &Answer, key: &str) -> Option<i64> {
    config.rows().find(|row| row.text("key").as_deref() == Some(key))?.number("value")
}

/// The rows of the database that the connection names; there is one for each user.
fn rows_of<'a>(answer: &'a Answer, target: &'a Target) -> impl Iterator<Item = Row<'a>> {
    answer.rows().filter(|row| row.text("database").as_deref() == Some(target.database_name.as_str()))
}

fn of_pools(pooler: &mut Pooler, pools: &Answer, target: &Target) {
    let sum = |column: &str| {
        rows_of(pools, target)
            .filter_map(|row| row.number::<i64>(column))
            .fold(None, |sum: Option<i64>, n| Some(sum.unwrap_or(0).saturating_add(n)))
    };
    pooler.clients_active = sum("cl_active");
    pooler.clients_waiting = sum("cl_waiting");
    pooler.server_sessions_active = sum("sv_active");
    pooler.server_sessions_idle = sum("sv_idle");
    pooler.max_wait_s = rows_of(pools, target)
        .filter_map(|row| Some(row.finite("maxwait")? + row.finite("maxwait_us").unwrap_or(0.0) / 1e6))
        .reduce(f64::max);
    let ours = rows_of(pools, target).find(|row| row.text("user").as_deref() == Some(&target.username));
    pooler.pool_mode = ours.or_else(|| rows_of(pools, target).next()).and_then(|row| row.shown("pool_mode"));
}

fn of_stats(pooler: &mut Pooler, stats: &Answer, target: &Target) {
    let row = rows_of(stats, target).next();
    // In microseconds.
    let ms = |column| row.and_then(|row| row.finite(column)).map(|us| us / 1000.0);
    pooler.avg_query_ms = ms("avg_query_time");
    pooler.avg_wait_ms = ms("avg_wait_time");
}

/// PgBouncer lets nobody into its console who is not named in its configuration.
fn not_allowed(user: &str) -> Reason {
    let is_simple = sql::is_plain(user)
        && user.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    Reason {
        reason: "PgBouncer does not let this user into its console: name it in stats_users of pgbouncer.ini"
            .to_owned(),
        fix_sql: is_simple.then(|| {
            format!(
                "-- in pgbouncer.ini, beside the users that stand there already:\n--   stats_users = {user}\n\
                 -- then, as an administrator in PgBouncer's database pgbouncer:\nRELOAD;"
            )
        }),
    }
}
