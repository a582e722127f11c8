//! The list: filters, orders and pages.

use common::{
    Connection, ConnectionId, ConnectionStatus,
    connection::{ListQuery, Sort},
    health::HealthStatus,
};
use store::{Store, StoreError};

use crate::support::{Fixture, draft, failed, health, now, passed, seconds};

/// Connections with every status, with ties in everything that can be sorted by.
async fn mixed(fixture: &Fixture) -> Vec<ConnectionId> {
    let mut ids = Vec::new();
    for at in 0..23_i64 {
        let mut draft =
            draft(&format!("{} {}", ["alpha", "Beta", "Ämter", "50%_off"][at as usize % 4], at / 4));
        draft.tags = if at % 2 == 0 { "Prod, eu" } else { "test" }.to_owned();
        draft.region = ["EU West", "US East", ""][at as usize % 3].to_owned();
        draft.cloud_provider = ["AWS", ""][at as usize % 2].to_owned();
        draft.paused = at % 7 == 6;
        let id = fixture.store.insert(&draft.parse().unwrap(), None, now()).await.unwrap();
        ids.push(id);
        let at_time = now() - seconds(at % 4 * 60);
        match at % 5 {
            0 => {}
            1 => fixture.store.record_test(&failed(id, at_time), 1).await.unwrap(),
            _ => fixture.store.record_test(&passed(id, at_time, (at % 3) as f64 + 0.123), 1).await.unwrap(),
        }
        let status = [HealthStatus::Ok, HealthStatus::Warning][at as usize % 2];
        if at % 5 > 1 {
            fixture
                .store
                .record_health(&health(id, now(), status, 50 + (at % 3) as u8), None, 1)
                .await
                .unwrap();
        }
    }
    ids
}

async fn all(store: &Store, query: ListQuery) -> Vec<Connection> {
    let page = store.list(&ListQuery { limit: Some(500), ..query }, now()).await.unwrap();
    assert_eq!((page.total as usize, page.next), (page.items.len(), None));
    page.items
}

