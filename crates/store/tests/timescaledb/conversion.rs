//! A history that the native engine began, moved to TimescaleDB.

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, health::HealthStatus};
use store::{
    ConversionProgress as Progress, Measured, Measurement, Store, StoreConfig, StoreError, convert_history,
};
use testkit::{Cluster, Timescale, Version};
use tokio_postgres::Client;

use crate::{
    rollups::totals,
    support::{config, failed, health, named, now, passed, seconds},
};

/// As where the extension was not there when the dashboard was first started.
const REFUSE_EXTENSION: &str = "
create function public.refuse() returns event_trigger language plpgsql as $$ begin raise 'not here'; end $$;
create event trigger refuse on ddl_command_start when tag in ('CREATE EXTENSION') execute function public.refuse()";
const ALLOW_EXTENSION: &str = "drop event trigger refuse; drop function public.refuse()";

struct Native {
    timescale: Timescale,
    config: StoreConfig,
    id: ConnectionId,
}

/// 30 days of checks, four a day, and a health reading a day; what the native engine does to them is done.
async fn native() -> Native {
    let timescale = Timescale::start().await;
    let sql = timescale.client().await;
    sql.batch_execute(REFUSE_EXTENSION).await.unwrap();
    let config = config(&timescale.url());
    let store = Store::open(config.clone()).await.unwrap();
    let id = store.insert(&named("one"), None, now()).await.unwrap();
    let tests = (0..120).map(|quarter| {
        let at = begin() + TimeDelta::hours(6 * quarter);
        let test = if quarter % 10 == 9 { failed(id, at) } else { passed(id, at, 2.0) };
        Measurement { version: 1, of: Measured::Test(Box::new(test)) }
    });
    store.record_batch(1, 1, &tests.collect::<Vec<_>>()).await.unwrap();
    for day in 0..30 {
        let at = begin() + TimeDelta::days(day);
        store.record_health(&health(id, at, HealthStatus::Ok, 90), None, 1).await.unwrap();
    }
    store.maintain_history(end()).await.unwrap();
    assert_eq!(store.database_info().await.unwrap().history.engine, "native");
    drop(store);
    sql.batch_execute(ALLOW_EXTENSION).await.unwrap();
    Native { timescale, config, id }
}

fn begin() -> DateTime<Utc> {
    now() - TimeDelta::days(30)
}

fn end() -> DateTime<Utc> {
    now()
}

const ALL: (i64, i64, i64, i64) = (120, 12, 108 * 2000, 108);

async fn count(sql: &Client, table: &str) -> i64 {
    sql.query_one(&format!("select count(*) from dashboard.{table}"), &[]).await.unwrap().get(0)
}

async fn assert_all_there(sql: &Client) {
    assert_eq!((count(sql, "checks").await, count(sql, "health_samples").await), (120, 30));
    for view in ["check_series_5m", "check_series_1h", "check_series_1d"] {
        assert_eq!(totals(sql, view).await, ALL, "{view}");
    }
    let readings = "select sum(readings)::int8 from dashboard.health_series_1d";
    assert_eq!(sql.query_one(readings, &[]).await.unwrap().get::<_, i64>(0), 30);
}

