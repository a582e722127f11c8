//! What changed: kept once, in order, for as long as history is.

use common::{
    PasswordChange,
    health::{Change, ChangeKind, HealthStatus, KnownChange},
};
use store::{ChangeFilter, StoreError};

use crate::support::{Fixture, any, draft, health, named, now, seconds};

fn change(after_s: i64, kind: ChangeKind, subject: &str, before: &str, after: &str) -> Change {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Change {
        at: now() + seconds(after_s),
        kind,
        subject: text(subject),
        before: text(before),
        after: text(after),
    }
}

fn said(changes: &[KnownChange]) -> Vec<(&str, &str)> {
    let text =
        |text: &'static str, it: &Option<String>| it.as_deref().map_or(text, |it| it.to_owned().leak());
    changes.iter().map(|change| (text("-", &change.subject), text("-", &change.after))).collect()
}

#[tokio::test]
async fn a_reading_that_is_recorded_twice_changed_something_once() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let mut reading = health(id, now(), HealthStatus::Ok, 90);
    reading.changes = vec![
        change(0, ChangeKind::Setting, "work_mem", "4MB", "64MB\0"),
        change(0, ChangeKind::Restart, "", "a", "b"),
    ];
    for _ in 0..2 {
        fixture.store.record_health(&reading, None, 1).await.unwrap();
    }
    let page = fixture.store.changes(&ChangeFilter::default(), 10, None).await.unwrap();
    assert_eq!((page.total, page.next), (2, None));
    assert_eq!(said(&page.items), [("work_mem", "64MB\u{FFFD}"), ("-", "b")]);
    let first = &page.items[0];
    assert_eq!((first.connection_id, first.connection_name.as_str()), (id, "one"));
    assert_eq!((first.at, first.kind), (now(), ChangeKind::Setting));
    assert_eq!(first.before.as_deref(), Some("4MB"));
}

#[tokio::test]
async fn what_two_readings_at_once_notice_is_said_once_and_what_happens_again_is_said_again() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let noticed = |after_s, before: &str, after: &str| {
        let mut reading = health(id, now() + seconds(after_s), HealthStatus::Ok, 90);
        reading.changes = vec![change(after_s, ChangeKind::Setting, "work_mem", before, after)];
        reading
    };
    for reading in [
        noticed(0, "4MB", "64MB"),
        // From the same memory, a moment later.
        noticed(1, "4MB", "64MB"),
        noticed(20, "64MB", "4MB"),
        noticed(40, "4MB", "64MB"),
        noticed(400, "4MB", "64MB"),
    ] {
        fixture.store.record_health(&reading, None, 1).await.unwrap();
    }
    let page = fixture.store.changes(&ChangeFilter::default(), 10, None).await.unwrap();
    let at: Vec<i64> = page.items.iter().map(|change| (change.at - now()).num_seconds()).collect();
    assert_eq!(at, [400, 40, 20, 0]);
}

#[tokio::test]
async fn only_the_reading_that_became_the_newest_changed_something() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    store.record_health(&health(id, now() + seconds(9), HealthStatus::Ok, 90), None, 1).await.unwrap();
    let mut late = health(id, now(), HealthStatus::Ok, 90);
    late.changes = vec![change(0, ChangeKind::Role, "", "standby", "primary")];
    store.record_health(&late, None, 1).await.unwrap();
    // Of an address that was left while it was under way.
    let mut draft = draft("one");
    draft.host = "elsewhere.example.com".to_owned();
    store.update(id, &draft.parse().unwrap(), now(), any).await.unwrap();
    let mut left = health(id, now() + seconds(20), HealthStatus::Ok, 90);
    left.changes = vec![change(20, ChangeKind::Role, "", "standby", "primary")];
    store.record_health(&left, None, 1).await.unwrap();
    store.record_changes(id, &left.changes, 1).await.unwrap();
    assert_eq!(fixture.count("changes").await, 0);
    store.record_changes(id, &left.changes, 2).await.unwrap();
    assert_eq!(fixture.count("changes").await, 1);
}

