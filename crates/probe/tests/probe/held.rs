//! What holds of sessions that are kept open.

use std::time::{Duration, Instant};

use common::{ConnectionId, SslMode, TestErrorKind as Kind, TestResult, test_result::TestKind};
use probe::{Asked, Guests, HeldSessions, Keeping, Limits, Prober, Target};
use testkit::{Cluster, Version, certs::Authority, faulty};

use crate::{matrix::every_missing_number_has_its_reason, on_port, target};

fn asked(target: &Target) -> Asked<'_> {
    Asked { target, version: 1, keep: true, now: true, next: Duration::ZERO }
}

/// Sessions for which this is so, and a chance that is none.
fn kept(keeping: Keeping) -> HeldSessions {
    Prober::new().held_with(Guests::default(), keeping, || 1.0)
}

/// The server processes of our sessions, the oldest first.
async fn ours(cluster: &Cluster) -> Vec<i32> {
    // A session that has seen the activity once sees the same until its transaction ends.
    let admin = cluster.client("postgres").await;
    let pids =
        "select pid from pg_stat_activity where application_name = 'pg-dashboard' order by backend_start";
    admin.query(pids, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// A server process takes a moment to end after its client has hung up.
async fn until_ours_are(cluster: &Cluster, expected: &[i32]) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let open = ours(cluster).await;
        if open == expected {
            return;
        }
        assert!(Instant::now() < until, "{open:?} are open, not {expected:?}");
    }
}

#[track_caller]
fn pid(test: &TestResult) -> i32 {
    test.backend_pid.unwrap_or_else(|| panic!("{test:#?}"))
}

#[tokio::test]
async fn a_held_session_is_tested_by_one_round_trip_and_its_database_read_in_three() {
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        cluster.client("postgres").await.batch_execute("create extension pg_stat_statements").await.unwrap();
        let target = target(&cluster);
        let held = Prober::new().held(Guests::default());
        let first = held.health(asked(&target), None, false).await.unwrap();
        assert_eq!((first.test.kind, first.health.error.clone()), (TestKind::Full, None));

        let second = held.health(asked(&target), first.memory.as_ref(), false).await.unwrap();
        assert_eq!(second.health.error, None);
        assert_eq!(second.test.kind, TestKind::Held);
        assert!((1..=3).contains(&second.round_trips), "{} round trips", second.round_trips);
        assert_eq!(pid(&second.test), pid(&first.test));
        assert_eq!(second.health.server.system_identifier, first.health.server.system_identifier);
        assert!(second.health.statements.available, "{:?}", second.health.statements);
        every_missing_number_has_its_reason(&second.health);

        let test = held.test(asked(&target)).await.unwrap();
        assert!(test.ok && test.round_trip_ms.is_some_and(|ms| ms > 0.0), "{test:#?}");
        assert_eq!((test.kind, test.phases), (TestKind::Held, common::Phases::default()));
        for phase in ["dns", "tcp", "tls", "auth", "query"] {
            assert_eq!(test.unavailable[&format!("phases.{phase}_ms")].reason, "held_session");
        }
        assert_eq!(test.unavailable["tls"].reason, "not_used");
        assert_eq!(test.server_version_num, first.test.server_version_num);
        assert_eq!(ours(&cluster).await, [pid(&first.test)]);
        assert_eq!(held.idle(), 1);
    }
}

#[tokio::test]
async fn a_test_on_a_held_session_still_tells_how_it_is_encrypted() {
    let ca = Authority::new();
    let cluster = Cluster::builder(Version::V18).tls(&ca.issue(&["localhost", "127.0.0.1"])).start().await;
    let target = Target { ssl_mode: SslMode::VerifyFull, ssl_root_cert: Some(ca.pem()), ..target(&cluster) };
    let held = Prober::new().held(Guests::default());
    let full = held.test(asked(&target)).await.unwrap();
    let test = held.test(asked(&target)).await.unwrap();
    assert_eq!((full.kind, test.kind), (TestKind::Full, TestKind::Held));
    assert!(test.tls.is_some() && test.tls == full.tls);
    assert!(!test.unavailable.contains_key("tls"));
}

#[tokio::test]
async fn what_changes_on_the_server_is_seen_on_the_same_session() {
    let cluster = Cluster::builder(Version::V18).preload("pg_stat_statements").start().await;
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute("create extension pg_stat_statements; create role app login password 'x'")
        .await
        .unwrap();
    let app = Target { username: "app".to_owned(), password: Some("x".into()), ..target(&cluster) };
    let held = Prober::new().held(Guests::default());
    let first = held.health(asked(&app), None, false).await.unwrap();
    assert_eq!(first.health.statements.reason.as_deref(), Some("no_privilege"));
    admin.batch_execute("grant pg_monitor to app").await.unwrap();
    let second = held.health(asked(&app), first.memory.as_ref(), false).await.unwrap();
    assert_eq!(pid(&second.test), pid(&first.test));
    assert!(second.health.statements.available, "{:?}", second.health.statements);
    assert!(second.health.metrics.active_connections.is_some());
}

