//! Statements: what is kept of each reading, and what a list over any range says.

use chrono::{DateTime, Utc};
use common::{
    ConnectionId,
    health::{HealthStatus, Statements},
    statements::{
        StatementCost, StatementInterval, StatementKey, StatementOrder, StatementText, StatementsQuery,
    },
};
use store::StatementsReading;

use crate::support::{Fixture, any, draft, health, now, seconds};

fn key(query_id: i64) -> StatementKey {
    StatementKey { database_oid: 5, user_oid: 10, query_id, toplevel: true }
}

fn cost(calls: i64, total_ms: f64) -> StatementCost {
    let mean_ms = total_ms / calls as f64;
    StatementCost {
        calls,
        total_ms,
        squares: calls as f64 * mean_ms * mean_ms,
        rows: calls,
        shared_hit_bytes: 8192,
        shared_read_bytes: 0,
        wal_bytes: Some(0),
        ..StatementCost::default()
    }
}

fn text(query_id: i64, query: &str) -> StatementText {
    StatementText {
        key: key(query_id),
        user: "app".to_owned(),
        database: "orders".to_owned(),
        query: query.to_owned(),
        complete: true,
        own: false,
    }
}

/// A reading that ended at `ended_at`, an interval of a minute.
fn reading(
    id: ConnectionId,
    ended_at: DateTime<Utc>,
    statements: &[(i64, StatementCost)],
) -> StatementsReading {
    StatementsReading {
        connection_id: id,
        taken_at: ended_at,
        snapshot: "{\"kept\":1}".to_owned(),
        compared_with: Some(ended_at - seconds(60)),
        interval: Some(StatementInterval {
            began_at: Some(ended_at - seconds(60)),
            ended_at,
            cumulative: false,
            calls: 1000,
            total_ms: 1000.0,
            statements: statements.iter().map(|(query_id, cost)| (key(*query_id), *cost)).collect(),
        }),
        texts: Vec::new(),
    }
}

/// The first reading of a connection: everything since `began_at`.
fn first(id: ConnectionId, at: DateTime<Utc>, statements: &[(i64, StatementCost)]) -> StatementsReading {
    let mut first = reading(id, at, statements);
    first.compared_with = None;
    if let Some(interval) = &mut first.interval {
        interval.cumulative = true;
        interval.began_at = Some(at - seconds(86_400 * 30));
    }
    first
}

async fn listed(fixture: &Fixture, query: &StatementsQuery) -> Vec<(String, i64)> {
    let page = fixture.store.expensive_statements(query, now()).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items.into_iter().map(|item| (item.query_id, item.calls)).collect()
}

fn pairs<const N: usize>(pairs: [(&str, i64); N]) -> Vec<(String, i64)> {
    pairs.into_iter().map(|(id, calls)| (id.to_owned(), calls)).collect()
}

#[tokio::test]
async fn after_one_reading_the_list_is_since_the_counters_began_and_then_the_last_day() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let at = now() - seconds(3600);
    let mut begin = first(id, at, &[(1, cost(500, 400.0)), (2, cost(9, 100.0))]);
    begin.texts = vec![text(1, "select 1"), text(2, "select 2")];
    assert!(fixture.store.record_statements(&begin, 1).await.unwrap());
    let any_time = StatementsQuery::default();
    let page = fixture.store.expensive_statements(&any_time, now()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let top = &page.items[0];
    assert_eq!((top.query_id.as_str(), top.query.as_deref(), top.calls), ("1", Some("select 1"), 500));
    assert_eq!((top.share_ratio, top.mean_ms, top.stddev_ms), (Some(0.4), 0.8, 0.0));
    assert_eq!(top.since, Some(at - seconds(86_400 * 30)));
    assert_eq!((top.user.as_deref(), top.database.as_deref()), (Some("app"), Some("orders")));
    assert_eq!((top.shared_hit_ratio, top.min_ms), (Some(1.0), None));
    assert!(top.unavailable.contains_key("min_ms") && top.unavailable.contains_key("max_ms"));
    // A range that is asked for holds no sum over a month.
    let today = StatementsQuery { from: Some(at - seconds(60)), ..any_time.clone() };
    assert_eq!(listed(&fixture, &today).await, pairs([]));

    let mut next = reading(id, at + seconds(60), &[(2, cost(3, 30.0)), (3, cost(1, 10.0))]);
    next.compared_with = Some(at);
    assert!(fixture.store.record_statements(&next, 1).await.unwrap());
    assert_eq!(listed(&fixture, &any_time).await, pairs([("2", 3), ("3", 1)]));
    let page = fixture.store.expensive_statements(&any_time, now()).await.unwrap();
    assert_eq!(page.items[0].share_ratio, Some(0.03));
    assert_eq!((&page.items[1].query, &page.items[1].user), (&None, &None));
    assert!(page.items[1].unavailable.contains_key("query"));
}

