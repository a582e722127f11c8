//! Plans: whose turn it is to look, and how statements were planned.

use chrono::TimeDelta;
use common::{
    ConnectionId,
    health::{Change, ChangeKind},
};
use store::{StatementShape, StoreError, WholeStatement};

use crate::support::{Fixture, any, draft, now, seconds};

const HOUR: TimeDelta = TimeDelta::hours(1);

fn statement(query_id: i64, query: &str) -> WholeStatement {
    WholeStatement { query_id, query: query.to_owned() }
}

fn planned(statement: &WholeStatement, shape: &str) -> StatementShape {
    StatementShape { statement: statement.clone(), shape: shape.to_owned() }
}

/// A connection on which statements may be planned, and its version.
async fn allowed(fixture: &Fixture) -> (ConnectionId, i32) {
    let id = fixture.add("one").await;
    let mut draft = draft("one");
    draft.allow_statements = true;
    fixture.store.update(id, &draft.parse().unwrap(), now(), any).await.unwrap();
    (id, 2)
}

#[tokio::test]
async fn one_of_many_has_the_turn_once_an_hour_and_only_where_it_is_allowed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let refused = fixture.add("refused").await;
    assert!(!store.take_plan_turn(refused, 1, now(), HOUR).await.unwrap());
    let (id, version) = allowed(&fixture).await;
    assert!(!store.take_plan_turn(id, version - 1, now(), HOUR).await.unwrap(), "as it was before");
    let turns = futures::future::join_all((0..4).map(|_| store.take_plan_turn(id, version, now(), HOUR)));
    let turns: Result<Vec<bool>, StoreError> = turns.await.into_iter().collect();
    assert_eq!(turns.unwrap().iter().filter(|turn| **turn).count(), 1);
    assert!(!store.take_plan_turn(id, version, now() + seconds(3599), HOUR).await.unwrap());
    assert!(store.take_plan_turn(id, version, now() + HOUR, HOUR).await.unwrap());
    // A clock that was set back does not stop it.
    assert!(store.take_plan_turn(id, version, now(), HOUR).await.unwrap());
}

#[tokio::test]
async fn a_shape_is_kept_by_id_and_text_and_forgotten_with_the_address() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (id, version) = allowed(&fixture).await;
    let (one, other) = (statement(-7, "select $1"), statement(-7, "select /* é */ $1"));
    let shapes = [planned(&one, "Result"), planned(&other, "Seq Scan on a")];
    let change = Change {
        at: now(),
        kind: ChangeKind::Plan,
        subject: Some("select $1".to_owned()),
        before: Some("Seq Scan on a".to_owned()),
        after: Some("Result".to_owned()),
    };
    for _ in 0..2 {
        store.record_plans(id, version, &shapes, std::slice::from_ref(&change), now()).await.unwrap();
    }
    let unknown = statement(8, "select $1");
    let known = store.plan_shapes(id, &[&other, &unknown, &one]).await.unwrap();
    assert_eq!(known, [Some("Seq Scan on a".to_owned()), None, Some("Result".to_owned())]);
    assert_eq!(fixture.count("changes").await, 1);

    let many: Vec<StatementShape> =
        (0..250).map(|query_id| planned(&statement(query_id, "select $1"), "Result")).collect();
    store.record_plans(id, version, &many, &[], now() + seconds(1)).await.unwrap();
    assert_eq!(fixture.count("statement_plans").await, 200, "never without end");

    let mut elsewhere = draft("one");
    elsewhere.host = "elsewhere.example.com".to_owned();
    elsewhere.allow_statements = true;
    store.update(id, &elsewhere.parse().unwrap(), now(), any).await.unwrap();
    // What was still being planned at the old address is of no use.
    store.record_plans(id, version, &shapes, &[change], now()).await.unwrap();
    assert_eq!(fixture.count("statement_plans").await, 0);
    assert!(store.take_plan_turn(id, version + 1, now(), HOUR).await.unwrap());
    store.delete(id, None, now()).await.unwrap();
    store.purge(now() + seconds(31)).await.unwrap();
    assert_eq!(fixture.count("plan_looks").await, 0);
}
