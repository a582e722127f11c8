//! The TimescaleDB that tests use is a real one, speaks what the dashboard speaks, and is gone with its guard.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test ends where something is not as it must be

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::SinkExt;
use testkit::Timescale;
use tokio_postgres::{Client, error::SqlState};

async fn count(client: &Client) -> i64 {
    client.query_one("select count(*) from readings", &[]).await.unwrap().get(0)
}

async fn copy(client: &Client, table: &str, rows: &'static str) -> Result<u64, tokio_postgres::Error> {
    let mut sink = Box::pin(client.copy_in::<_, Bytes>(&format!("copy {table} from stdin")).await?);
    for row in rows.split_inclusive('\n') {
        sink.send(Bytes::from_static(row.as_bytes())).await?;
    }
    sink.as_mut().finish().await
}

async fn with_readings(timescale: &Timescale) -> Client {
    let client = timescale.client().await;
    client
        .batch_execute(
            "create extension timescaledb;
             create table readings (at timestamptz not null, value float8);
             select create_hypertable('readings', by_range('at', interval '1 day'))",
        )
        .await
        .unwrap();
    client
}

#[tokio::test]
async fn policies_run_by_hand_and_rows_come_by_copy() {
    let timescale = Timescale::start().await;
    let client = with_readings(&timescale).await;
    assert_eq!(copy(&client, "readings", "2001-01-01\t1\n2001-01-02\t2\n2301-01-01\t3\n").await.unwrap(), 3);
    let job: i32 = client
        .query_one("select add_retention_policy('readings', interval '1 day')", &[])
        .await
        .unwrap()
        .get(0);
    client.batch_execute(&format!("call run_job({job})")).await.unwrap();
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn a_copy_that_fails_says_so_and_the_session_goes_on() {
    let timescale = Timescale::start().await;
    let client = with_readings(&timescale).await;
    let refused = copy(&client, "readings", "2001-01-01\tmuch\n").await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INVALID_TEXT_REPRESENTATION));
    let missing = copy(&client, "nothing", "1\n").await.unwrap_err();
    assert_eq!(missing.code(), Some(&SqlState::UNDEFINED_TABLE));
    assert_eq!(copy(&client, "readings", "2001-01-01\t1\n").await.unwrap(), 1);
}

#[tokio::test]
async fn sessions_take_turns_by_transaction() {
    let timescale = Timescale::start().await;
    let mut one = with_readings(&timescale).await;
    let other = timescale.client().await;
    let transaction = one.transaction().await.unwrap();
    transaction.batch_execute("insert into readings values ('2001-01-01', 1)").await.unwrap();
    let (seen, ()) = tokio::join!(count(&other), async {
        transaction.commit().await.unwrap();
    });
    assert_eq!(seen, 1);
    // a client that goes in the middle of a transaction takes what it did with it
    let transaction = one.transaction().await.unwrap();
    transaction.batch_execute("delete from readings").await.unwrap();
    std::mem::forget(transaction);
    drop(one);
    assert_eq!(count(&other).await, 1);
}

/// Not a test: what [`a_killed_test_leaves_no_server_behind`] starts as another process and kills.
#[tokio::test]
#[ignore = "started and killed by another test"]
#[allow(clippy::print_stdout)] // to the test that started it
async fn holds_a_server_until_killed() {
    let timescale = Timescale::start().await;
    println!("\nholding {}", timescale.pid());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_test_leaves_no_server_behind() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_server_until_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(holder.stdout.take().unwrap());
    let line = output.lines().map(Result::unwrap).find(|line| line.starts_with("holding ")).unwrap();
    let pid = line.split(' ').nth(1).unwrap().to_owned();
    assert!(is_running(&pid));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while is_running(&pid) {
        assert!(Instant::now() < until, "process {pid} is still there");
        std::thread::yield_now();
    }
}

/// Whether it runs; a zombie that nobody has waited for yet does not.
fn is_running(pid: &str) -> bool {
    let script = "kill -0 \"$1\" 2>/dev/null && ! grep -q '^State:.*Z' \"/proc/$1/status\" 2>/dev/null";
    Command::new("sh").args(["-c", script, "sh", pid]).status().unwrap().success()
}