#[tokio::test]
async fn readings_close_together_are_one_interval_and_sums_are_right() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let mut at = now() - seconds(3600);
    assert!(fixture.store.record_statements(&first(id, at, &[]), 1).await.unwrap());
    for _ in 0..10 {
        at += seconds(60);
        let mut one = cost(2, 20.0);
        one.max_ms = Some(15.0);
        assert!(fixture.store.record_statements(&reading(id, at, &[(1, one)]), 1).await.unwrap());
    }
    // Ten minutes are two intervals of five, beside the one since the beginning.
    assert_eq!((fixture.count("statement_intervals").await, fixture.count("statement_deltas").await), (3, 2));
    let page = fixture.store.expensive_statements(&StatementsQuery::default(), now()).await.unwrap();
    let item = &page.items[0];
    assert_eq!((item.calls, item.total_ms, item.share_ratio), (20, 200.0, Some(0.02)));
    assert_eq!((item.max_ms, item.min_ms), (Some(15.0), None));
    assert_eq!(item.since, Some(now() - seconds(3600)));
    // A range that begins in the second interval holds it whole, and says so.
    let later = StatementsQuery { from: Some(now() - seconds(3600 - 400)), ..StatementsQuery::default() };
    let page = fixture.store.expensive_statements(&later, now()).await.unwrap();
    assert_eq!((page.items[0].calls, page.items[0].since), (10, Some(now() - seconds(3600 - 300))));
    let before = StatementsQuery { to: Some(now() - seconds(3600)), ..StatementsQuery::default() };
    assert_eq!(listed(&fixture, &before).await, pairs([]));
}

#[tokio::test]
async fn every_order_puts_its_own_first_and_what_the_dashboard_sent_is_left_out() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let most = |change: fn(&mut StatementCost)| {
        let mut cost = cost(10, 10.0);
        change(&mut cost);
        cost
    };
    let statements = [
        (1, cost(100, 500.0)),
        (2, cost(1, 200.0)),
        (3, cost(5000, 50.0)),
        (4, most(|cost| cost.rows = 1_000_000)),
        (5, most(|cost| cost.shared_read_bytes = 1 << 40)),
        (6, most(|cost| cost.temp_bytes = 1 << 30)),
        (7, most(|cost| cost.wal_bytes = Some(1 << 30))),
        (8, most(|cost| cost.wal_bytes = None)),
        (9, cost(1_000_000, 900.0)),
    ];
    let mut one = first(id, now(), &statements);
    one.texts = vec![StatementText { own: true, ..text(9, "select /* pg-dashboard */ 1") }];
    assert!(fixture.store.record_statements(&one, 1).await.unwrap());
    for (order, expected) in StatementOrder::ALL.into_iter().zip(["1", "2", "3", "4", "5", "6", "7"]) {
        let query = StatementsQuery { order_by: order, ..StatementsQuery::default() };
        let listed = listed(&fixture, &query).await;
        assert_eq!((listed[0].0.as_str(), listed.len()), (expected, 8), "{order}");
        let query = StatementsQuery { limit: Some(2), ..query };
        let page = fixture.store.expensive_statements(&query, now()).await.unwrap();
        assert_eq!((page.items.len(), page.total, page.next), (2, 8, None));
    }
    let page = fixture.store.expensive_statements(&StatementsQuery::default(), now()).await.unwrap();
    let eight = page.items.iter().find(|item| item.query_id == "8").unwrap();
    assert_eq!(eight.wal_bytes, None);
    assert!(eight.unavailable.contains_key("wal_bytes"));
}

