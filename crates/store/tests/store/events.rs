//! Events: written with what they tell, numbered after the commit, read without a gap.

use std::{collections::BTreeSet, time::Duration};

use common::{
    ConnectionId,
    event::{Event, EventKind},
    health::{Change, ChangeKind, HealthStatus},
};
use serde_json::{Value, json};
use store::{EventBounds, Store};

use crate::support::{Fixture, any, failed, health, named, now, passed, seconds};

/// Everything that was told after `id`.
async fn told_after(store: &Store, id: i64) -> Vec<Event> {
    store.number_events().await.unwrap();
    store.events_after(id, 1000).await.unwrap().events
}

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind).collect()
}

fn detail<'a>(event: &'a Event, name: &str) -> &'a Value {
    event.data.details.get(name).unwrap_or_else(|| panic!("no {name} in {event:?}"))
}

#[tokio::test]
async fn what_happens_to_a_connection_is_told_in_its_order() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("orders").await;
    store.record_test(&passed(id, now(), 2.5), 1).await.unwrap();
    store.record_test(&failed(id, now() + seconds(1)), 1).await.unwrap();
    store.update(id, &named("renamed"), now(), any).await.unwrap();
    store.delete(id, None, now()).await.unwrap();
    store.restore(id, now()).await.unwrap();

    let events = told_after(store, 0).await;
    assert_eq!(
        kinds(&events),
        [
            EventKind::ConnectionCreated,
            EventKind::ConnectionTestPassed,
            EventKind::ConnectionTestFailed,
            EventKind::ConnectionUpdated,
            EventKind::ConnectionDeleted,
            EventKind::ConnectionCreated,
        ]
    );
    assert!(events.iter().all(|event| event.data.connection_id == Some(id)), "{events:?}");
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);

    let (passed, failed) = (&events[1], &events[2]);
    assert_eq!(passed.data.at, now());
    for (name, value) in [
        ("ok", json!(true)),
        ("status", json!("up")),
        ("was", json!("unknown")),
        ("round_trip_ms", json!(2.5)),
        ("p95_ms", json!(2.5)),
        ("error", json!(null)),
    ] {
        assert_eq!(detail(passed, name), &value, "{name}");
    }
    assert_eq!((detail(failed, "status"), detail(failed, "was")), (&json!("down"), &json!("up")));
    assert_eq!(detail(failed, "error"), "Connection refused");
    assert_eq!(detail(&events[3], "version"), 2);
    assert_eq!(detail(&events[5], "restored"), true);
}

#[tokio::test]
async fn a_reading_tells_its_score_and_each_change_that_is_new() {
    let fixture = Fixture::new().await;
    let id = fixture.add("orders").await;
    fixture.store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    let change = Change {
        at: now(),
        kind: ChangeKind::Setting,
        subject: Some("work_mem".to_owned()),
        before: Some("4MB".to_owned()),
        after: Some("8MB".to_owned()),
    };
    let mut reading = health(id, now(), HealthStatus::Warning, 71);
    reading.changes = vec![change];
    fixture.store.record_health(&reading, None, 1).await.unwrap();
    // The same reading again is the same change, which is told once.
    fixture.store.record_health(&reading, None, 1).await.unwrap();

    let events = told_after(&fixture.store, 2).await;
    let changes: Vec<&Event> = events.iter().filter(|event| event.kind == EventKind::Change).collect();
    assert_eq!(changes.len(), 1, "{events:?}");
    assert_eq!(detail(changes[0], "subject"), "work_mem");
    let readings: Vec<&Event> = events.iter().filter(|event| event.kind == EventKind::Health).collect();
    assert_eq!(
        (detail(readings[0], "score"), detail(readings[0], "health")),
        (&json!(71), &json!("warning"))
    );
    assert_eq!(
        (detail(readings[0], "status"), detail(readings[0], "was")),
        (&json!("degraded"), &json!("up"))
    );
}

#[tokio::test]
async fn what_is_older_than_what_is_shown_or_of_a_deleted_connection_is_not_told() {
    let fixture = Fixture::new().await;
    let id = fixture.add("orders").await;
    fixture.store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    fixture.store.record_test(&failed(id, now() - seconds(1)), 1).await.unwrap();
    fixture.store.delete(id, None, now()).await.unwrap();
    fixture.store.record_test(&passed(id, now() + seconds(1), 1.0), 1).await.unwrap();
    let events = told_after(&fixture.store, 1).await;
    assert_eq!(kinds(&events), [EventKind::ConnectionTestPassed, EventKind::ConnectionDeleted]);
}

#[tokio::test]
async fn a_refused_change_tells_nothing() {
    let fixture = Fixture::new().await;
    let id = fixture.add("orders").await;
    fixture.add("taken").await;
    fixture.store.update(id, &named("taken"), now(), any).await.unwrap_err();
    fixture.store.delete(id, Some(7), now()).await.unwrap_err();
    fixture.store.restore(id, now()).await.unwrap_err();
    assert_eq!(told_after(&fixture.store, 2).await, []);
}