#[tokio::test]
async fn pages_hold_every_row_once_in_every_order() {
    let fixture = Fixture::new().await;
    let ids = mixed(&fixture).await;
    for sort in Sort::ALL {
        let whole: Vec<ConnectionId> = all(&fixture.store, ListQuery { sort, ..Default::default() })
            .await
            .iter()
            .map(|c| c.id)
            .collect();
        let mut sorted = whole.clone();
        sorted.sort();
        assert_eq!(sorted, ids, "{sort}");
        for limit in [1, 2, 5, 7, 22, 23] {
            let mut query = ListQuery { sort, limit: Some(limit), ..Default::default() };
            let mut seen = Vec::new();
            loop {
                // Later than the first page was read: the order must not move.
                let later = now() + seconds(seen.len() as i64);
                let page = fixture.store.list(&query, later).await.unwrap();
                assert_eq!(page.total, 23);
                assert!(!page.items.is_empty() && page.items.len() <= limit as usize);
                seen.extend(page.items.iter().map(|connection| connection.id));
                match page.next {
                    Some(next) => query.cursor = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, whole, "{sort} by {limit}");
        }
    }
}

#[tokio::test]
async fn every_order_is_what_it_says() {
    let fixture = Fixture::new().await;
    mixed(&fixture).await;
    let sorted = |sort| all(&fixture.store, ListQuery { sort, ..Default::default() });
    let unknown_last = |values: Vec<Option<f64>>, down: bool| {
        let known: Vec<f64> = values.iter().map_while(|value| *value).collect();
        assert!(values[known.len()..].iter().all(Option::is_none), "{values:?}");
        assert!(
            known.windows(2).all(|pair| if down { pair[0] >= pair[1] } else { pair[0] <= pair[1] }),
            "{known:?}"
        );
        assert!(!known.is_empty());
    };
    for (sort, down) in [(Sort::P95, false), (Sort::P95Desc, true)] {
        unknown_last(sorted(sort).await.iter().map(|c| c.latency.p95_ms).collect(), down);
    }
    for (sort, down) in [(Sort::Score, false), (Sort::ScoreDesc, true)] {
        let score = |c: &Connection| c.health.as_ref().and_then(|health| health.score).map(f64::from);
        unknown_last(sorted(sort).await.iter().map(score).collect(), down);
    }
    let worst: Vec<usize> = sorted(Sort::Worst)
        .await
        .iter()
        .filter_map(|c| ConnectionStatus::ALL.iter().position(|status| *status == c.status))
        .collect();
    assert!(worst.is_sorted() && worst.contains(&0) && worst.contains(&4), "{worst:?}");
    let checked = |c: &Connection| c.last_check.as_ref().map(|test| test.checked_at);
    let oldest: Vec<_> = sorted(Sort::LastCheck).await.iter().map(checked).collect();
    assert!(oldest.is_sorted() && oldest[0].is_none(), "{oldest:?}");
    let newest: Vec<_> = sorted(Sort::LastCheckDesc).await.iter().map(checked).collect();
    assert!(newest.iter().rev().is_sorted() && newest[22].is_none(), "{newest:?}");
    let by_name: Vec<_> = sorted(Sort::Name).await.into_iter().map(|c| c.id).collect();
    let mut backwards: Vec<_> = sorted(Sort::NameDesc).await.into_iter().map(|c| c.id).collect();
    backwards.reverse();
    assert_eq!(by_name, backwards);
}

#[tokio::test]
async fn filters_narrow_the_list_and_its_total() {
    let fixture = Fixture::new().await;
    mixed(&fixture).await;
    let store = &fixture.store;
    let everything = all(store, ListQuery::default()).await;
    let counted =
        |predicate: &dyn Fn(&Connection) -> bool| everything.iter().filter(|c| predicate(c)).count();
    for status in ConnectionStatus::ALL {
        let found = all(store, ListQuery { status: Some(status), ..Default::default() }).await;
        assert!(!found.is_empty() && found.iter().all(|c| c.status == status));
        assert_eq!(found.len(), counted(&|c| c.status == status));
    }
    for (query, expected) in [
        (
            ListQuery { tag: Some("PROD".to_owned()), ..Default::default() },
            counted(&|c| c.tags.contains(&"Prod".to_owned())),
        ),
        (
            ListQuery { region: Some("eu west".to_owned()), ..Default::default() },
            counted(&|c| c.region.as_deref() == Some("EU West")),
        ),
        (
            ListQuery { cloud_provider: Some("AWS".to_owned()), ..Default::default() },
            counted(&|c| c.cloud_provider.is_some()),
        ),
        (
            ListQuery { q: "ÄMTER".to_owned(), ..Default::default() },
            counted(&|c| c.name.starts_with("Ämter")),
        ),
        (ListQuery { q: "%_".to_owned(), ..Default::default() }, counted(&|c| c.name.starts_with("50%"))),
        (
            ListQuery { q: "us east".to_owned(), ..Default::default() },
            counted(&|c| c.region.as_deref() == Some("US East")),
        ),
        (ListQuery { q: "db.EXAMPLE".to_owned(), tag: Some(" ".to_owned()), ..Default::default() }, 23),
        (ListQuery { q: "\\".to_owned(), ..Default::default() }, 0),
        (
            ListQuery {
                q: "a\0".to_owned(),
                tag: Some("\0".to_owned()),
                region: Some("\0".to_owned()),
                ..Default::default()
            },
            0,
        ),
        (ListQuery { q: "'; drop table x --".to_owned(), ..Default::default() }, 0),
    ] {
        assert_eq!(all(store, query.clone()).await.len(), expected, "{query:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_and_garbage_are_refused() {
    let fixture = Fixture::new().await;
    mixed(&fixture).await;
    let first = ListQuery { limit: Some(3), sort: Sort::Name, ..Default::default() };
    let next = fixture.store.list(&first, now()).await.unwrap().next;
    for (sort, cursor) in
        [(Sort::Score, next), (Sort::Name, Some("x".to_owned())), (Sort::Name, Some("[]\0".to_owned()))]
    {
        let outcome = fixture.store.list(&ListQuery { sort, cursor, ..Default::default() }, now()).await;
        assert!(matches!(outcome, Err(StoreError::BadCursor)));
    }
    let empty = ListQuery { cursor: Some(String::new()), ..Default::default() };
    assert_eq!(fixture.store.list(&empty, now()).await.unwrap().items.len(), 23);
}

#[tokio::test]
async fn a_page_beyond_the_end_still_knows_the_total() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for name in ["a", "b", "c"] {
        fixture.add(name).await;
    }
    let mut query = ListQuery { limit: Some(2), sort: Sort::Name, ..Default::default() };
    query.cursor = store.list(&query, now()).await.unwrap().next;
    let last = store.list(&query, now()).await.unwrap();
    assert_eq!((last.items.len(), last.total, last.next), (1, 3, None));
    store.delete(last.items[0].id, None, now()).await.unwrap();
    let page = store.list(&query, now()).await.unwrap();
    assert_eq!((page.items.len(), page.total, page.next), (0, 2, None));
}

#[tokio::test]
async fn names_come_in_their_order_whatever_their_case_and_without_what_is_deleted() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for name in ["beta", "Alpha", "gone", "alpha 2"] {
        ids.push(fixture.add(name).await);
    }
    fixture.store.delete(ids[2], None, now()).await.unwrap();
    let names = fixture.store.connection_names().await.unwrap();
    let told: Vec<_> = names.iter().map(|name| (name.id, name.name.as_str())).collect();
    assert_eq!(told, [(ids[1], "Alpha"), (ids[3], "alpha 2"), (ids[0], "beta")]);
}