#[tokio::test]
async fn the_timeline_is_read_in_pages_by_connection_kind_and_time() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (one, two) = (fixture.add("one").await, fixture.add("two").await);
    for step in 0..5 {
        let at = 100 * step;
        let plans: Vec<Change> =
            ["a", "b"].map(|subject| change(at, ChangeKind::Plan, subject, "", &step.to_string())).into();
        store.record_changes(one, &plans, 1).await.unwrap();
        store.record_changes(one, &plans, 1).await.unwrap();
    }
    store.record_changes(two, &[change(450, ChangeKind::User, "app", "login", "")], 1).await.unwrap();
    let all = ChangeFilter::default();
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = store.changes(&all, 3, cursor.as_deref()).await.unwrap();
        assert_eq!(page.total, 11);
        seen.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<(&str, &str)> = [("app", "-")]
        .into_iter()
        .chain(["4", "3", "2", "1", "0"].into_iter().flat_map(|step| [("a", step), ("b", step)]))
        .collect();
    assert_eq!(said(&seen), expected);

    let only = |filter: ChangeFilter| async move { store.changes(&filter, 100, None).await.unwrap() };
    assert_eq!(only(ChangeFilter { connection_id: Some(two), ..all }).await.total, 1);
    assert_eq!(only(ChangeFilter { kind: Some(ChangeKind::Plan), ..all }).await.total, 10);
    assert_eq!(only(ChangeFilter { kind: Some(ChangeKind::Role), ..all }).await.items, []);
    let from_to = ChangeFilter { from: Some(now() + seconds(100)), to: Some(now() + seconds(300)), ..all };
    assert_eq!(said(&only(from_to).await.items), [("a", "2"), ("b", "2"), ("a", "1"), ("b", "1")]);
    assert!(matches!(store.changes(&all, 3, Some("x")).await, Err(StoreError::BadCursor)));
}

#[tokio::test]
async fn changes_of_another_release_are_passed_over() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let sql = "insert into dashboard.changes (connection_id, at, kind) values ($1, now(), 'colour')";
    fixture.sql().await.execute(sql, &[&id.0]).await.unwrap();
    assert_eq!(fixture.store.changes(&ChangeFilter::default(), 10, None).await.unwrap().total, 0);
}

#[tokio::test]
async fn changes_end_with_their_retention_and_with_their_connection() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.add("one").await;
    for days in [0, 89, 91] {
        let restart = [change(-days * 86_400, ChangeKind::Restart, "", "a", "b")];
        store.record_changes(id, &restart, 1).await.unwrap();
    }
    assert_eq!(store.maintain_history(now()).await.unwrap().rows_dropped, 1);
    assert_eq!(fixture.count("changes").await, 2);
    store.delete(id, None, now()).await.unwrap();
    assert_eq!(store.changes(&ChangeFilter::default(), 10, None).await.unwrap().total, 0, "hidden at once");
    assert_eq!(store.purge(now() + seconds(31)).await.unwrap(), 1);
    assert_eq!(fixture.count("changes").await, 0);
}

#[tokio::test]
async fn a_password_is_as_old_as_its_last_change() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let since = |id| async move { store.target(id).await.unwrap().password_since };
    let mut input = named("one");
    let id = store.insert(&input, None, now()).await.unwrap();
    assert_eq!(since(id).await, None, "there is none");

    let set = |password: &str| PasswordChange::Set(draft_password(password));
    input.password = set("a");
    store.update(id, &input, now() + seconds(10), any).await.unwrap();
    assert_eq!(since(id).await, Some(now() + seconds(10)));
    input.password = PasswordChange::Keep;
    store.update(id, &input, now() + seconds(20), any).await.unwrap();
    assert_eq!(since(id).await, Some(now() + seconds(10)));
    input.password = set("b");
    store.update(id, &input, now() + seconds(30), any).await.unwrap();
    assert_eq!(since(id).await, Some(now() + seconds(30)));
    input.password = PasswordChange::Remove;
    store.update(id, &input, now() + seconds(40), any).await.unwrap();
    assert_eq!(since(id).await, None);

    let mut with_one = named("two");
    with_one.password = set("a");
    let id = store.insert(&with_one, None, now()).await.unwrap();
    assert_eq!(since(id).await, Some(now()));
}

fn draft_password(password: &str) -> common::RequestSecret {
    common::RequestSecret::new(password)
}
