//! Load tests through the use cases, on a real PostgreSQL and through a real PgBouncer.

// What cannot be set up ends the test where it stands.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{
    ConnectionDraft, ConnectionId, ConnectionInput, ProblemCode, RequestSecret, SslMode, TestErrorKind,
    database::DatabaseMode,
    job::JobState,
    load::{LoadJob, LoadRequest},
};
use probe::{Limits, Prober};
use service::{Clock, KeyRing, Principal, Service, StoreConfig, connections, health, load};
use testkit::{
    Cluster, Version,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio_util::sync::CancellationToken;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

const ADMIN: Principal = Principal::LocalAdmin;

/// A service over a database of its own, on the cluster that is its target as well.
struct Dashboard {
    service: Service,
    cluster: Cluster,
}

impl Dashboard {
    async fn start() -> Self {
        let cluster = Cluster::start(Version::V18).await;
        for database in ["dashboard", "shop"] {
            cluster.create_database(database).await;
        }
        let config = StoreConfig {
            url: cluster.url("dashboard").into(),
            direct_url: None,
            mode: DatabaseMode::External,
            keys: KeyRing::parse(&KeyRing::generate_key()).unwrap(),
            retention_days: 90,
            chunk_interval: "7 days".parse().unwrap(),
        };
        // A machine that is busy with other tests is slow, which is none of theirs.
        let long = Duration::from_secs(120);
        let limits =
            Limits { connect: long, round: long, load_request: long, load_drain: long, ..Limits::default() };
        let service = Service::open_with(config, Prober::with_limits(limits), Clock::system()).await.unwrap();
        Self { service, cluster }
    }

    fn draft(&self, name: &str) -> ConnectionDraft {
        ConnectionDraft {
            name: name.to_owned(),
            host: self.cluster.host().to_owned(),
            port: self.cluster.port().to_string(),
            database_name: "shop".to_owned(),
            username: self.cluster.user().to_owned(),
            password: RequestSecret::new(self.cluster.password()),
            ssl_mode: SslMode::Disable.to_string(),
            ..ConnectionDraft::default()
        }
    }

    async fn add(&self, draft: ConnectionDraft) -> ConnectionId {
        let input = ConnectionInput { test: false, ..draft.parse().unwrap() };
        connections::create(&self.service, &ADMIN, input, None).await.unwrap().connection.id
    }

    async fn start_load(&self, id: ConnectionId, request: &LoadRequest) -> Result<LoadJob, common::Problem> {
        load::start(&self.service, &ADMIN, id, request.clone()).await
    }

    /// The job once it is as it should be.
    async fn job(&self, id: &str, is: impl Fn(&LoadJob) -> bool) -> LoadJob {
        let looking = async {
            loop {
                let job = load::job(&self.service, &ADMIN, id).await.unwrap();
                if is(&job) {
                    return job;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), looking).await.unwrap()
    }

    /// On what is tested: sessions end a moment after their goodbye.
    async fn nobody_is_left(&self) {
        let client = self.cluster.client("postgres").await;
        let ours = "select count(*) from pg_stat_activity \
                    where application_name = 'pg-dashboard' and datname = 'shop'";
        let asking = async { while client.query_one(ours, &[]).await.unwrap().get::<_, i64>(0) > 0 {} };
        tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap();
    }

    async fn over(&self, id: &str) -> LoadJob {
        self.job(id, |job| job.state.is_over()).await
    }
}

/// What the audit log says, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target() == "audit"
    }

    fn event(&self, event: &Event<'_>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn who_ran_which_statement_is_told_with_what_came_of_it_and_without_its_text() {
    let dashboard = Dashboard::start().await;
    let draft = ConnectionDraft { allow_statements: true, ..dashboard.draft("of a superuser") };
    let id = dashboard.add(draft).await;
    let log = Log::default();
    let _logged = tracing::subscriber::set_default(log.clone());
    let request = LoadRequest { statement: Some("select 'secret'".to_owned()), ..asking(1, 1.0) };
    dashboard.start_load(id, &request).await.unwrap_err();
    let lines = log.0.lock().unwrap().clone();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    for part in ["actor=\"local-admin\"", "action=\"load.statement\"", "length=15", "outcome=\"forbidden\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // printf "select 'secret'" | sha256sum
    assert!(
        line.contains("sha256=cbf8f128fe7bbf3044e4ab9af994c0e110c2611f84135a8a28b94f0f71ed9cb4"),
        "{line}"
    );
    assert!(!line.contains("secret"), "{line}");
}

fn asking(connections: u32, duration_s: f64) -> LoadRequest {
    LoadRequest { connections, duration_s, ..LoadRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_test_is_a_job_that_is_found_again_and_compared_with_the_one_before() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(dashboard.draft("shop")).await;
    let none = load::comparison(&dashboard.service, &ADMIN, id).await.unwrap();
    assert_eq!((none.last, none.before, none.other_way), (None, None, None));

    let first = dashboard.start_load(id, &asking(2, 3.0)).await.unwrap();
    let found = load::running(&dashboard.service, &ADMIN, id).await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.connection_id), (first.id.as_str(), id));
    let half = dashboard.job(&first.id, |job| job.report_so_far.is_some()).await;
    assert!(half.progress_ratio > 0.0 && half.report_so_far.is_some_and(|report| report.requests > 0));
    let over = dashboard.over(&first.id).await;
    assert_eq!((over.state, over.progress_ratio), (JobState::Done, 1.0), "{over:?}");
    let report = over.report_so_far.unwrap();
    assert!(report.succeeded > 0 && report.failed == 0, "{report:?}");
    assert!(over.message.contains("answers"), "{}", over.message);
    assert_eq!(load::running(&dashboard.service, &ADMIN, id).await.unwrap(), None);

    let request = LoadRequest { rate_per_s: Some(50.0), ..asking(2, 1.0) };
    let second = dashboard.start_load(id, &request).await.unwrap();
    let later = dashboard.over(&second.id).await.report_so_far.unwrap();
    let compared = load::comparison(&dashboard.service, &ADMIN, id).await.unwrap();
    assert_eq!((compared.last, compared.before), (Some(later), Some(report)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_test_at_a_time_on_a_server_and_a_cancelled_one_keeps_what_it_measured() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(dashboard.draft("shop")).await;
    let same_server = dashboard.add(dashboard.draft("the same server")).await;
    let long = asking(2, 300.0);
    let job = dashboard.start_load(id, &long).await.unwrap();
    assert_eq!(dashboard.start_load(id, &long).await.unwrap().id, job.id, "the same test is joined");
    for (id, request) in [(id, asking(3, 300.0)), (same_server, long.clone())] {
        let busy = dashboard.start_load(id, &request).await.unwrap_err();
        assert_eq!((busy.code, busy.status), (ProblemCode::Busy, 409), "{busy}");
    }
    dashboard.job(&job.id, |job| job.report_so_far.is_some()).await;
    load::cancel(&dashboard.service, &ADMIN, &job.id).await.unwrap();
    let over = dashboard.over(&job.id).await;
    assert_eq!(over.state, JobState::Cancelled);
    let report = over.report_so_far.unwrap();
    assert!(report.cancelled && report.requests > 0, "{report:?}");
    let compared = load::comparison(&dashboard.service, &ADMIN, id).await.unwrap();
    assert_eq!(compared.last, Some(report));

    // The place is free again.
    let next = dashboard.start_load(same_server, &asking(1, 1.0)).await.unwrap();
    assert_eq!(dashboard.over(&next.id).await.state, JobState::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_ends_with_its_connection_and_is_not_taken_for_one_of_what_that_became() {
    let dashboard = Dashboard::start().await;
    let request = asking(2, 300.0);
    let id = dashboard.add(dashboard.draft("shop")).await;
    let service = &dashboard.service;
    let change = |draft: ConnectionDraft| async move {
        let input = ConnectionInput { test: false, ..draft.parse().unwrap() };
        connections::update(service, &ADMIN, id, input).await.unwrap()
    };
    let job = dashboard.start_load(id, &request).await.unwrap();
    dashboard.job(&job.id, |job| job.report_so_far.is_some()).await;
    // Another name changes nothing of it; but it was begun on another version.
    let kept = ConnectionDraft { password: RequestSecret::default(), ..dashboard.draft("renamed") };
    change(kept).await;
    assert!(!load::job(&dashboard.service, &ADMIN, &job.id).await.unwrap().state.is_over());
    let busy = dashboard.start_load(id, &request).await.unwrap_err();
    assert_eq!((busy.code, busy.status), (ProblemCode::Busy, 409), "{busy}");
    let nobody = testkit::faulty::refused_port();
    change(ConnectionDraft { port: nobody.port().to_string(), ..dashboard.draft("moved") }).await;
    // At once: the test of the old server may be ending still, and is nobody's answer.
    match dashboard.start_load(id, &request).await {
        Ok(other) => assert_ne!(other.id, job.id),
        Err(busy) => assert_eq!((busy.code, busy.status), (ProblemCode::Busy, 409), "{busy}"),
    }
    assert_eq!(dashboard.over(&job.id).await.state, JobState::Cancelled);

    let gone = dashboard.add(dashboard.draft("gone")).await;
    let job = dashboard.start_load(gone, &request).await.unwrap();
    connections::delete(&dashboard.service, &ADMIN, gone, None).await.unwrap();
    assert_eq!(dashboard.over(&job.id).await.state, JobState::Cancelled);
    dashboard.nobody_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_dashboard_stops_its_load_tests_have_ended() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(dashboard.draft("shop")).await;
    let job = dashboard.start_load(id, &asking(2, 300.0)).await.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    dashboard.service.run_background(stop).await;
    let over = load::job(&dashboard.service, &ADMIN, &job.id).await.unwrap();
    assert_eq!(over.state, JobState::Cancelled);
    dashboard.nobody_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_run_is_refused_before_it_is_a_job() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(dashboard.draft("shop")).await;
    let out_of_range = dashboard.start_load(id, &asking(0, 301.0)).await.unwrap_err();
    let fields: Vec<&str> = out_of_range.fields.iter().map(|error| error.field.as_str()).collect();
    assert_eq!((out_of_range.status, fields), (422, vec!["connections", "duration_s"]));

    let too_many = dashboard.start_load(id, &asking(200, 1.0)).await.unwrap_err();
    let message = too_many.message_of("connections").unwrap();
    let may_use = message.split(' ').filter_map(|word| word.parse::<u32>().ok()).next().unwrap();
    assert!(may_use > 10 && may_use < 100, "{message}");

    let statement = |sql: &str| LoadRequest { statement: Some(sql.to_owned()), ..asking(2, 1.0) };
    let switched_off = dashboard.start_load(id, &statement("select 2")).await.unwrap_err();
    assert_eq!(switched_off.code, ProblemCode::Forbidden, "{switched_off}");
    let allowing = ConnectionDraft { allow_statements: true, ..dashboard.draft("allowing") };
    let superuser = dashboard.add(allowing.clone()).await;
    let refused = dashboard.start_load(superuser, &statement("select 2")).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Forbidden, "{refused}");
    assert!(refused.detail.contains("superuser"), "{refused}");

    let sql = "create role tester login password 'pw'";
    dashboard.cluster.client("shop").await.batch_execute(sql).await.unwrap();
    let tester = dashboard
        .add(ConnectionDraft {
            name: "tester".to_owned(),
            username: "tester".to_owned(),
            password: RequestSecret::new("pw"),
            ..allowing
        })
        .await;
    let no_plan = dashboard.start_load(tester, &statement("prepare transaction 'x'")).await.unwrap_err();
    assert_eq!((no_plan.status, no_plan.fields[0].code.as_str()), (422, "no_plan"), "{no_plan}");
    let two = dashboard.start_load(tester, &statement("select 1; select 2")).await.unwrap_err();
    assert_eq!((two.status, two.fields[0].field.as_str()), (422, "statement"), "{two}");
    let job = dashboard.start_load(tester, &statement("select 2")).await.unwrap();
    let report = dashboard.over(&job.id).await.report_so_far.unwrap();
    assert!(report.succeeded > 0 && report.failed == 0 && report.statement == "select 2", "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_cannot_be_reached_is_a_report_that_is_not_kept() {
    let dashboard = Dashboard::start().await;
    let nobody = testkit::faulty::refused_port();
    let draft = ConnectionDraft { port: nobody.port().to_string(), ..dashboard.draft("nobody") };
    let id = dashboard.add(draft).await;
    let job = dashboard.start_load(id, &asking(1, 1.0)).await.unwrap();
    let over = dashboard.over(&job.id).await;
    assert_eq!(over.state, JobState::Done);
    let error = over.report_so_far.unwrap().error.unwrap();
    assert_eq!((error.kind, over.message), (TestErrorKind::Refused, error.message));
    let compared = load::comparison(&dashboard.service, &ADMIN, id).await.unwrap();
    assert_eq!(compared.last, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_and_through_the_pooler_stand_side_by_side() {
    if !Bouncer::is_installed() {
        return;
    }
    let dashboard = Dashboard::start().await;
    let bouncer = Bouncer::start(&dashboard.cluster, PoolMode::Transaction).await;
    let direct = dashboard.add(dashboard.draft("direct")).await;
    let draft = ConnectionDraft { port: bouncer.port().to_string(), ..dashboard.draft("pooled") };
    let pooled = dashboard.add(draft).await;
    for id in [direct, pooled] {
        health::read(&dashboard.service, &ADMIN, id, true).await.unwrap();
        let job = dashboard.start_load(id, &asking(2, 1.0)).await.unwrap();
        assert_eq!(dashboard.over(&job.id).await.state, JobState::Done);
    }
    let compared = load::comparison(&dashboard.service, &ADMIN, direct).await.unwrap();
    let other = compared.other_way.unwrap();
    assert_eq!((other.connection_id, other.connection_name.as_str(), other.pooler), (pooled, "pooled", true));
    assert!(other.report.is_some_and(|report| report.pooler && report.succeeded > 0));
    let compared = load::comparison(&dashboard.service, &ADMIN, pooled).await.unwrap();
    assert!(compared.last.is_some_and(|report| report.pooler));
    assert!(compared.other_way.is_some_and(|other| other.connection_id == direct && !other.pooler));
}
