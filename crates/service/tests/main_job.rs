//! The main job through the use cases, on a real PostgreSQL: add, test, read, change, delete.

// What cannot be set up ends the test where it stands.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use common::{
    ConnectionId, ConnectionInput, ConnectionStatus, Created, PasswordChange, ProblemCode, RequestSecret,
    SslMode, TestErrorKind, connection::ListQuery, database::DatabaseMode, health::HealthStatus,
    health::Severity, test_result::TestKind,
};
use service::{
    Clock, KeyRing, Principal, Service, StoreConfig, checks, connections, database, findings, health,
};
use testkit::{Cluster, Version, faulty::Proxy};
use tokio_util::sync::CancellationToken;

const ADMIN: Principal = Principal::LocalAdmin;

/// A service over a database of its own, on the cluster that is its target as well.
struct Dashboard {
    service: Service,
    cluster: Cluster,
}

impl Dashboard {
    async fn start() -> Self {
        Self::start_with(Clock::system()).await
    }

    async fn start_with(clock: Clock) -> Self {
        let cluster = Cluster::start(Version::V18).await;
        cluster.create_database("dashboard").await;
        cluster.create_database("shop").await;
        let config = StoreConfig {
            url: cluster.url("dashboard").into(),
            direct_url: None,
            mode: DatabaseMode::External,
            keys: KeyRing::parse(&KeyRing::generate_key()).unwrap(),
            retention_days: 90,
            chunk_interval: "7 days".parse().unwrap(),
        };
        let service = Service::open_with(config, probe::Prober::new(), clock).await.unwrap();
        Self { service, cluster }
    }

    fn input(&self, name: &str) -> ConnectionInput {
        ConnectionInput {
            name: Some(name.to_owned()),
            host: self.cluster.host().to_owned(),
            port: self.cluster.port(),
            database_name: "shop".to_owned(),
            username: self.cluster.user().to_owned(),
            password: PasswordChange::Set(RequestSecret::new(self.cluster.password())),
            ssl_mode: SslMode::Auto,
            ssl_root_cert: None,
            region: None,
            cloud_provider: None,
            place: None,
            tags: Vec::new(),
            notes: String::new(),
            check_interval_s: 60,
            paused: false,
            let_sleep: false,
            allow_statements: false,
            version: None,
            test: true,
        }
    }

    async fn create(&self, input: ConnectionInput) -> Created {
        connections::create(&self.service, &ADMIN, input, None).await.unwrap()
    }
}

#[tokio::test]
async fn a_new_connection_is_tested_at_once_and_its_health_read() {
    let dashboard = Dashboard::start().await;
    let created = dashboard.create(dashboard.input("shop")).await;
    let test = created.test.unwrap();
    assert!(test.ok, "{:?}", test.error);
    assert_eq!(created.connection.last_check.as_ref().map(|check| check.checked_at), Some(test.checked_at));

    let read = health::read(&dashboard.service, &ADMIN, created.connection.id, true).await.unwrap();
    assert_eq!(read.status, HealthStatus::Ok);
    assert!(read.metrics.transactions_per_s.is_some());
    let listed = connections::list(&dashboard.service, &ADMIN, ListQuery::default()).await.unwrap();
    assert_eq!((listed.total, listed.items[0].status), (1, ConnectionStatus::Up));
    assert!(listed.items[0].health.is_some());
    let summary = database::summary(&dashboard.service, &ADMIN).await.unwrap();
    assert_eq!((summary.connections.total, summary.connections.up), (1, 1));
    assert!(summary.size_bytes.is_some_and(|bytes| bytes > 1_000_000));
    assert_eq!(
        (summary.availability_ratio["24h"], summary.availability_ratio["30d"]),
        (Some(1.0), Some(1.0))
    );
    assert!(!summary.unavailable.contains_key("availability_ratio"));
}

