//! Load tests on real servers: what they measure, what they refuse, and that nothing is left of them.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use common::{
    TestErrorKind as Kind,
    load::{LoadMode, LoadReport, LoadRequest},
};
use probe::{BeyondTheDatabase, Limits, LoadAdmission, LoadRefusal, Prober, SessionLimit, Target};
use testkit::{
    Cluster, Version,
    faulty::Proxy,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{on_port, target};

const BOTH: [Version; 2] = [Version::V13, Version::V18];
const OURS: &str = "select count(*) from pg_stat_activity where application_name = 'pg-dashboard'";

fn closed(connections: u32, duration_s: f64) -> LoadRequest {
    LoadRequest { connections, duration_s, ..LoadRequest::default() }
}

fn open(connections: u32, duration_s: f64, rate_per_s: f64) -> LoadRequest {
    LoadRequest { rate_per_s: Some(rate_per_s), ..closed(connections, duration_s) }
}

/// A machine that is busy with other tests is slow, which is none of theirs.
fn patient() -> Limits {
    let long = Duration::from_secs(120);
    Limits { connect: long, round: long, load_request: long, load_drain: long, ..Limits::default() }
}

fn prober() -> Prober {
    Prober::with_limits(patient())
}

async fn admitted(target: &Target, request: &LoadRequest) -> LoadAdmission {
    request.validate().unwrap();
    prober().load_admission(target, request).await.unwrap()
}

async fn refused(target: &Target, request: &LoadRequest) -> LoadRefusal {
    request.validate().unwrap();
    prober().load_admission(target, request).await.unwrap_err()
}

async fn run(target: &Target, request: &LoadRequest) -> LoadReport {
    let admitted = admitted(target, request).await;
    let report = prober().load(target, request, admitted, &CancellationToken::new(), |_| {}).await;
    adds_up(&report);
    report
}

/// Runs it while `meanwhile` sees each report in between.
async fn run_while<F: Future<Output = ()>>(
    target: &Target,
    request: &LoadRequest,
    stop: &CancellationToken,
    meanwhile: impl FnOnce(mpsc::UnboundedReceiver<LoadReport>) -> F,
) -> LoadReport {
    let admitted = admitted(target, request).await;
    let (tell, told) = mpsc::unbounded_channel();
    let prober = prober();
    let running = async {
        let tell = tell;
        prober.load(target, request, admitted, stop, |report| tell.send(report).unwrap_or_default()).await
    };
    let (report, ()) = tokio::join!(running, meanwhile(told));
    adds_up(&report);
    report
}

/// What holds of every report.
#[track_caller]
fn adds_up(report: &LoadReport) {
    assert_eq!(report.requests, report.succeeded + report.failed, "{report:#?}");
    assert_eq!(report.errors.values().sum::<u64>(), report.failed + report.sessions_failed, "{report:#?}");
    assert_eq!(report.error.is_some(), !report.errors.is_empty(), "{report:#?}");
    let timeline = &report.timeline;
    assert_eq!(timeline.iter().map(|second| second.requests).sum::<u64>(), report.requests, "{report:#?}");
    assert_eq!(timeline.iter().map(|second| second.failed).sum::<u64>(), report.failed, "{report:#?}");
    assert!(timeline.iter().map(|second| second.second).eq(0..timeline.len() as u32), "{report:#?}");
    for times in [&report.latency, &report.connect] {
        let order = [
            times.min_ms,
            times.p50_ms,
            times.p90_ms,
            times.p95_ms,
            times.p99_ms,
            times.p999_ms,
            times.max_ms,
        ];
        assert!(order.is_sorted(), "{report:#?}");
    }
    assert_eq!(report.latency.p99_ms.is_some(), report.succeeded > 0, "{report:#?}");
    assert_eq!(report.unavailable.contains_key("latency"), report.succeeded == 0, "{report:#?}");
}

/// Sessions end a moment after their goodbye: asks until there is none.
async fn nothing_is_left(cluster: &Cluster) {
    let client = cluster.client("postgres").await;
    let asking = async { while client.query_one(OURS, &[]).await.unwrap().get::<_, i64>(0) > 0 {} };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("all sessions end");
}

/// Waits until there are `count` sessions of clients: one that was closed may still be counted for a moment.
async fn only(count: i64, watching: &tokio_postgres::Client) {
    let sql = "select count(*) from pg_stat_activity where backend_type = 'client backend'";
    let asking = async { while watching.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) != count {} };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("the others end");
}

