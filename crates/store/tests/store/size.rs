//! A list of 5,000 connections, by every order.

use std::collections::BTreeSet;

use common::connection::{ListQuery, Sort};

use crate::support::{Fixture, now};

/// 5,000 connections, each with 60 checks of the last hours, a latest test and a health reading.
const FILL: &str = "
insert into dashboard.connections (
    name, name_key, host, port, database_name, username, ssl_mode, region, tags, tag_keys, search_text,
    created_at, updated_at)
select 'db ' || n, 'db ' || n, 'db' || n || '.example.com', 5432, 'orders', 'app', 'auto', 'region ' || n % 20,
    array['prod'], array['prod'], 'db ' || n || E'\n' || 'db' || n || '.example.com', $1, $1
from generate_series(1, 5000) n;";
const FILL_CHECKS: &str = "
insert into dashboard.checks (connection_id, checked_at, total_us, round_trip_us, ok, held, degraded)
select c.id, $1::timestamptz - make_interval(mins => k), 3000 + k, 1000 + (c.id * 7919 + k * 104729) % 50000,
    c.id % 17 <> 0, false, false
from dashboard.connections c, generate_series(1, 60) k";
const FILL_LATEST: &str = "
insert into dashboard.latest_tests (
    connection_id, checked_at, ok, server_version_num, p50_us, p95_us, latency_samples, latency_at, result)
select id, $1::timestamptz - make_interval(mins => 1), id % 17 <> 0, 170002, 1000, 1000 + id * 7919 % 50000, 60, $1,
    jsonb_set($2::jsonb, '{connection_id}', to_jsonb(id))
from dashboard.connections";
const FILL_HEALTH: &str = "
insert into dashboard.latest_health (connection_id, checked_at, score, status, headline, health)
select id, $1::timestamptz, id % 100, case when id % 10 = 0 then 'warning' else 'ok' end, 'All checks pass',
    jsonb_build_object('padding', repeat(md5(id::text), 100))
from dashboard.connections";

#[tokio::test]
async fn five_thousand_connections_are_paged_through_without_loss_or_repetition() {
    let fixture = Fixture::new().await;
    let sql = fixture.sql().await;
    let result = serde_json::to_value(crate::support::passed(common::ConnectionId(1), now(), 1.0)).unwrap();
    // Makes the partitions of that time.
    fixture.store.maintain_history(now() - crate::support::seconds(3600)).await.unwrap();
    sql.execute(FILL, &[&now()]).await.unwrap();
    sql.execute(FILL_CHECKS, &[&now()]).await.unwrap();
    sql.execute(FILL_LATEST, &[&now(), &result]).await.unwrap();
    sql.execute(FILL_HEALTH, &[&now()]).await.unwrap();
    sql.batch_execute("vacuum analyze").await.unwrap();

    for sort in Sort::ALL {
        let mut seen = BTreeSet::new();
        let mut query = ListQuery { sort, limit: Some(500), ..Default::default() };
        loop {
            let page = fixture.store.list(&query, now()).await.unwrap();
            assert_eq!(page.total, 5000, "{sort}");
            for connection in &page.items {
                assert!(seen.insert(connection.id), "{} came twice by {sort}", connection.id);
            }
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 5000, "{sort}");
    }
}