#[tokio::test]
async fn every_row_is_moved_once_although_the_conversion_is_interrupted() {
    let native = native().await;
    let sql = native.timescale.client().await;
    let partitions = "select count(*) from pg_inherits where inhparent = to_regclass($1)".to_owned();
    let left = async |table: &str| sql.query_one(&partitions, &[&table]).await.unwrap().get::<_, i64>(0);
    let before = left("dashboard.checks").await;
    assert!(before > 4, "{before}");

    let (moved, first) = tokio::sync::oneshot::channel();
    let mut moved = Some(moved);
    let converting = convert_history(&native.config, end(), |_| {
        moved.take().map(|moved| moved.send(()));
    });
    tokio::select! {
        outcome = converting => panic!("it was not interrupted: {outcome:?}"),
        _ = first => {}
    }
    let after = left("dashboard.checks_native").await;
    assert!(after < before, "{after}");

    // The dashboard may run meanwhile, and writes where it should.
    let store = Store::open(native.config.clone()).await.unwrap();
    assert_eq!(store.database_info().await.unwrap().history.engine, "timescaledb");
    store.record_test(&passed(native.id, end(), 2.0), 1).await.unwrap();
    drop(store);

    let mut said = Vec::new();
    convert_history(&native.config, end(), |progress| said.push(progress)).await.unwrap();
    assert_eq!(said.len() as i64, after + 2, "{said:?}");
    assert_eq!(said[said.len() - 2..], [Progress::RollingUp, Progress::Done]);
    sql.execute("delete from dashboard.checks where checked_at = $1", &[&end()]).await.unwrap();
    sql.batch_execute("call refresh_continuous_aggregate('dashboard.check_rollups_5m', null, null);")
        .await
        .unwrap();
    sql.batch_execute("call refresh_continuous_aggregate('dashboard.check_rollups_1h', null, null);")
        .await
        .unwrap();
    sql.batch_execute("call refresh_continuous_aggregate('dashboard.check_rollups_1d', null, null);")
        .await
        .unwrap();
    assert_all_there(&sql).await;
    assert_eq!(left("dashboard.checks_native").await, 0);

    let mut said = Vec::new();
    convert_history(&native.config, end(), |progress| said.push(progress)).await.unwrap();
    assert_eq!(said, [Progress::Already]);
}

#[tokio::test]
async fn rollups_that_are_older_than_the_raw_rows_stay() {
    let native = native().await;
    let sql = native.timescale.client().await;
    let old =
        "insert into dashboard.check_rollups_1d (connection_id, bucket, checks, failures, round_trip_sum)
        values ($1, $2, 1000, 0, 0)";
    sql.execute(old, &[&native.id.0, &(begin() - TimeDelta::days(100))]).await.unwrap();
    convert_history(&native.config, end(), |_| ()).await.unwrap();
    for view in ["check_series_5m", "check_series_1h"] {
        assert_eq!(totals(&sql, view).await, ALL, "{view}");
    }
    assert_eq!(totals(&sql, "check_series_1d").await, (1120, ALL.1, ALL.2, ALL.3));
    let twice = "select count(*) from (select bucket from dashboard.check_series_1d group by 1 having count(*) > 1) x";
    assert_eq!(sql.query_one(twice, &[]).await.unwrap().get::<_, i64>(0), 0);

    // They go with their age and with their connection.
    let store = Store::open(native.config.clone()).await.unwrap();
    let done = store.maintain_history(begin() + TimeDelta::days(5 * 365 - 50)).await.unwrap();
    assert!(done.rows_dropped >= 1, "{done:?}");
    assert_eq!(totals(&sql, "check_series_1d").await.0, 120);
    store.delete(native.id, None, end()).await.unwrap();
    store.purge(end() + seconds(60)).await.unwrap();
    for table in [
        "checks",
        "health_samples",
        "check_series_5m",
        "check_series_1h",
        "check_series_1d",
        "health_series_1d",
    ] {
        assert_eq!(count(&sql, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_conversion_is_refused_beside_a_dashboard_and_without_timescaledb() {
    let cluster = Cluster::start(Version::V18).await;
    let config = config(&cluster.url("postgres"));
    let store = Store::open(config.clone()).await.unwrap();
    let refused = convert_history(&config, now(), |_| ()).await.unwrap_err();
    assert!(matches!(refused, StoreError::DashboardRuns), "{refused}");
    drop(store);
    let refused = convert_history(&config, now(), |_| ()).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoTimescaledb { .. }), "{refused}");
    assert_eq!(Store::open(config).await.unwrap().database_info().await.unwrap().history.engine, "native");
}