/// A role without rights, as who a statement of somebody's own may be run.
async fn plain_role(cluster: &Cluster) -> Target {
    let sql = "create role tester login password 'pw'; create table t (n int); insert into t values (1); \
               create table slow (n int); grant select on t, slow to tester";
    cluster.client("postgres").await.batch_execute(sql).await.unwrap();
    Target { username: "tester".to_owned(), password: Some("pw".into()), ..target(cluster) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_keeps_every_session_busy_and_leaves_none() {
    for version in BOTH {
        let cluster = Cluster::start(version).await;
        let target = target(&cluster);
        let watching = cluster.client("postgres").await;
        let report = run_while(&target, &closed(4, 5.0), &CancellationToken::new(), |mut told| async move {
            let first = told.recv().await.unwrap();
            assert_eq!(watching.query_one(OURS, &[]).await.unwrap().get::<_, i64>(0), 4);
            assert_eq!((first.timeline.len(), first.timeline[0].requests), (1, first.requests));
            assert!(first.requests > 0 && !first.cancelled);
        })
        .await;
        assert_eq!(
            (report.mode, report.failed, report.sessions_failed),
            (LoadMode::Closed, 0, 0),
            "{report:#?}"
        );
        assert!(report.succeeded > 4 && report.throughput_per_s > 0.0, "{report:#?}");
        assert!(report.timeline.len() >= 5 && report.duration_s >= 5.0, "{report:#?}");
        assert_eq!((report.cancelled, report.pooler), (false, false), "{report:#?}");
        assert!(report.client.cpu_ratio.is_some_and(|ratio| ratio > 0.0), "{:?}", report.client);
        assert_eq!((report.statement.as_str(), report.connect.min_ms.is_some()), ("select 1", true));
        nothing_is_left(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_asks_as_often_as_its_schedule_says() {
    for version in BOTH {
        let cluster = Cluster::start(version).await;
        let report = run(&target(&cluster), &open(4, 2.0, 300.0)).await;
        assert_eq!((report.mode, report.requests, report.failed), (LoadMode::Open, 600, 0), "{report:#?}");
        assert!(report.client.lag_p99_ms.is_some(), "{:?}", report.client);
        nothing_is_left(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_rate_grow_over_the_ramp() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let stop = CancellationToken::new();
    let watching = cluster.client("postgres").await;
    let request = LoadRequest { ramp_s: 2.0, ..closed(8, 300.0) };
    run_while(&target, &request, &stop, |_told| async {
        let sql = "select count(*), extract(epoch from max(backend_start) - min(backend_start))::float8 \
                   from pg_stat_activity where application_name = 'pg-dashboard'";
        let apart_s = loop {
            let row = watching.query_one(sql, &[]).await.unwrap();
            if row.get::<_, i64>(0) == 8 {
                break row.get::<_, f64>(1);
            }
        };
        // The first is there before the clock starts, the last comes after 7/8 of the ramp.
        assert!(apart_s > 1.7, "{apart_s}");
        stop.cancel();
    })
    .await;
    nothing_is_left(&cluster).await;

    let report = run(&target, &LoadRequest { ramp_s: 2.0, ..open(8, 3.0, 400.0) }).await;
    // 400 · 2 / 2 in the ramp and 400 after it; 100 of them in the first second.
    assert_eq!((report.requests, report.failed), (800, 0), "{report:#?}");
    assert!(report.timeline[0].requests <= 100, "no answer comes before its request is due: {report:#?}");
}

/// The 99th percentile by the schedule: a request that falls due while nothing passes waits for the end of the pause, all
/// others not at all.
fn truth_p99_s(dues: &[f64], pause: (f64, f64)) -> f64 {
    let waits = |due: &f64| if (pause.0..pause.1).contains(due) { pause.1 - due } else { 0.0 };
    p99(dues.iter().map(waits).collect())
}

fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() as f64 * 0.99).ceil() as usize - 1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_pauses_shows_in_an_open_loop_with_every_request_that_had_to_wait() {
    let cluster = Cluster::start(Version::V18).await;
    let proxy = Arc::new(Proxy::to(cluster.port()));
    let target = Target { port: proxy.port(), ..target(&cluster) };
    let (rate, duration_s) = (100.0, 6.0);
    let (by_clock, by_calendar) = (Instant::now(), Utc::now());
    let pausing = Arc::clone(&proxy);
    let request = open(8, duration_s, rate);
    let report = run_while(&target, &request, &CancellationToken::new(), |mut told| async move {
        // Seconds go on while nothing passes: two of them.
        told.recv().await.unwrap();
        pausing.stall();
        told.recv().await.unwrap();
        told.recv().await.unwrap();
        pausing.resume();
    })
    .await;
    assert_eq!((report.requests, report.failed), (600, 0), "{report:#?}");

    let began = (report.started_at - by_calendar).to_std().unwrap();
    let after_start = |at: Instant| (at - by_clock).as_secs_f64() - began.as_secs_f64();
    let [(from, to)] = proxy.pauses()[..] else { panic!("one pause") };
    let pause = (after_start(from), after_start(to));
    let dues: Vec<f64> = (0..600).map(|number| f64::from(number) / rate).collect();
    let truth = truth_p99_s(&dues, pause);
    assert!(truth > 1.0, "the pause is long enough to show: {pause:?}");
    // On a machine that is busy otherwise, answers come later than the pause alone explains. The proxy has seen when: the
    // schedule's first request is answered first.
    let mut answers: Vec<f64> = proxy.answers().into_iter().map(after_start).collect();
    answers.drain(..answers.len() - 600);
    let seen = p99(dues.iter().zip(&answers).map(|(due, answer)| answer - due).collect());
    let told = report.latency.p99_ms.unwrap() / 1000.0;
    assert!(
        told >= truth * 0.95 && told <= truth.max(seen) * 1.05,
        "told {told}, truth {truth}, seen {seen}"
    );
    // A closed loop would tell next to nothing of it: 8 requests of thousands had to wait.
    assert!(report.latency.p50_ms.unwrap() / 1000.0 < truth / 2.0, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_sessions_than_the_target_has_to_give_are_refused_with_the_number_it_may_use() {
    for version in BOTH {
        let mut builder = Cluster::builder(version).setting("max_connections", "20");
        let reserved = if version == Version::V18 { 2 } else { 0 };
        if reserved > 0 {
            builder = builder.setting("reserved_connections", "2");
        }
        let cluster = builder.start().await;
        let watching = cluster.client("postgres").await;
        for sql in [
            "create role few login password 'pw' connection limit 6",
            "create database small connection limit 8",
        ] {
            watching.batch_execute(sql).await.unwrap();
        }
        let _other = cluster.client("postgres").await;

        // 20 less those for superusers, the reserved, the two clients above, and five.
        let may_use = 20 - 3 - reserved - 2 - 5;
        only(2, &watching).await;
        let refusal = refused(&target(&cluster), &closed(may_use + 1, 1.0)).await;
        assert_eq!(refusal, LoadRefusal::Sessions { may_use, limit: SessionLimit::Server });
        only(2, &watching).await;
        assert_eq!(admitted(&target(&cluster), &closed(may_use, 1.0)).await.may_use, may_use);

        let few = Target { username: "few".to_owned(), password: Some("pw".into()), ..target(&cluster) };
        only(2, &watching).await;
        let refusal = refused(&few, &closed(9, 1.0)).await;
        assert_eq!(refusal, LoadRefusal::Sessions { may_use: 4, limit: SessionLimit::Role });
        watching.batch_execute("alter role few connection limit 20").await.unwrap();
        let small = Target { database_name: "small".to_owned(), ..few.clone() };
        only(2, &watching).await;
        let refusal = refused(&small, &closed(4, 1.0)).await;
        assert_eq!(refusal, LoadRefusal::Sessions { may_use: 3, limit: SessionLimit::Database });
        watching.batch_execute("alter role few connection limit 1").await.unwrap();
        only(2, &watching).await;
        let refusal = refused(&few, &closed(1, 1.0)).await;
        assert_eq!(refusal, LoadRefusal::Sessions { may_use: 0, limit: SessionLimit::Role });

        // What may be used can be used.
        only(2, &watching).await;
        let report = run(&target(&cluster), &closed(may_use, 1.0)).await;
        assert_eq!((report.failed, report.sessions_failed), (0, 0), "{report:#?}");
        nothing_is_left(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_test_keeps_what_it_measured_and_leaves_nothing_that_runs() {
    for version in BOTH {
        let cluster = Cluster::start(version).await;
        let tester = plain_role(&cluster).await;
        // Quick until a row makes it sleep longer than anybody would wait.
        let statement = "select pg_sleep(case when exists (select from slow) then 600 else 0.01 end)";
        let request = LoadRequest { statement: Some(statement.to_owned()), ..closed(4, 300.0) };
        let stop = CancellationToken::new();
        let limits = Limits {
            statement: Duration::from_secs(600),
            load_request: Duration::from_secs(600),
            ..patient()
        };
        let prober = Prober::with_limits(limits);
        let admitted = prober.load_admission(&tester, &request).await.unwrap();
        let watching = cluster.client("postgres").await;
        let (tell, mut told) = mpsc::unbounded_channel();
        let running =
            prober.load(&tester, &request, admitted, &stop, |report| tell.send(report).unwrap_or_default());
        let stopping = async {
            told.recv().await.unwrap();
            watching.batch_execute("insert into slow values (1)").await.unwrap();
            let asleep = "select count(*) from pg_stat_activity where usename = 'tester' and wait_event = 'PgSleep' \
                          and query_start < now() - interval '1 s'";
            while watching.query_one(asleep, &[]).await.unwrap().get::<_, i64>(0) < 4 {}
            stop.cancel();
        };
        let (report, ()) = tokio::join!(running, stopping);
        adds_up(&report);
        assert!(report.cancelled && report.succeeded > 0, "{report:#?}");
        assert_eq!(
            (report.failed, report.sessions_failed),
            (0, 0),
            "what was on its way counts as nothing: {report:#?}"
        );
        assert!(report.duration_s >= 1.0 && report.duration_s < 300.0, "{report:#?}");
        nothing_is_left(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_is_counted_by_kind_and_one_that_comes_back_is_asked_again() {
    let cluster = Cluster::start(Version::V18).await;
    let watching = cluster.client("postgres").await;
    let target = target(&cluster);
    let stop = CancellationToken::new();
    let report = run_while(&target, &closed(4, 300.0), &stop, |mut told| {
        let stop = stop.clone();
        async move {
            told.recv().await.unwrap();
            let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                       where application_name = 'pg-dashboard'";
            assert_eq!(watching.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 4);
            let noticed = loop {
                let report = told.recv().await.unwrap();
                if report.errors.values().sum::<u64>() == 4 {
                    break report;
                }
            };
            while told.recv().await.unwrap().succeeded == noticed.succeeded {}
            stop.cancel();
        }
    })
    .await;
    assert_eq!(report.errors.values().sum::<u64>(), 4, "each session once: {report:#?}");
    assert_eq!(report.errors.keys().collect::<Vec<_>>(), [&Kind::ShuttingDown], "{report:#?}");

    let request = open(4, 10.0, 100.0);
    let admitted = admitted(&target, &request).await;
    let prober = Prober::with_limits(Limits { load_drain: Duration::from_millis(100), ..patient() });
    let (tell, mut told) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let running =
        prober.load(&target, &request, admitted, &stop, |report| tell.send(report).unwrap_or_default());
    let stopping = async {
        told.recv().await.unwrap();
        cluster.stop().await;
    };
    let (report, ()) = tokio::join!(running, stopping);
    adds_up(&report);
    let kinds: BTreeSet<Kind> = report.errors.keys().copied().collect();
    assert!(kinds.contains(&Kind::Refused), "connecting again failed: {report:#?}");
    assert!(kinds.contains(&Kind::Timeout), "what fell due was never answered: {report:#?}");
    assert_eq!(report.requests, 1000, "every request that fell due counts: {report:#?}");
    assert!(report.succeeded > 0, "{report:#?}");
    assert_eq!(report.error.map(|error| error.kind), Some(Kind::ShuttingDown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_cannot_be_reached_is_told_as_such() {
    let nobody = testkit::faulty::refused_port();
    let refusal = refused(&on_port(nobody.port()), &closed(1, 1.0)).await;
    let LoadRefusal::Target(error) = refusal else { panic!("{refusal:?}") };
    assert_eq!(error.kind, Kind::Refused);
    // Gone between the question and the test.
    let admission = LoadAdmission { pooler: false, may_use: 1 };
    let target = on_port(nobody.port());
    let report = prober().load(&target, &closed(2, 1.0), admission, &CancellationToken::new(), |_| {}).await;
    adds_up(&report);
    assert_eq!((report.requests, report.sessions_failed, report.duration_s), (0, 2, 0.0), "{report:#?}");
    assert_eq!(report.error.map(|error| error.kind), Some(Kind::Refused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_reach_beyond_the_database_runs_no_statement_of_their_own() {
    for version in BOTH {
        let cluster = Cluster::start(version).await;
        let tester = plain_role(&cluster).await;
        let request = LoadRequest { statement: Some("select n from t".to_owned()), ..closed(2, 1.0) };
        let refusal = refused(&target(&cluster), &request).await;
        assert_eq!(refusal, LoadRefusal::Role(BeyondTheDatabase::Superuser));
        let admin = cluster.client("postgres").await;
        for role in ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"] {
            // By way of another role, and without inheriting its rights.
            let sql = format!(
                "create role between; grant {role} to between; grant between to tester; alter role tester noinherit"
            );
            admin.batch_execute(&sql).await.unwrap();
            let refusal = refused(&tester, &request).await;
            assert_eq!(refusal, LoadRefusal::Role(BeyondTheDatabase::MemberOf(role.to_owned())));
            admin.batch_execute("drop role between").await.unwrap();
        }
        // Who may become a superuser can do what one can.
        admin.batch_execute("create role boss superuser; grant boss to tester").await.unwrap();
        let refusal = refused(&tester, &request).await;
        assert_eq!(refusal, LoadRefusal::Role(BeyondTheDatabase::Superuser));
        // Also where another role is chosen when it signs in.
        for sql in ["create role plain; grant plain to tester", "alter role tester set role = plain"] {
            admin.batch_execute(sql).await.unwrap();
        }
        let refusal = refused(&tester, &request).await;
        assert_eq!(refusal, LoadRefusal::Role(BeyondTheDatabase::Superuser));
        for sql in ["revoke boss from tester", "alter role tester reset role"] {
            admin.batch_execute(sql).await.unwrap();
        }
        let report = run(&tester, &request).await;
        assert!(report.succeeded > 0 && report.failed == 0, "{report:#?}");
        assert_eq!(report.statement, "select n from t");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_is_one_reads_only_and_is_tried_before_it_is_run_by_many() {
    let cluster = Cluster::start(Version::V18).await;
    let tester = plain_role(&cluster).await;
    cluster.client("postgres").await.batch_execute("grant all on t to tester").await.unwrap();
    for (statement, sqlstate) in [
        ("select 1; select 2", "42601"),
        ("select n from t where n = $1", "08P01"),
        ("insert into t values (2)", "25006"),
        ("select from where", "42601"),
        ("select 1 / 0", "22012"),
        ("select missing from t", "42703"),
    ] {
        let request = LoadRequest { statement: Some(statement.to_owned()), ..closed(1, 1.0) };
        let refusal = refused(&tester, &request).await;
        let LoadRefusal::Statement(error) = refusal else { panic!("{statement}: {refusal:?}") };
        assert_eq!(error.sqlstate.as_deref(), Some(sqlstate), "{statement}: {error:?}");
    }
    // Should we be gone, its transaction waits no longer than a statement may take.
    let limit = "select 1 / (current_setting('idle_in_transaction_session_timeout') = '5s')::int";
    let request = LoadRequest { statement: Some(limit.to_owned()), ..closed(1, 1.0) };
    admitted(&tester, &request).await;
    // Nothing that a statement does outlives it, not even a setting.
    let request = LoadRequest {
        statement: Some("select set_config('statement_timeout', '7', false)".to_owned()),
        ..closed(2, 1.0)
    };
    let report = run(&tester, &request).await;
    assert!(report.succeeded > 2 && report.failed == 0, "{report:#?}");
    nothing_is_left(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_said_to_a_server_beside_the_statement_is_marked_as_ours() {
    let cluster = Cluster::builder(Version::V18).preload("pg_stat_statements").start().await;
    let tester = plain_role(&cluster).await;
    let admin = cluster.client("postgres").await;
    admin.batch_execute("create extension pg_stat_statements").await.unwrap();
    let request = LoadRequest { statement: Some("select n from t".to_owned()), ..closed(1, 1.0) };
    run(&tester, &request).await;
    prober().plan(&tester, "select n from t where n = $1").await.unwrap();
    let said = "select query from pg_stat_statements s join pg_roles r on r.oid = s.userid \
                where rolname = 'tester' and toplevel and query !~ '/[*] pg-dashboard [*]/' order by query";
    let said: Vec<String> = admin.query(said, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    // The first answer of each session, and the statement itself.
    let others: Vec<&String> = said.iter().filter(|sql| !sql.eq_ignore_ascii_case("select $1")).collect();
    assert_eq!(others, ["select n from t"], "{said:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_fails_for_some_is_counted_with_its_words() {
    let cluster = Cluster::start(Version::V13).await;
    let tester = plain_role(&cluster).await;
    let admin = cluster.client("postgres").await;
    let statement = "select 1 / (case when exists (select from slow) then 0 else 1 end)";
    let request = LoadRequest { statement: Some(statement.to_owned()), ..closed(2, 2.0) };
    let report = run_while(&tester, &request, &CancellationToken::new(), |mut told| async move {
        told.recv().await.unwrap();
        admin.batch_execute("insert into slow values (1)").await.unwrap();
    })
    .await;
    assert!(report.succeeded > 0 && report.failed > 0, "{report:#?}");
    assert_eq!((report.errors[&Kind::Other], report.sessions_failed), (report.failed, 0), "{report:#?}");
    let error = report.error.unwrap();
    assert!(error.message.contains("division by zero"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_pgbouncer_in_transaction_mode_everything_works_and_nothing_is_left_in_its_sessions() {
    if !Bouncer::is_installed() {
        return;
    }
    for version in BOTH {
        let cluster = Cluster::start(version).await;
        let tester = plain_role(&cluster).await;
        let bouncer = Bouncer::builder(&cluster, PoolMode::Transaction)
            .login("tester", "pw")
            .setting("default_pool_size", "3");
        let bouncer = bouncer.start().await;
        let through = Target { port: bouncer.port(), ..target(&cluster) };
        for request in [closed(4, 1.0), open(4, 1.0, 200.0)] {
            let report = run(&through, &request).await;
            assert!(report.succeeded > 0 && report.pooler, "{report:#?}");
            assert_eq!((report.failed, report.sessions_failed), (0, 0), "{report:#?}\n{}", bouncer.log());
        }
        let through = Target { port: bouncer.port(), ..tester };
        let request = LoadRequest { statement: Some("select n from t".to_owned()), ..closed(4, 1.0) };
        let report = run(&through, &request).await;
        assert!(report.succeeded > 0, "{report:#?}");
        assert_eq!((report.failed, report.sessions_failed), (0, 0), "{report:#?}\n{}", bouncer.log());

        let locking =
            LoadRequest { statement: Some("select pg_advisory_lock(7)".to_owned()), ..closed(4, 1.0) };
        let report = run(&through, &locking).await;
        assert!(report.succeeded > 0 && report.sessions_failed == 0, "{report:#?}\n{}", bouncer.log());
        let watching = cluster.client("postgres").await;
        let locks = "select count(*) from pg_locks where locktype = 'advisory'";
        assert_eq!(watching.query_one(locks, &[]).await.unwrap().get::<_, i64>(0), 0);

        // Every server session that the pool has, as the next client finds it.
        let seen = "select current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') || ' ' \
                    || current_setting('transaction_read_only') || ' ' || (select count(*) from pg_prepared_statements)";
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(bouncer.port()).user("tester").password("pw").dbname("postgres");
        let mut clients = Vec::new();
        for _ in 0..3 {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("begin").await.unwrap();
            clients.push(client);
        }
        for client in &clients {
            let messages = client.simple_query(seen).await.unwrap();
            let row = messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            assert_eq!(row, Some("0 0 off 0"));
        }
    }
}
