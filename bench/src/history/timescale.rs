//! TimescaleDB beside the native engine: both in the same WebAssembly PostgreSQL, which carries a tenth of the rows. So it is
//! the ratio between the two that says something, not the times.

use std::time::Instant;

use chrono::{TimeDelta, Utc};

use super::{
    chart,
    checks::{CONNECTIONS, batch, fill},
    database::{Database, minute},
};
use crate::numbers::{median, p95};

const DAYS: i64 = 9;
const BATCH: usize = 5_000;
const BATCHES: usize = 6;

struct Measured {
    ingest: f64,
    bytes_a_row: f64,
    rolled_up_s: f64,
    chart_ms: f64,
    raw_ms: f64,
}

pub(super) async fn run() {
    let native = measure(Database::native_in_wasm().await).await;
    let timescale = measure(Database::on_timescale().await).await;
    println!(
        "\nside by side: {} checks of {CONNECTIONS} connections, both engines in WebAssembly (compare the two, not the times)",
        CONNECTIONS * 1440 * DAYS
    );
    println!("                               native   TimescaleDB");
    let line = |what: &str, of: fn(&Measured) -> f64| {
        println!("{what:<28} {:>9.1} {:>13.1}", of(&native), of(&timescale));
    };
    line("ingest, rows/s", |measured| measured.ingest);
    line("bytes a row", |measured| measured.bytes_a_row);
    line("rolling up, s", |measured| measured.rolled_up_s);
    line("chart of all days, p95 ms", |measured| measured.chart_ms);
    line("the same from raw rows, ms", |measured| measured.raw_ms);
}

async fn measure(database: Database) -> Measured {
    let now = minute(Utc::now());
    let begin = now - TimeDelta::days(DAYS);
    let client = database.client().await;
    fill(&database, &client, begin, DAYS).await;
    let rows = database.rows().await as f64;
    let began = Instant::now();
    database.store.maintain_history(now).await.expect("the history is rolled up");
    database.roll_up(&client).await;
    let rolled_up_s = began.elapsed().as_secs_f64();
    let chart_ms = p95(chart::charts(&database, begin, now).await);
    let raw_ms = p95(chart::raw_charts(&client, &database.ids, begin, now).await);
    database.compress(&client).await;
    let bytes_a_row = database.bytes("dashboard.checks").await as f64 / rows;
    let mut ingest = Vec::new();
    for number in 0..BATCHES {
        let measurements = batch(&database.ids, now, number * BATCH, BATCH);
        let asked = Instant::now();
        let up_to = i64::try_from(number + 1).unwrap_or(i64::MAX);
        database.store.record_batch(1, up_to, &measurements).await.expect("the batch is kept");
        ingest.push(BATCH as f64 / asked.elapsed().as_secs_f64());
    }
    Measured { ingest: median(ingest), bytes_a_row, rolled_up_s, chart_ms, raw_ms }
}
