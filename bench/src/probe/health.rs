//! What a health check costs the database it asks: processor time of the session's own server process, exactly as the
//! kernel counts it, with 10,000 tables and 4,900 statements in `pg_stat_statements`. Each of its three parts apart: the
//! fast check, with every reading; the counters of statements, every few minutes, while an application calls some
//! hundred of them in between, the same ones each time and others each time; and the slow tier.

use common::{Reason, SslMode};
use probe::{Asked, Guests, HealthReading, HeldSessions, Memory, Prober, StatementsBefore, Target};
use testkit::{Cluster, Version, many_tables};
use tokio_postgres::Client;

use super::{one_thread, target};
use crate::{
    cpu,
    numbers::{at_most, median},
};

const TABLES: u32 = 10_000;
/// A few less than `pg_stat_statements.max`, which our own take.
const STATEMENTS: u32 = 4_900;
/// Of those, called between one reading and the next.
const CALLED: u32 = 500;
const READINGS: u32 = 40;
const WARM_UP: u32 = 8;
/// Until the slow tier has been all around.
const MOST_WARM_UP: u32 = 30;

/// What a fast check may cost.
const FAST_MS: f64 = 20.0;
/// What the counters of statements may cost, and the texts of those that are new: as much again, and much more rarely.
const STATEMENTS_MS: f64 = 40.0;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// It is not the statements' turn.
    Fast,
    /// The same statements were called again.
    Same,
    /// Others than before were called, whose texts are to be read.
    Others,
}

pub(super) fn run() -> bool {
    // Both are measured, whatever the first one says.
    [Version::V13, Version::V18].into_iter().map(of_version).fold(true, |all, reached| all & reached)
}

fn of_version(version: Version) -> bool {
    one_thread().block_on(async {
        let cluster = Cluster::builder(version)
            .preload("pg_stat_statements")
            .setting("pg_stat_statements.max", "5000")
            .start()
            .await;
        let admin = cluster.client("postgres").await;
        many_tables::make(&admin, TABLES).await;
        admin.batch_execute("create extension pg_stat_statements").await.unwrap();
        admin.batch_execute("select pg_stat_statements_reset()").await.unwrap();
        for n in 1..=STATEMENTS {
            admin.batch_execute(&statement(n)).await.unwrap();
        }

        let mut watch = Watch::of(target(&cluster, SslMode::Disable, None));
        let mut reading = watch.read(true).await;
        let pid = reading.test.backend_pid.expect("a direct session tells its process");
        let mut rounds = 1;
        while rounds < WARM_UP || slow_is_due(&reading) && rounds < MOST_WARM_UP {
            reading = watch.read(true).await;
            rounds += 1;
        }
        // On a machine that is busy with other things the hour's budget, which is time that passes, may be spent before.
        let all = if slow_is_due(&reading) { "NOT all checks of it" } else { "all checks of it once" };
        // All since the session began: the slow tier, and a fast check and the statements with each.
        let warm_up = cpu::of_process(pid);

        let mut round_trips = 0;
        let mut measured = Vec::new();
        for scene in [Scene::Fast, Scene::Same, Scene::Others] {
            let mut ms = Vec::new();
            for round in 0..READINGS {
                let first = if scene == Scene::Others { round * CALLED } else { 0 };
                for n in first..first + CALLED {
                    admin.batch_execute(&statement(1 + n % STATEMENTS)).await.unwrap();
                }
                let before = cpu::of_process(pid);
                let reading = watch.read(scene != Scene::Fast).await;
                ms.push(cpu::of_process(pid).saturating_sub(before).as_secs_f64() * 1000.0);
                assert_eq!(reading.test.backend_pid, Some(pid), "it is one session all the time");
                assert!(reading.health.statements.available, "also those of the reading before");
                let interval = reading.statements.as_ref().and_then(|found| found.interval.as_ref());
                let calls = interval.map(|interval| interval.calls);
                assert_eq!(calls >= Some(i64::from(CALLED)), scene != Scene::Fast, "{calls:?}");
                round_trips = round_trips.max(reading.round_trips);
            }
            measured.push((ms.iter().copied().fold(0.0, f64::max), median(ms)));
        }
        let [(most, usual), (_, with_same), (_, with_others)] = measured[..] else { panic!("three scenes") };
        // The other two ran along with the slow one.
        let slow_ms = warm_up.as_secs_f64() * 1000.0 - with_same * f64::from(rounds);

        println!("{version}, {TABLES} tables, {STATEMENTS} statements; median of {READINGS} readings");
        let how = format!("with each reading, on a held session; {most:.2} ms the most");
        let mut reached = at_most("server time of a fast health check", usual, "ms", FAST_MS, how);
        let how = "the most of all readings, with the look whether the session still answers";
        reached &= at_most("round trips of it", f64::from(round_trips), "", 3.0, how);
        let how = format!("every 5 min; an application calls the same {CALLED} of them in between");
        reached &=
            at_most("server time of statements' counters", with_same - usual, "ms", STATEMENTS_MS, how);
        let how = format!("{CALLED} others each time, so that texts are read again and again");
        reached &= at_most("… and of the texts of new ones", with_others - usual, "ms", STATEMENTS_MS, how);
        let how = format!("{all}, and the first reading's start, over {rounds} readings");
        reached &= at_most("server time of the slow tier, an hour", slow_ms, "ms", 5000.0, how);
        print_most_expensive(&admin).await;
        watch.held.close_all().await;
        reached
    })
}