#[tokio::test]
async fn a_connection_whose_test_fails_is_saved_and_becomes_a_finding() {
    let dashboard = Dashboard::start().await;
    let wrong = PasswordChange::Set(RequestSecret::new("not the password"));
    let created = dashboard.create(ConnectionInput { password: wrong, ..dashboard.input("shop") }).await;
    let error = created.test.and_then(|test| test.error).unwrap();
    assert_eq!(error.kind, TestErrorKind::Auth);
    assert_eq!(created.connection.status, ConnectionStatus::Down);

    let query = findings::FindingQuery { severity: Some(Severity::Critical), ..Default::default() };
    let found = findings::list(&dashboard.service, &ADMIN, query.clone()).await.unwrap();
    assert_eq!((found.total, found.items[0].check_id.as_str()), (1, "connection"));

    let right = PasswordChange::Set(RequestSecret::new(dashboard.cluster.password()));
    let input = ConnectionInput { password: right, ..dashboard.input("shop") };
    let id = created.connection.id;
    connections::update(&dashboard.service, &ADMIN, id, input).await.unwrap();
    assert!(checks::test(&dashboard.service, &ADMIN, id).await.unwrap().ok);
    assert_eq!(findings::list(&dashboard.service, &ADMIN, query).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_stored_password_is_not_sent_anywhere_new() {
    let dashboard = Dashboard::start().await;
    let created = dashboard.create(dashboard.input("shop")).await;
    let id = created.connection.id;
    let keeping = ConnectionInput { password: PasswordChange::Keep, ..dashboard.input("shop") };
    let elsewhere = [
        ConnectionInput { host: "localhost".to_owned(), ..keeping.clone() },
        ConnectionInput { port: 1, ..keeping.clone() },
        ConnectionInput { username: "other".to_owned(), ..keeping.clone() },
        ConnectionInput { ssl_mode: SslMode::Disable, ..keeping.clone() },
    ];
    for input in elsewhere {
        let refused = connections::update(&dashboard.service, &ADMIN, id, input).await.unwrap_err();
        assert_eq!(refused.fields[0].field, "password");
    }
    let renamed = ConnectionInput { name: Some("shop eu".to_owned()), ..keeping.clone() };
    let changed = connections::update(&dashboard.service, &ADMIN, id, renamed).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.version, changed.has_password), ("shop eu", 2, true));
    assert!(checks::test(&dashboard.service, &ADMIN, id).await.unwrap().ok);
    let stricter = ConnectionInput { ssl_mode: SslMode::VerifyFull, ..keeping };
    connections::update(&dashboard.service, &ADMIN, id, stricter).await.unwrap();
}

#[tokio::test]
async fn a_change_from_an_old_version_is_refused() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.create(dashboard.input("shop")).await.connection.id;
    let from_first = ConnectionInput { version: Some(1), ..dashboard.input("shop") };
    connections::update(&dashboard.service, &ADMIN, id, from_first.clone()).await.unwrap();
    let refused = connections::update(&dashboard.service, &ADMIN, id, from_first).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Conflict);
    let refused = connections::delete(&dashboard.service, &ADMIN, id, Some(1)).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Conflict);
    connections::delete(&dashboard.service, &ADMIN, id, Some(2)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_connection_is_hidden_at_once_and_can_be_restored() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.create(dashboard.input("shop")).await.connection.id;
    connections::delete(&dashboard.service, &ADMIN, id, None).await.unwrap();
    let gone = connections::get(&dashboard.service, &ADMIN, id).await.unwrap_err();
    assert_eq!(gone.code, ProblemCode::NotFound);
    let gone = checks::test(&dashboard.service, &ADMIN, id).await.unwrap_err();
    assert_eq!(gone.code, ProblemCode::NotFound);
    connections::restore(&dashboard.service, &ADMIN, id).await.unwrap();
    assert!(checks::test(&dashboard.service, &ADMIN, id).await.unwrap().ok);
}

#[tokio::test]
async fn an_idempotency_key_creates_once() {
    let dashboard = Dashboard::start().await;
    let key = || Some("a-key".to_owned());
    let create = |input| connections::create(&dashboard.service, &ADMIN, input, key());
    let first = create(dashboard.input("shop")).await.unwrap();
    let again = create(dashboard.input("shop")).await.unwrap();
    assert_eq!(first.connection.id, again.connection.id);
    assert_eq!(first.test, again.test);
    let password = PasswordChange::Set(RequestSecret::new("another"));
    for other in [dashboard.input("other"), ConnectionInput { password, ..dashboard.input("shop") }] {
        assert_eq!(create(other).await.unwrap_err().code, ProblemCode::Conflict);
    }
}