#[tokio::test]
async fn nobody_misses_what_commits_after_something_that_was_written_later() {
    let fixture = Fixture::new().await;
    let mut slow = fixture.sql().await;
    let slow = slow.transaction().await.unwrap();
    slow.execute(
        "insert into dashboard.events (kind, connection_id, at, details) values ('health', 99, now(), '{}')",
        &[],
    )
    .await
    .unwrap();
    let quick = fixture.add("orders").await;

    let before = told_after(&fixture.store, 0).await;
    assert_eq!(before.iter().map(|event| event.data.connection_id).collect::<Vec<_>>(), [Some(quick)]);
    let read_up_to: i64 = before[0].id.parse().unwrap();
    slow.commit().await.unwrap();
    let after = told_after(&fixture.store, read_up_to).await;
    assert_eq!(
        after.iter().map(|event| event.data.connection_id).collect::<Vec<_>>(),
        [Some(ConnectionId(99))]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_of_several_dashboards_see_every_event_once_in_one_order() {
    const WRITERS: i64 = 6;
    const EACH: i64 = 25;
    let fixture = Fixture::new().await;
    let writers = (0..WRITERS).map(|writer| {
        let cluster = fixture.cluster().client("postgres");
        async move {
            let mut client = cluster.await;
            for number in 0..EACH {
                let transaction = client.transaction().await.unwrap();
                transaction
                    .execute(
                        "insert into dashboard.events (kind, connection_id, at, details)
                         values ('health', $1, now(), '{}')",
                        &[&(1 + writer * EACH + number)],
                    )
                    .await
                    .unwrap();
                // Others are in between.
                let pause = 0.001 * f64::from((number % 4) as i32);
                transaction.execute("select pg_sleep($1)", &[&pause]).await.unwrap();
                transaction.commit().await.unwrap();
            }
        }
    });
    let readers = (0..3).map(|_| {
        let config = fixture.config.clone();
        async move {
            let store = Store::open(config).await.unwrap();
            let (mut read, mut after) = (Vec::new(), 0);
            while read.len() < (WRITERS * EACH) as usize {
                store.number_events().await.unwrap();
                let page = store.events_after(after, 7).await.unwrap();
                after = page.up_to;
                read.extend(page.events.into_iter().map(|event| event.data.connection_id.unwrap().0));
            }
            read
        }
    });
    let writing = futures::future::join_all(writers);
    let reading = futures::future::join_all(readers);
    let (_, read) = tokio::join!(writing, reading);
    assert_eq!(read[0].iter().copied().collect::<BTreeSet<_>>(), (1..=WRITERS * EACH).collect());
    assert_eq!(read[0].len(), (WRITERS * EACH) as usize);
    assert!(read.iter().all(|other| *other == read[0]), "all in the same order");
}

#[tokio::test]
async fn old_events_go_and_who_has_not_read_them_is_known() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert_eq!(store.number_events().await.unwrap(), EventBounds::default());
    assert!(EventBounds::default().can_go_on_after(0));
    for name in ["a", "b", "c", "d"] {
        fixture.add(name).await;
    }
    store.number_events().await.unwrap();
    fixture
        .sql()
        .await
        .execute("update dashboard.events set written_at = now() - interval '2 hours' where id <> 3", &[])
        .await
        .unwrap();
    // The newest stays, however old: by it is known how far the ids are.
    assert_eq!(store.forget_events().await.unwrap(), 2);
    let bounds = store.number_events().await.unwrap();
    assert_eq!(bounds, EventBounds { oldest: 3, newest: 4 });
    let can_go_on: Vec<i64> = (0..=6).filter(|id| bounds.can_go_on_after(*id)).collect();
    assert_eq!(can_go_on, [2, 3, 4], "an id that was not given yet belongs to another database");
}

#[tokio::test]
async fn a_kind_of_a_newer_release_is_passed_over() {
    let fixture = Fixture::new().await;
    fixture
        .sql()
        .await
        .execute("insert into dashboard.events (kind, at, details) values ('telepathy', now(), '{}')", &[])
        .await
        .unwrap();
    fixture.store.number_events().await.unwrap();
    let page = fixture.store.events_after(0, 1).await.unwrap();
    assert_eq!((page.events.len(), page.up_to, page.more), (0, 1, true));
}

#[tokio::test]
async fn who_listens_is_woken_and_hears_when_the_session_is_gone() {
    let fixture = Fixture::new().await;
    let wakeups = fixture.store.event_wakeups().await.unwrap();
    let woken = || tokio::time::timeout(Duration::from_secs(30), wakeups.next());
    fixture.add("orders").await;
    woken().await.expect("a notification");
    assert!(wakeups.is_alive().await);
    fixture
        .sql()
        .await
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen pg_dashboard_events%'
             or query = ''",
            &[],
        )
        .await
        .unwrap();
    woken().await.expect("the end of the session");
    assert!(!wakeups.is_alive().await);
}