#[tokio::test]
async fn what_lies_between_two_readings_is_never_counted_twice() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let at = now() - seconds(600);
    assert!(fixture.store.record_statements(&first(id, at, &[]), 1).await.unwrap());
    let next = reading(id, at + seconds(60), &[(1, cost(2, 20.0))]);
    assert!(fixture.store.record_statements(&next, 1).await.unwrap());
    assert!(!fixture.store.record_statements(&next, 1).await.unwrap(), "twice is as good as once");
    // Another replica had compared with the same reading.
    let mut other = reading(id, at + seconds(61), &[(1, cost(3, 30.0))]);
    other.compared_with = Some(at);
    assert!(!fixture.store.record_statements(&other, 1).await.unwrap());
    assert_eq!(listed(&fixture, &StatementsQuery::default()).await, pairs([("1", 2)]));
    // Nor is what a connection was before it led elsewhere.
    assert!(!fixture.store.record_statements(&reading(ConnectionId(99), now(), &[]), 1).await.unwrap());
}

#[tokio::test]
async fn the_next_reading_finds_the_snapshot_and_whose_text_is_known() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    assert_eq!(fixture.store.statements_before(id).await.unwrap(), None);
    let mut begin = first(id, now(), &[(1, cost(1, 1.0))]);
    begin.texts = vec![text(1, "select $1"), StatementText { own: true, ..text(2, "rollback") }];
    assert!(fixture.store.record_statements(&begin, 1).await.unwrap());
    let before = fixture.store.statements_before(id).await.unwrap().unwrap();
    assert_eq!((before.taken_at, before.snapshot.as_str()), (now(), "{\"kept\":1}"));
    assert_eq!(before.texts, [(key(1), false), (key(2), true)].into());

    let found = fixture.store.statement_text(id, 1).await.unwrap().unwrap();
    assert_eq!((found.query.as_str(), found.complete), ("select $1", true));
    assert_eq!(fixture.store.statement_text(id, 2).await.unwrap(), None, "our own is none of theirs");
    assert_eq!(fixture.store.statement_text(id, 3).await.unwrap(), None);
    let texts = fixture.store.statement_texts(id, &[key(1), key(3)]).await.unwrap();
    assert_eq!(texts.get(&key(1)).map(|text| text.query.as_str()), Some("select $1"));
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn statements_go_with_their_connection_their_address_and_their_age() {
    const TABLES: [&str; 4] =
        ["statement_snapshots", "statement_texts", "statement_intervals", "statement_deltas"];
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let keep = async |id, at| {
        let mut one = first(id, at, &[(1, cost(1, 1.0))]);
        one.texts = vec![text(1, "select $1")];
        assert!(store.record_statements(&one, 1).await.unwrap());
    };
    let (moved, deleted, old) =
        (fixture.add("moved").await, fixture.add("deleted").await, fixture.add("old").await);
    keep(moved, now()).await;
    keep(deleted, now()).await;
    keep(old, now() - seconds(86_400 * 91)).await;
    let counts = async || {
        let mut counts = Vec::new();
        for table in TABLES {
            counts.push(fixture.count(table).await);
        }
        counts
    };
    assert_eq!(counts().await, [3, 3, 3, 3]);
    store.maintain_history(now()).await.unwrap();
    // The snapshot stays: it is compared with, however long ago it was.
    assert_eq!(counts().await, [3, 2, 2, 2]);
    let mut elsewhere = draft("moved");
    elsewhere.host = "elsewhere.example.com".to_owned();
    store.update(moved, &elsewhere.parse().unwrap(), now(), any).await.unwrap();
    assert_eq!(counts().await, [2, 1, 1, 1]);
    // What was still being read at the old address is of no use.
    assert!(!store.record_statements(&first(moved, now(), &[(1, cost(1, 1.0))]), 1).await.unwrap());
    store.delete(deleted, None, now()).await.unwrap();
    let listed = store.expensive_statements(&StatementsQuery::default(), now()).await.unwrap();
    assert_eq!((listed.items.len(), listed.sources.len()), (0, 2));
    store.purge(now() + seconds(31)).await.unwrap();
    assert_eq!(counts().await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn each_source_says_whether_its_statements_can_be_read() {
    let fixture = Fixture::new().await;
    let (fine, refused, unread) = (fixture.add("a").await, fixture.add("b").await, fixture.add("c").await);
    let mut reading = health(fine, now(), HealthStatus::Ok, 100);
    reading.statements = Statements { available: true, ..Statements::default() };
    fixture.store.record_health(&reading, None, 1).await.unwrap();
    reading = health(refused, now(), HealthStatus::Ok, 100);
    reading.statements = Statements {
        reason: Some("not_installed".to_owned()),
        fix_sql: Some("CREATE EXTENSION pg_stat_statements;".to_owned()),
        ..Statements::default()
    };
    fixture.store.record_health(&reading, None, 1).await.unwrap();
    let page = fixture.store.expensive_statements(&StatementsQuery::default(), now()).await.unwrap();
    let said: Vec<_> = page
        .sources
        .iter()
        .map(|source| {
            (source.connection_id, source.available, source.reason.as_deref(), source.fix_sql.is_some())
        })
        .collect();
    assert_eq!(
        said,
        [
            (fine, true, None, false),
            (refused, false, Some("not_installed"), true),
            (unread, false, Some("not_collected"), false)
        ]
    );
    let one = StatementsQuery { connection_ids: vec![refused], ..StatementsQuery::default() };
    let page = fixture.store.expensive_statements(&one, now()).await.unwrap();
    assert_eq!(page.sources.len(), 1);
}

#[tokio::test]
async fn over_time_each_interval_counts_where_it_lies_and_where_nothing_was_counted_is_a_gap() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    // Whole quarters of an hour are easy to check.
    let quarter = |count: i64| {
        let begin = now().timestamp() / 900 * 900 - 8 * 900;
        DateTime::from_timestamp(begin + count * 900, 0).unwrap()
    };
    let interval = |began_at, ended_at, statements: &[(i64, StatementCost)]| {
        let mut reading = reading(id, ended_at, statements);
        reading.compared_with = Some(began_at);
        if let Some(interval) = &mut reading.interval {
            (interval.began_at, interval.calls, interval.total_ms) = (Some(began_at), 100, 180_000.0);
        }
        reading
    };
    let mut begin = first(id, quarter(0), &[(1, cost(500, 400_000.0))]);
    begin.texts = vec![text(1, "select 1"), StatementText { own: true, ..text(3, "select ours") }];
    assert!(fixture.store.record_statements(&begin, 1).await.unwrap());
    // Half an hour: half of it in each quarter. What the dashboard sends is among the others.
    let half_hour = interval(quarter(0), quarter(2), &[(1, cost(60, 90_000.0)), (3, cost(1, 1000.0))]);
    assert!(fixture.store.record_statements(&half_hour, 1).await.unwrap());
    let after_a_gap = interval(quarter(5), quarter(6), &[(2, cost(10, 18_000.0))]);
    let mut in_between = after_a_gap.clone();
    (in_between.taken_at, in_between.compared_with, in_between.interval) =
        (quarter(5), Some(quarter(2)), None);
    assert!(fixture.store.record_statements(&in_between, 1).await.unwrap());
    assert!(fixture.store.record_statements(&after_a_gap, 1).await.unwrap());

    let to = quarter(0) + seconds(86_400);
    let chart = fixture.store.statement_times(&[], quarter(0), to, 5).await.unwrap();
    assert_eq!(chart.resolution_s, 900);
    let points = |at: usize| -> Vec<(i64, Option<f64>, Option<f64>)> {
        let t = |point: &[Option<f64>]| (point[0].unwrap() as i64 / 1000 - quarter(0).timestamp()) / 900;
        chart.series[at].points.iter().map(|point| (t(point), point[1], point[5])).collect()
    };
    let names: Vec<_> =
        chart.series.iter().map(|series| (series.name.as_str(), series.metric.as_str())).collect();
    assert_eq!(names, [("select 1", "1"), ("text not known", "2"), ("All others", "others")]);
    assert_eq!(
        points(0),
        [
            (0, Some(50.0), Some(30.0)),
            (1, Some(50.0), Some(30.0)),
            (2, None, Some(0.0)),
            (5, Some(0.0), Some(0.0))
        ]
    );
    assert_eq!(points(1)[3], (5, Some(20.0), Some(10.0)));
    assert_eq!(
        points(2),
        [
            (0, Some(50.0), Some(20.0)),
            (1, Some(50.0), Some(20.0)),
            (2, None, Some(0.0)),
            (5, Some(180.0), Some(90.0))
        ]
    );
    // A range that begins within an interval holds the part that lies in it.
    let part = fixture.store.statement_times(&[id], quarter(1), quarter(2), 5).await.unwrap();
    let whole = |at: usize| part.series.iter().filter_map(|series| series.points[at][1]).sum::<f64>();
    assert_eq!((part.resolution_s, [whole(0), whole(1), whole(2)]), (300, [100.0; 3]));
    let nothing = fixture.store.statement_times(&[ConnectionId(404)], quarter(0), to, 5).await.unwrap();
    assert!(nothing.series.is_empty());
}