#[tokio::test]
async fn a_session_that_was_ended_is_opened_anew_without_anybody_noticing() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let held = Prober::new().held(Guests::default());
    let first = held.test(asked(&target)).await.unwrap();
    let admin = cluster.client("postgres").await;
    admin.execute("select pg_terminate_backend($1, 5000)", &[&pid(&first)]).await.unwrap();
    let second = held.health(asked(&target), None, false).await.unwrap();
    assert_eq!((second.test.kind, second.health.error), (TestKind::Full, None));
    assert_ne!(pid(&second.test), pid(&first));
    assert_eq!(ours(&cluster).await, [pid(&second.test)]);
}

#[tokio::test]
async fn a_query_that_hangs_on_a_held_session_is_cancelled_and_the_session_given_up() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let limits = Limits { health: Duration::from_millis(500), ..Limits::default() };
    let held = Prober::with_limits(limits).held(Guests::default());
    let first = held.test(asked(&target)).await.unwrap();
    let admin = cluster.client("postgres").await;
    admin.batch_execute("begin; lock table pg_extension in access exclusive mode").await.unwrap();
    let hung = held.health(asked(&target), None, false).await.unwrap();
    assert_eq!((hung.test.kind, pid(&hung.test)), (TestKind::Held, pid(&first)));
    assert_eq!(hung.health.error.unwrap().kind, Kind::Timeout);
    assert_eq!(held.idle(), 0);
    until_ours_are(&cluster, &[]).await;
    admin.batch_execute("rollback").await.unwrap();
    let after = held.health(asked(&target), None, false).await.unwrap();
    assert_eq!((after.test.kind, after.health.error), (TestKind::Full, None));
}

#[tokio::test]
async fn a_fresh_connect_takes_the_place_of_the_held_session_when_it_is_due() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let held = kept(Keeping { renew: Duration::ZERO, ..Keeping::default() });
    let mut before = None;
    for _ in 0..3 {
        let test = held.test(asked(&target)).await.unwrap();
        assert_eq!(test.kind, TestKind::Full);
        assert!(test.phases.auth_ms.is_some());
        assert_ne!(before, test.backend_pid);
        until_ours_are(&cluster, &[pid(&test)]).await;
        before = test.backend_pid;
    }
}

#[tokio::test]
async fn refused_logins_are_seen_while_the_held_session_still_answers() {
    let cluster = Cluster::start(Version::V18).await;
    let admin = cluster.client("postgres").await;
    admin.batch_execute("create role app login password 'x'").await.unwrap();
    let app = Target { username: "app".to_owned(), password: Some("x".into()), ..target(&cluster) };
    let held = kept(Keeping { renew: Duration::ZERO, ..Keeping::default() });
    let first = held.test(asked(&app)).await.unwrap();
    admin.batch_execute("alter role app nologin").await.unwrap();

    let refused = held.health(asked(&app), None, false).await.unwrap();
    assert_eq!((refused.test.kind, refused.test.ok), (TestKind::Full, false));
    assert!(refused.health.metrics.total_connections.is_some(), "{:#?}", refused.health);
    assert!(refused.health.server.version_num.is_some() && refused.health.error.is_none());
    assert_eq!(ours(&cluster).await, [pid(&first)]);

    // By itself it leaves the server alone for a while; for a person it tries again at once.
    let left_alone = held.test(Asked { now: false, ..asked(&app) }).await.unwrap_err();
    assert_eq!(*left_alone.last, refused.test);
    assert!(!left_alone.wait.is_zero() && left_alone.wait <= Duration::from_secs(1), "{left_alone:?}");
    admin.batch_execute("alter role app login").await.unwrap();
    let again = held.test(asked(&app)).await.unwrap();
    assert!(again.ok && pid(&again) != pid(&first));
    until_ours_are(&cluster, &[pid(&again)]).await;
    assert!(held.test(Asked { now: false, ..asked(&app) }).await.unwrap().ok);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_left_alone_until_a_person_asks() {
    let refused = faulty::refused_port();
    let target = on_port(refused.port());
    let held = kept(Keeping::default());
    let by_itself = Asked { now: false, ..asked(&target) };
    let first = held.health(by_itself, None, false).await.unwrap();
    assert_eq!(first.test.error.as_ref().unwrap().kind, Kind::Refused);
    let left_alone = held.health(by_itself, None, false).await.unwrap_err();
    assert_eq!(*left_alone.last, first.test);
    let again = held.health(asked(&target), None, false).await.unwrap();
    assert!(again.test.checked_at > first.test.checked_at);
    // A changed connection begins anew.
    let changed = Asked { version: 2, ..by_itself };
    assert!(held.health(changed, None, false).await.is_ok());
}

#[tokio::test]
async fn a_session_that_nobody_uses_is_closed() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let held = kept(Keeping { idle: Duration::ZERO, ..Keeping::default() });
    assert!(held.test(asked(&target)).await.unwrap().ok);
    until_ours_are(&cluster, &[]).await;
    assert_eq!(held.idle(), 0);
    assert!(!cluster.log().contains("unexpected EOF"), "{}", cluster.log());
}