#[tokio::test]
async fn two_tests_at_the_same_time_are_one() {
    let dashboard = Dashboard::start().await;
    let proxy = Proxy::to(dashboard.cluster.port());
    let input = ConnectionInput { test: false, port: proxy.port(), ..dashboard.input("shop") };
    let id = dashboard.create(input).await.connection.id;
    proxy.stall();
    let begun = async {
        while proxy.connections() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let second = async {
        begun.await;
        // The first goes on when the second has long been on its way: it asks our own database once before it joins.
        let all_others = async {
            for _ in 0..20 {
                connections::list(&dashboard.service, &ADMIN, ListQuery::default()).await.unwrap();
            }
            proxy.resume();
        };
        tokio::join!(checks::test(&dashboard.service, &ADMIN, id), all_others).0
    };
    let (one, two) = tokio::join!(checks::test(&dashboard.service, &ADMIN, id), second);
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.ok, "{:?}", one.error);
    assert_eq!((one.checked_at, proxy.connections()), (two.checked_at, 1));
}

#[tokio::test]
async fn all_connections_are_tested_and_grouped_by_region() {
    let dashboard = Dashboard::start().await;
    for (name, region) in [("a", Some("EU West")), ("b", Some("EU West")), ("c", None)] {
        let input =
            ConnectionInput { region: region.map(str::to_owned), test: false, ..dashboard.input(name) };
        dashboard.create(input).await;
    }
    let paused = ConnectionInput { paused: true, test: false, ..dashboard.input("paused") };
    dashboard.create(paused).await;
    let answer = checks::all_regions(&dashboard.service, &ADMIN).await.unwrap();
    let checks::AllRegionsAnswer::Done(all) = answer else { panic!("three connections are no job") };
    assert_eq!((all.tested, all.ok), (3, 3));
    let regions: Vec<_> =
        all.regions.iter().map(|region| (region.region.as_deref(), region.tested)).collect();
    assert_eq!(regions, [(None, 1), (Some("EU West"), 2)]);
}

#[tokio::test]
async fn the_health_of_all_takes_what_is_missing() {
    let dashboard = Dashboard::start().await;
    let input = ConnectionInput { test: false, ..dashboard.input("shop") };
    dashboard.create(input).await;
    let all = health::read_all(&dashboard.service, &ADMIN).await.unwrap();
    assert_eq!((all.items.len(), all.summary.ok), (1, 1));
}

#[tokio::test]
async fn a_root_certificate_that_is_none_is_refused_on_its_field() {
    let dashboard = Dashboard::start().await;
    let pem = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n".to_owned();
    let input = ConnectionInput { ssl_root_cert: Some(pem), ..dashboard.input("shop") };
    let refused = connections::create(&dashboard.service, &ADMIN, input, None).await.unwrap_err();
    assert_eq!(refused.fields[0].field, "ssl_root_cert");
    let listed = connections::list(&dashboard.service, &ADMIN, ListQuery::default()).await.unwrap();
    assert_eq!(listed.total, 0);
}