fn statement(n: u32) -> String {
    format!("select * from many.t{n} limit 0")
}

/// A certificate is not looked at on a held session, which says nothing of the slow tier.
fn slow_is_due(reading: &HealthReading) -> bool {
    let is_due = |why: &Reason| why.reason == Reason::NOT_COLLECTED;
    let mut checks = reading.health.checks.iter().filter(|check| check.id != "certificate-expiry");
    checks.any(|check| check.unavailable.get("value").is_some_and(is_due))
}

/// Readings on a held session, each compared with the one before, as the service does.
struct Watch {
    held: HeldSessions,
    target: Target,
    memory: Option<Memory>,
    before: Option<StatementsBefore>,
}

impl Watch {
    fn of(target: Target) -> Self {
        Self { held: Prober::new().held(Guests::default()), target, memory: None, before: None }
    }

    async fn read(&mut self, with_statements: bool) -> HealthReading {
        let before = with_statements.then(|| self.before.clone());
        let memory = self.memory.take().map(|memory| match before {
            Some(before) => memory.with_statements(before),
            None => memory,
        });
        let asked = Asked {
            target: &self.target,
            version: 1,
            keep: true,
            now: true,
            next: std::time::Duration::ZERO,
        };
        let reading = self.held.health(asked, memory.as_ref(), false).await.expect("it is not left alone");
        assert!(reading.health.error.is_none(), "{:?}", reading.health.error);
        self.memory = reading.memory.clone();
        let Some(found) = reading.statements.clone() else { return reading };
        let mut texts = self.before.take().map(|before| before.texts).unwrap_or_default();
        texts.extend(found.texts.iter().map(|text| (text.key, text.own)));
        self.before =
            Some(StatementsBefore { taken_at: found.snapshot.taken_at(), snapshot: found.snapshot, texts });
        reading
    }
}

/// Where the time goes, by the server's own account.
async fn print_most_expensive(admin: &Client) {
    let sql = format!(
        "select calls, mean_exec_time, left(regexp_replace(query, '[[:space:]]+', ' ', 'g'), 110)
           from pg_stat_statements
          where query like '%pg-dashboard%' and calls >= {READINGS}
          order by mean_exec_time desc
          limit 12"
    );
    for row in admin.query(&sql, &[]).await.unwrap() {
        let (calls, ms, query): (i64, f64, String) = (row.get(0), row.get(1), row.get(2));
        println!("         {ms:8.3} ms × {calls}: {query}");
    }
}
