//! How fast measurements get into the history, and what they take there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use futures::SinkExt;
use store::Measurement;
use tokio_postgres::Client;

use super::{
    checks::batch,
    database::{Database, minute},
};
use crate::numbers::{self, median};

/// As many as a spool hands over at once after an outage.
const BATCH: usize = 10_000;
const BATCHES: usize = 30;
/// The plain peer: the same columns and indexes, one table.
const PEER: &str = "create table public.peer (like dashboard.checks including defaults including indexes)";

pub(super) async fn run() -> bool {
    let database = Database::on_postgres().await;
    let client = database.client().await;
    client.batch_execute(PEER).await.expect("the peer is made");
    let begin = minute(Utc::now()) - TimeDelta::days(4);
    let (mut ours, mut plain, mut took) = (Vec::new(), Vec::new(), Duration::ZERO);
    for number in 0..BATCHES {
        let measurements = batch(&database.ids, begin, number * BATCH, BATCH);
        let asked = Instant::now();
        let up_to = i64::try_from((number + 1) * BATCH).unwrap_or(i64::MAX);
        database.store.record_batch(1, up_to, &measurements).await.expect("the batch is kept");
        let elapsed = asked.elapsed();
        took += elapsed;
        ours.push(rate(elapsed));
        plain.push(rate(copy(&client, &measurements).await));
    }
    let rows = database.rows().await;
    assert_eq!(rows as usize, BATCH * BATCHES, "every check is a row");
    let per_second = rows as f64 / took.as_secs_f64();
    let (ours, plain) = (median(ours), median(plain));
    let how = format!(
        "{rows} checks of {} connections in batches of {BATCH}; a plain COPY of the same rows into one table of the same \
         indexes {plain:.0} rows/s: {:.2} ×",
        database.ids.len(),
        ours / plain
    );
    let fast = numbers::at_least_so_many("ingest", per_second, "rows/s", 50_000.0, how);
    let a_row = database.bytes("dashboard.checks").await as f64 / rows as f64;
    let small = numbers::at_most(
        "size",
        a_row,
        "bytes a row",
        100.0,
        "with indexes, a fresh connect in each fifth row",
    );
    fast && small
}

fn rate(elapsed: Duration) -> f64 {
    BATCH as f64 / elapsed.as_secs_f64()
}

async fn copy(client: &Client, measurements: &[Measurement]) -> Duration {
    let rows: String = measurements.iter().map(line).collect();
    let asked = Instant::now();
    let sink = client
        .copy_in::<_, Bytes>(
            "copy public.peer (connection_id, checked_at, total_us, round_trip_us, tcp_us, tls_us, auth_us, query_us, ok,
                held, degraded, address) from stdin",
        )
        .await
        .expect("COPY begins");
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(rows)).await.expect("rows are sent");
    sink.as_mut().finish().await.expect("COPY ends");
    asked.elapsed()
}

fn line(measurement: &Measurement) -> String {
    let store::Measured::Test(test) = &measurement.of else { return String::new() };
    let us = |ms: Option<f64>| ms.map_or_else(|| "\\N".to_owned(), |ms| format!("{}", (ms * 1000.0).round()));
    let phases = &test.phases;
    let columns = [
        test.connection_id.0.to_string(),
        test.checked_at.to_rfc3339(),
        us(Some(test.total_ms)),
        us(test.round_trip_ms),
        us(phases.tcp_ms),
        us(phases.tls_ms),
        us(phases.auth_ms),
        us(phases.query_ms),
        "t".to_owned(),
        if phases.query_ms.is_some() { "f" } else { "t" }.to_owned(),
        "f".to_owned(),
        test.address.clone().unwrap_or_else(|| "\\N".to_owned()),
    ];
    columns.join("\t") + "\n"
}