#[tokio::test]
async fn the_system_may_not_change_connections() {
    let dashboard = Dashboard::start().await;
    let input = dashboard.input("shop");
    let refused = connections::create(&dashboard.service, &Principal::System, input, None).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_paused_connection_is_only_asked_when_a_person_says_so() {
    let dashboard = Dashboard::start().await;
    let paused = ConnectionInput { paused: true, test: false, ..dashboard.input("shop") };
    let id = dashboard.create(paused.clone()).await.connection.id;
    let looked_at = health::read(&dashboard.service, &ADMIN, id, false).await.unwrap();
    assert_eq!(looked_at.status, HealthStatus::Unknown);
    assert!(looked_at.unavailable.contains_key("metrics"));
    let saved = connections::update_and_test(&dashboard.service, &ADMIN, id, paused.clone()).await.unwrap();
    assert_eq!((saved.test, saved.connection.last_check), (None, None));

    let asked = health::read(&dashboard.service, &ADMIN, id, true).await.unwrap();
    assert_eq!(asked.status, HealthStatus::Ok);
    let resumed = ConnectionInput { paused: false, ..paused };
    let saved = connections::update_and_test(&dashboard.service, &ADMIN, id, resumed).await.unwrap();
    assert!(saved.test.is_some_and(|test| test.ok));
}

#[tokio::test]
async fn who_asks_in_a_loop_is_told_when_to_try_again() {
    let dashboard = Dashboard::start().await;
    let input = ConnectionInput { port: 1, test: false, ..dashboard.input("refused") };
    let id = dashboard.create(input).await.connection.id;
    let mut refused = None;
    for _ in 0..200 {
        match checks::test(&dashboard.service, &ADMIN, id).await {
            Ok(test) => assert!(!test.ok),
            Err(problem) => refused = Some(problem),
        }
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("twenty at once, then one a second");
    assert_eq!(refused.code, ProblemCode::RateLimited);
    assert!(refused.retry_after_s.is_some_and(|seconds| seconds >= 1));
}

/// Whether each recorded check of the connection was on a held session, the oldest first.
async fn recorded(dashboard: &Dashboard, id: ConnectionId) -> Vec<bool> {
    let client = dashboard.cluster.client("dashboard").await;
    let held = "select held from dashboard.checks where connection_id = $1 order by checked_at";
    client.query(held, &[&id.0]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Waits until so many sessions are open on the monitored database: a server process takes a moment to end.
async fn until_open(dashboard: &Dashboard, expected: i64) {
    let open = "select count(*) from pg_stat_activity where datname = 'shop'";
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let client = dashboard.cluster.client("dashboard").await;
        let count: i64 = client.query_one(open, &[]).await.unwrap().get(0);
        if count == expected {
            return;
        }
        assert!(Instant::now() < until, "{count} sessions are open, not {expected}");
    }
}

#[tokio::test]
async fn readings_share_a_session_that_is_recorded_as_held_and_ends_with_the_connection() {
    let dashboard = Dashboard::start().await;
    let service = &dashboard.service;
    let input = ConnectionInput { test: false, ..dashboard.input("shop") };
    let id = dashboard.create(input.clone()).await.connection.id;
    for _ in 0..2 {
        assert_eq!(health::read(service, &ADMIN, id, true).await.unwrap().error, None);
    }
    assert_eq!(recorded(&dashboard, id).await, [false, true]);
    let last = connections::get(service, &ADMIN, id).await.unwrap().last_check.unwrap();
    assert_eq!((last.kind, last.ok), (TestKind::Held, true));
    assert_eq!(last.unavailable["phases.tcp_ms"].reason, "held_session");
    until_open(&dashboard, 1).await;

    // A person who presses "Test now" wants to know whether one can connect.
    assert_eq!(checks::test(service, &ADMIN, id).await.unwrap().kind, TestKind::Full);
    assert_eq!(recorded(&dashboard, id).await, [false, true, false]);
    until_open(&dashboard, 1).await;

    connections::update(
        service,
        &ADMIN,
        id,
        ConnectionInput { notes: "changed".to_owned(), ..input.clone() },
    )
    .await
    .unwrap();
    until_open(&dashboard, 0).await;
    health::read(service, &ADMIN, id, true).await.unwrap();
    assert_eq!(recorded(&dashboard, id).await, [false, true, false, false]);
    until_open(&dashboard, 1).await;
    connections::delete(service, &ADMIN, id, None).await.unwrap();
    until_open(&dashboard, 0).await;
}

#[tokio::test]
async fn no_session_keeps_a_database_awake_that_may_sleep_or_is_paused() {
    let dashboard = Dashboard::start().await;
    let input = ConnectionInput { test: false, ..dashboard.input("shop") };
    for quiet in [
        ConnectionInput { let_sleep: true, name: Some("sleepy".to_owned()), ..input.clone() },
        ConnectionInput { paused: true, name: Some("paused".to_owned()), ..input },
    ] {
        let id = dashboard.create(quiet).await.connection.id;
        for _ in 0..2 {
            assert_eq!(health::read(&dashboard.service, &ADMIN, id, true).await.unwrap().error, None);
            until_open(&dashboard, 0).await;
        }
        assert_eq!(recorded(&dashboard, id).await, [false, false]);
    }
}

#[tokio::test]
async fn connections_to_one_server_share_two_sessions_and_all_end_with_the_dashboard() {
    let dashboard = Dashboard::start().await;
    let service = &dashboard.service;
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        let input = ConnectionInput { test: false, ..dashboard.input(name) };
        ids.push(dashboard.create(input).await.connection.id);
    }
    let all = health::read_all(service, &ADMIN).await.unwrap();
    assert_eq!(all.summary.ok, 3, "{all:#?}");
    for id in ids {
        assert!(checks::test(service, &ADMIN, id).await.unwrap().ok);
    }
    let open = "select count(*) from pg_stat_activity where datname = 'shop'";
    let client = dashboard.cluster.client("dashboard").await;
    assert!(client.query_one(open, &[]).await.unwrap().get::<_, i64>(0) <= 2);
    let stop = CancellationToken::new();
    stop.cancel();
    service.run_background(stop).await;
    until_open(&dashboard, 0).await;
}
