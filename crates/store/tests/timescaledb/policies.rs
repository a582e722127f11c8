//! What only TimescaleDB has: policies that it carries out itself (here by hand), compressed chunks, and a licence.

use chrono::{DateTime, TimeDelta, Utc};
use common::health::HealthStatus;
use store::Store;
use tokio_postgres::Client;

use crate::{
    rollups::totals,
    support::{Fixture, health, passed, seconds},
};

/// Runs every policy of this kind on these tables, as TimescaleDB's workers would.
async fn run(sql: &Client, kind: &str, tables: &str) {
    let jobs = "select job_id from timescaledb_information.jobs
        where proc_name = $1 and hypertable_schema = 'dashboard' and hypertable_name ~ $2
        order by right(hypertable_name, 2) = '1d', right(hypertable_name, 2) = '1h'";
    let jobs = sql.query(jobs, &[&kind, &tables]).await.unwrap();
    assert!(!jobs.is_empty(), "there is no {kind} for {tables}");
    for job in jobs {
        sql.batch_execute(&format!("call run_job({})", job.get::<_, i32>(0))).await.unwrap();
    }
}

async fn chunks(sql: &Client, table: &str) -> (i64, i64) {
    let query = "select count(*), count(*) filter (where is_compressed)
        from timescaledb_information.chunks where hypertable_schema = 'dashboard' and hypertable_name = $1";
    let row = sql.query_one(query, &[&table]).await.unwrap();
    (row.get(0), row.get(1))
}

/// The server's clock: policies go by it. Whole seconds, in the middle of a minute.
fn real_now() -> DateTime<Utc> {
    DateTime::from_timestamp(Utc::now().timestamp() / 60 * 60 + 30, 0).unwrap()
}

#[tokio::test]
async fn policies_keep_raw_rows_as_long_as_the_settings_say_and_rollups_longer() {
    let fixture = Fixture::with(|config| {
        config.retention_days = 2;
        config.chunk_interval = "12 hours".parse().unwrap();
    })
    .await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let id = fixture.add("one").await;
    let old = real_now() - TimeDelta::days(4);
    let recent = real_now() - TimeDelta::hours(30);
    for at in [old, recent, recent + seconds(1)] {
        store.record_test(&passed(id, at, 1.0), 1).await.unwrap();
        store.record_health(&health(id, at, HealthStatus::Ok, 90), None, 1).await.unwrap();
    }
    assert_eq!(chunks(&sql, "checks").await, (2, 0));
    // What is older than raw rows are kept is not rolled up any more.
    run(&sql, "policy_refresh_continuous_aggregate", "_rollups_").await;
    run(&sql, "policy_retention", "checks|health_samples|_rollups_").await;
    assert_eq!((fixture.count("checks").await, fixture.count("health_samples").await), (2, 2));
    for view in ["check_series_5m", "check_series_1h", "check_series_1d"] {
        assert_eq!(totals(&sql, view).await, (2, 0, 2000, 2), "{view}");
    }

    // Late, into a bucket that is rolled up already: seen after the next refresh.
    store.record_test(&passed(id, recent + seconds(2), 3.0), 1).await.unwrap();
    run(&sql, "policy_refresh_continuous_aggregate", "check_rollups_").await;
    for view in ["check_series_5m", "check_series_1h", "check_series_1d"] {
        assert_eq!(totals(&sql, view).await, (3, 0, 5000, 3), "{view}");
    }
}

#[tokio::test]
async fn a_row_that_comes_late_gets_into_a_compressed_chunk_once() {
    let fixture = Fixture::new().await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let id = fixture.add("one").await;
    let old = real_now() - TimeDelta::days(20);
    store.record_test(&passed(id, old, 1.0), 1).await.unwrap();
    run(&sql, "policy_compression", "^checks$").await;
    assert_eq!(chunks(&sql, "checks").await, (1, 1));
    for _ in 0..2 {
        store.record_test(&passed(id, old, 1.0), 1).await.unwrap();
        store.record_test(&passed(id, old + seconds(1), 1.0), 1).await.unwrap();
    }
    assert_eq!(fixture.count("checks").await, 2);
}

#[tokio::test]
async fn a_connection_that_is_purged_leaves_nothing_in_chunks_and_rollups() {
    let fixture = Fixture::new().await;
    let (store, sql) = (&fixture.store, fixture.sql().await);
    let (id, other) = (fixture.add("one").await, fixture.add("other").await);
    let old = real_now() - TimeDelta::days(20);
    for id in [id, other] {
        store.record_test(&passed(id, old, 1.0), 1).await.unwrap();
        store.record_health(&health(id, old, HealthStatus::Ok, 90), None, 1).await.unwrap();
    }
    fixture.maintain(real_now()).await;
    run(&sql, "policy_compression", "^checks$|^health_samples$").await;
    store.delete(id, None, real_now()).await.unwrap();
    store.purge(real_now() + TimeDelta::minutes(1)).await.unwrap();
    for view in ["check_series_5m", "check_series_1h", "check_series_1d"] {
        assert_eq!(totals(&sql, view).await, (1, 0, 1000, 1), "{view}");
    }
    for table in ["checks", "health_samples", "health_series_5m", "health_series_1h", "health_series_1d"] {
        assert_eq!(fixture.count(table).await, 1, "{table}");
    }
}

#[tokio::test]
async fn other_settings_change_the_policies_at_the_next_start() {
    let fixture = Fixture::new().await;
    let sql = fixture.sql().await;
    let settings = "select (select config ->> 'drop_after' from timescaledb_information.jobs
            where proc_name = 'policy_retention' and hypertable_name = 'health_samples'),
        (select (extract(epoch from time_interval) / 3600)::int8 from timescaledb_information.dimensions
            where hypertable_name = 'checks'),
        (select count(*) from timescaledb_information.jobs where hypertable_schema = 'dashboard')";
    let read = async || {
        let row = sql.query_one(settings, &[]).await.unwrap();
        (row.get::<_, String>(0), row.get::<_, i64>(1), row.get::<_, i64>(2))
    };
    let (kept, hours, jobs) = read().await;
    assert_eq!((kept.as_str(), hours), ("90 days", 168));
    let mut config = fixture.config.clone();
    config.retention_days = 30;
    config.chunk_interval = "1 day".parse().unwrap();
    for _ in 0..2 {
        Store::open(config.clone()).await.unwrap();
        assert_eq!(read().await, ("30 days".to_owned(), 24, jobs));
    }
}
