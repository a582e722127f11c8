//! A chart of 90 days out of 7.8 million checks: from rollups, from the same raw rows, and at the API.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, history::DEFAULT_POINTS};
use store::ChartRange;
use tokio_postgres::Client;

use super::{
    checks::{CONNECTIONS, fill},
    dashboard::Dashboard,
    database::{Database, minute},
};
use crate::numbers::{self, p95};

const DAYS: i64 = 90;
/// Each of another connection, so that no answer is that of the round before.
const ROUNDS: usize = 60;
/// What the chart shows, without rollups.
const RAW: &str = "
select date_bin($4 * interval '1 second', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
    percentile_cont(array[0.5, 0.95]) within group (order by round_trip_us) filter (where ok),
    min(round_trip_us) filter (where ok), max(round_trip_us) filter (where ok), count(*),
    count(*) filter (where not ok)
from dashboard.checks
where connection_id = $1 and checked_at >= $2 and checked_at < $3
group by 1
order by 1";

pub(super) async fn run(at_api: bool) -> bool {
    let database = Database::on_postgres().await;
    let now = minute(Utc::now());
    let begin = now - TimeDelta::days(DAYS);
    let client = database.client().await;
    fill(&database, &client, begin, DAYS).await;
    let began = Instant::now();
    database.store.maintain_history(now).await.expect("the history is rolled up");
    println!(
        "         {} checks of {CONNECTIONS} connections, rolled up in {:.0} s",
        database.rows().await,
        began.elapsed().as_secs_f64()
    );
    client.batch_execute("vacuum analyze").await.expect("statistics are gathered");

    let rolled = charts(&database, begin, now).await;
    let raw = raw_charts(&client, &database.ids, begin, now).await;
    let what = format!(
        "the same chart from raw rows: p95 {:.1} ms; {ROUNDS} charts of one connection each",
        p95(raw)
    );
    let mut reached =
        numbers::at_most("90 days in the database, read and folded, p95", p95(rolled), "ms", 30.0, what);
    if at_api {
        reached &= over_http(&database, begin, now).await;
    }
    reached
}

/// Of one connection each, as [`store::Store::latency_chart`] reads and folds it; in milliseconds.
pub(super) async fn charts(database: &Database, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<f64> {
    let store = &database.store;
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let id = database.ids[round % database.ids.len()];
        let sources = store.chart_sources(&[id], 1).await.expect("the connection is there");
        let metrics = vec!["round_trip_ms".to_owned()];
        let range = ChartRange { sources, metrics, from, to, points: DEFAULT_POINTS, now: to };
        let asked = Instant::now();
        let data = store.latency_chart(&range).await.expect("the chart is read");
        took.push(ms(asked.elapsed()));
        let points = data.series[0].points.len();
        assert!(points > 100 && points <= DEFAULT_POINTS as usize, "{points} points");
    }
    took
}

pub(super) async fn raw_charts(
    client: &Client,
    ids: &[ConnectionId],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<f64> {
    let width = ((to - from).num_seconds() / i64::from(DEFAULT_POINTS)).max(1) as f64;
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let id = ids[round % ids.len()].0;
        let asked = Instant::now();
        let rows = client.query(RAW, &[&id, &from, &to, &width]).await.expect("raw rows are read");
        took.push(ms(asked.elapsed()));
        assert!(rows.len() > 100, "{} buckets", rows.len());
    }
    took
}

async fn over_http(database: &Database, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
    let Some(dashboard) = Dashboard::start(database).await else {
        println!(
            "skipped  the API: target/release/pg-dashboard is not built (`cargo xtask bench history` builds it)"
        );
        return true;
    };
    let format = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut took = Vec::new();
    let mut bytes = 0;
    for id in &database.ids {
        let path =
            format!("/api/latency-chart-data?connection_id={id}&from={}&to={}", format(from), format(to));
        let asked = Instant::now();
        bytes = dashboard.get(&path).await.len();
        took.push(ms(asked.elapsed()));
    }
    let how = format!("{} requests over one kept connection, {} kB each", took.len(), bytes / 1000);
    numbers::at_most("90 days at the API, p95", p95(took), "ms", 50.0, how)
}

fn ms(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1000.0
}
