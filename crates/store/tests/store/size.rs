//! A list of 5,000 connections is as quick as a page wants it.

use std::time::{Duration, Instant};

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
async fn five_thousand_connections_are_listed_within_the_limit() {
    let fixture = Fixture::new().await;
    let sql = fixture.sql().await;
    let result = serde_json::to_value(crate::support::passed(common::ConnectionId(1), now(), 1.0)).unwrap();
    sql.execute(FILL, &[&now()]).await.unwrap();
    sql.execute(FILL_CHECKS, &[&now()]).await.unwrap();
    sql.execute(FILL_LATEST, &[&now(), &result]).await.unwrap();
    sql.execute(FILL_HEALTH, &[&now()]).await.unwrap();
    sql.batch_execute("vacuum analyze").await.unwrap();

    let mut times = Vec::new();
    for round in 0..5 {
        for sort in Sort::ALL {
            let q = ["", "example", "db 49"][round % 3].to_owned();
            let started = Instant::now();
            let page = fixture.store.list(&ListQuery { sort, q, ..Default::default() }, now()).await.unwrap();
            times.push((started.elapsed(), sort));
            assert_eq!(page.items.len(), 100);
        }
    }
    times.sort_by_key(|(time, _)| *time);
    let (p95, sort) = times[times.len() * 95 / 100];
    println!(
        "list of 5,000: p50 {:?}, p95 {p95:?} ({sort}), max {:?}",
        times[times.len() / 2].0,
        times[times.len() - 1]
    );
    assert!(p95 < Duration::from_millis(300), "p95 {p95:?} by {sort}");
}