#[tokio::test]
async fn a_session_is_closed_when_its_connection_changes_or_goes_or_may_sleep_and_at_the_end() {
    let cluster = Cluster::start(Version::V18).await;
    let target = target(&cluster);
    let held = kept(Keeping::default());
    let sleepy = Asked { keep: false, ..asked(&target) };
    assert!(held.health(sleepy, None, false).await.unwrap().test.ok);
    assert_eq!(held.idle(), 0);
    until_ours_are(&cluster, &[]).await;

    held.test(asked(&target)).await.unwrap();
    let changed = held.test(Asked { version: 2, ..asked(&target) }).await.unwrap();
    assert_eq!(changed.kind, TestKind::Full);
    until_ours_are(&cluster, &[pid(&changed)]).await;
    // Who still asks what it was before gets an answer, and nothing is kept.
    assert_eq!(held.test(asked(&target)).await.unwrap().kind, TestKind::Full);
    until_ours_are(&cluster, &[pid(&changed)]).await;

    held.close(target.connection_id).await;
    assert_eq!(held.idle(), 0);
    until_ours_are(&cluster, &[]).await;

    held.test(asked(&target)).await.unwrap();
    held.close_all().await;
    assert!(held.test(asked(&target)).await.unwrap().ok);
    assert_eq!(held.idle(), 0);
    until_ours_are(&cluster, &[]).await;
}

#[tokio::test]
async fn two_sessions_on_a_server_are_the_most_and_the_longest_idle_makes_room() {
    let cluster = Cluster::start(Version::V18).await;
    let guests = Guests::default();
    let held = Prober::new().held(guests.clone());
    let of = |id| Target { connection_id: ConnectionId(id), ..target(&cluster) };
    let (first, second, third) = (of(1), of(2), of(3));
    let oldest = held.test(asked(&first)).await.unwrap();
    let newer = held.test(asked(&second)).await.unwrap();
    assert_eq!(ours(&cluster).await, [pid(&oldest), pid(&newer)]);
    // The first was used last now.
    assert_eq!(held.test(asked(&first)).await.unwrap().kind, TestKind::Held);

    let newest = held.test(asked(&third)).await.unwrap();
    until_ours_are(&cluster, &[pid(&oldest), pid(&newest)]).await;
    // Also for who does not hold sessions.
    let place = guests.place(&first.host, first.port).await;
    assert_eq!(held.idle(), 1);
    until_ours_are(&cluster, &[pid(&newest)]).await;
    drop(place);
}

#[tokio::test]
async fn with_no_place_beside_it_the_held_session_makes_way_for_the_fresh_connect() {
    let cluster = Cluster::start(Version::V18).await;
    let guests = Guests::default();
    let keeping = Keeping { renew: Duration::ZERO, make_room: Duration::ZERO, ..Keeping::default() };
    let held = Prober::new().held_with(guests.clone(), keeping, || 1.0);
    let target = target(&cluster);
    let first = held.test(asked(&target)).await.unwrap();
    let _busy = guests.place(&target.host, target.port).await;
    let second = held.test(asked(&target)).await.unwrap();
    assert_eq!((second.kind, second.ok), (TestKind::Full, true));
    assert_ne!(pid(&first), pid(&second));
    until_ours_are(&cluster, &[pid(&second)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lock_above_access_share_is_taken_and_a_locked_catalog_costs_only_its_own_check() {
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        let admin = cluster.client("postgres").await;
        admin.batch_execute("create extension pg_stat_statements").await.unwrap();
        admin.batch_execute("begin; lock table pg_extension in access exclusive mode").await.unwrap();
        let target = target(&cluster);
        let reading = tokio::spawn(async move { Prober::new().health(&target, None, false).await });
        let onlooker = cluster.client("postgres").await;
        let locks = "select l.locktype, l.mode, l.granted
                       from pg_locks l join pg_stat_activity a using (pid)
                      where a.application_name = 'pg-dashboard'";
        let mut seen = std::collections::BTreeSet::new();
        while !reading.is_finished() {
            for row in onlooker.query(locks, &[]).await.unwrap() {
                seen.insert((row.get::<_, String>(0), row.get::<_, String>(1), row.get::<_, bool>(2)));
            }
        }
        let reading = reading.await.unwrap();
        assert!(seen.contains(&("relation".to_owned(), "AccessShareLock".to_owned(), false)), "{seen:?}");
        for (kind, mode, _) in &seen {
            // A transaction always holds its own virtual id.
            let is_its_own = kind == "virtualxid" && mode == "ExclusiveLock";
            assert!(mode == "AccessShareLock" || is_its_own, "{version}: {seen:?}");
        }
        assert_eq!(reading.health.error, None);
        assert!(reading.health.statements.reason.unwrap().contains("locked"));
        assert!(reading.health.metrics.database_size_bytes.is_some());
        assert!(reading.health.checks.iter().any(|check| check.status == common::health::CheckStatus::Ok));
    }
}
