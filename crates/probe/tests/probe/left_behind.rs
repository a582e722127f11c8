//! What is left on the server when the dashboard is killed in the middle of a reading.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use probe::{Asked, Guests, Limits, Prober, Target};
use testkit::{Cluster, Version};

use crate::on_port;

const PORT: &str = "PROBE_TEST_PORT";
const PASSWORD: &str = "PROBE_TEST_PASSWORD";
const STATEMENT_LIMIT_S: &str = "PROBE_TEST_STATEMENT_LIMIT_S";

/// None of our sessions is there for longer after a kill.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Is ended when a test fails.
struct Reader(Child);

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process that is killed: a reading that hangs on a lock, with nothing of its own to end it.
#[tokio::test]
#[ignore = "started by the test below"]
async fn reads_until_it_is_killed() {
    let env = |name| std::env::var(name).unwrap();
    let minute = Duration::from_secs(60);
    let statement = Duration::from_secs(env(STATEMENT_LIMIT_S).parse().unwrap());
    let limits = Limits { lock: minute, health: minute, statement, ..Limits::default() };
    let target = Target { password: Some(env(PASSWORD).into()), ..on_port(env(PORT).parse().unwrap()) };
    let held = Prober::with_limits(limits).held(Guests::default());
    let asked = Asked { target: &target, version: 1, keep: true, now: true, next: Duration::ZERO };
    let _ = held.health(asked, None, false).await;
}

#[tokio::test]
async fn no_session_is_left_behind_by_a_dashboard_that_is_killed() {
    // From 14 the server looks whether we are there, however long a statement may take; before, that has a limit.
    for (version, statement_limit_s) in [(Version::V13, 5), (Version::V18, 60)] {
        let cluster = Cluster::start(version).await;
        let locker = cluster.client("postgres").await;
        locker.batch_execute("begin; lock table pg_extension in access exclusive mode").await.unwrap();
        let onlooker = cluster.client("postgres").await;
        let ours = async |more: &str| -> i64 {
            let count = format!(
                "select count(*) from pg_stat_activity where application_name = 'pg-dashboard' {more}"
            );
            onlooker.query_one(&count, &[]).await.unwrap().get(0)
        };
        let mut reader = Reader(
            Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "left_behind::reads_until_it_is_killed"])
                .env(PORT, cluster.port().to_string())
                .env(PASSWORD, cluster.password())
                .env(STATEMENT_LIMIT_S, statement_limit_s.to_string())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let until = Instant::now() + Duration::from_secs(20);
        while ours("and wait_event_type = 'Lock'").await == 0 {
            assert!(Instant::now() < until, "the reading does not hang");
        }
        // SIGKILL: it can neither cancel nor say goodbye.
        reader.0.kill().unwrap();
        reader.0.wait().unwrap();
        let until = Instant::now() + GONE_WITHIN;
        while ours("").await > 0 {
            assert!(Instant::now() < until, "{version}: its session is still there");
        }
    }
}
