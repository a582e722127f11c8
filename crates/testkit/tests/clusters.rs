//! Clusters are what they promise: real, and gone afterwards, also when the test was killed.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test ends where something is not as it must be

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::pgbouncer::{Bouncer, PoolMode};
use testkit::{Cluster, Version};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn the_oldest_and_the_newest_version_answer() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        let client = cluster.client("postgres").await;
        client.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
        let number: String = client.query_one("SHOW server_version_num", &[]).await.unwrap().get(0);
        assert_eq!(number.parse::<u32>().unwrap() / 10_000, version.major());
    }
}

#[tokio::test]
async fn logging_in_over_tcp_needs_the_right_password() {
    let cluster = Cluster::start(Version::V18).await;
    cluster.create_database("shop \"1\"").await;
    tokio_postgres::connect(&cluster.url("shop%20%221%22"), NoTls).await.map(drop).unwrap();
    let wrong = cluster.url("postgres").replace(cluster.password(), "wrong");
    let refused = tokio_postgres::connect(&wrong, NoTls).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INVALID_PASSWORD));
}

#[tokio::test]
async fn hba_lines_of_a_test_do_not_shut_its_own_client_out() {
    let cluster = Cluster::builder(Version::V13).hba("host all all all reject").start().await;
    cluster.client("postgres").await;
    let refused = tokio_postgres::connect(&cluster.url("postgres"), NoTls).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION));
}

#[tokio::test]
async fn old_ways_to_log_in_can_be_had() {
    let cluster = Cluster::builder(Version::V13)
        .setting("password_encryption", "md5")
        .hba("host all old all md5\nhost all plain all password")
        .start()
        .await;
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute("CREATE ROLE old LOGIN PASSWORD 'a'; CREATE ROLE plain LOGIN PASSWORD 'a'")
        .await
        .unwrap();
    for role in ["old", "plain"] {
        let url = format!("postgresql://{role}:a@127.0.0.1:{}/postgres", cluster.port());
        tokio_postgres::connect(&url, NoTls).await.map(drop).unwrap();
    }
}

#[tokio::test]
async fn a_dropped_cluster_leaves_no_process_and_no_folder() {
    let cluster = Cluster::start(Version::V18).await;
    let _client = cluster.client("postgres").await;
    let (pid, folder) = (cluster.pid(), cluster.socket_folder().to_owned());
    assert!(is_running(pid) && folder.exists());
    drop(cluster);
    assert!(!is_running(pid));
    assert!(!folder.exists());
}

#[tokio::test]
async fn pgbouncer_pools_in_the_asked_mode() {
    if !Bouncer::is_installed() {
        eprintln!("skipped: there is no pgbouncer here");
        return;
    }
    let cluster = Cluster::start(Version::V18).await;
    for (mode, word) in [(PoolMode::Transaction, "transaction"), (PoolMode::Session, "session")] {
        let bouncer = Bouncer::start(&cluster, mode).await;
        let url = |database| {
            format!(
                "postgresql://{}:{}@127.0.0.1:{}/{database}",
                cluster.user(),
                cluster.password(),
                bouncer.port()
            )
        };
        let (client, connection) = tokio_postgres::connect(&url("postgres"), NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute("SELECT 1").await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        let (console, connection) = tokio_postgres::connect(&url("pgbouncer"), NoTls).await.unwrap();
        tokio::spawn(connection);
        let answers = console.simple_query("SHOW CONFIG").await.unwrap();
        let shown = answers.iter().find_map(|answer| match answer {
            tokio_postgres::SimpleQueryMessage::Row(row) if row.get("key") == Some("pool_mode") => {
                row.get("value")
            }
            _ => None,
        });
        assert_eq!(shown, Some(word));
    }
}

/// Not a test: what [`a_killed_test_leaves_nothing_behind`] starts as another process and kills.
#[test]
#[ignore = "started and killed by another test"]
#[allow(clippy::print_stdout)] // to the test that started it
fn holds_a_cluster_until_killed() {
    let cluster = Cluster::builder(Version::V18).start_blocking();
    println!("\nholding {} {}", cluster.pid(), cluster.socket_folder().display());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_test_leaves_nothing_behind() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_cluster_until_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(holder.stdout.take().unwrap());
    let line = output.lines().map(Result::unwrap).find(|line| line.starts_with("holding ")).unwrap();
    let mut words = line.split(' ').skip(1);
    let pid: u32 = words.next().unwrap().parse().unwrap();
    let folder = Path::new(words.next().unwrap());
    assert!(is_running(pid) && folder.exists());
    holder.kill().unwrap();
    holder.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while is_running(pid) || folder.exists() {
        assert!(Instant::now() < until, "process {pid} or {} is still there", folder.display());
        std::thread::yield_now();
    }
}

/// Whether it runs; a zombie that nobody has waited for yet does not.
fn is_running(pid: u32) -> bool {
    let script = "kill -0 \"$1\" 2>/dev/null && ! grep -q '^State:.*Z' \"/proc/$1/status\" 2>/dev/null";
    Command::new("sh").args(["-c", script, "sh", &pid.to_string()]).status().unwrap().success()
}

#[tokio::test]
async fn many_tables_are_made_with_rows_an_index_and_statistics_each() {
    let cluster = Cluster::start(Version::V13).await;
    let client = cluster.client("postgres").await;
    testkit::many_tables::make(&client, 120).await;
    let counts = "select (select count(*) from pg_indexes where schemaname = 'many'),
                         (select count(distinct tablename) from pg_stats where schemaname = 'many')";
    let row = client.query_one(counts, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (120, 120));
}
