//! The whole dashboard watches, loses its database, is killed, and loses nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use service::KeyRing;
use testkit::{Cluster, Version};

use crate::process::{Place, Running, client};

const LIMIT: Duration = Duration::from_secs(90);

/// What was measured: of which connection, and when.
type Check = (i64, String);

/// The tests that are in the files of the spool, as far as they were written.
fn spooled(folder: &Path) -> BTreeSet<Check> {
    let mut found = BTreeSet::new();
    for writer in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(writer.unwrap().path()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            // Each is JSON behind a few bytes of its own.
            for at in 0..bytes.len() {
                if !bytes[at..].starts_with(br#"{"version":"#) {
                    continue;
                }
                let mut values = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<Value>();
                if let Some(Ok(value)) = values.next()
                    && let test @ Value::Object(_) = &value["of"]["Test"]
                {
                    let id = test["connection_id"].as_i64().unwrap();
                    found.insert((id, test["checked_at"].as_str().unwrap().to_owned()));
                }
            }
        }
    }
    found
}

async fn recorded(own: &Cluster) -> Vec<Check> {
    let sql = r#"select connection_id,
        to_char(checked_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') from dashboard.checks"#;
    let rows = own.client("dashboard").await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn waiting(dashboard: &Running) -> i64 {
    let answer = client().get(format!("{}/readyz", dashboard.address)).send().await.unwrap();
    let ready: Value = answer.json().await.unwrap();
    ready["spool"]["rows"].as_i64().unwrap_or(i64::MAX)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_database_is_away_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    let mut own = Cluster::start(Version::V18).await;
    own.create_database("dashboard").await;
    let target = Cluster::start(Version::V18).await;
    let (url, key) = (own.url("dashboard"), KeyRing::generate_key());
    let settings = [("DATABASE_URL", url.as_str()), ("DB_PASSWORD_ENCRYPTION_KEY", key.expose_secret())];
    let dashboard = place.serve(&settings);
    for number in 0..8 {
        let body = json!({"name": format!("target {number}"), "host": target.host(), "port": target.port(),
            "database_name": "postgres", "username": target.user(), "password": target.password(),
            "check_interval_s": 5, "test": false});
        let request = client().post(format!("{}/api/db/connections", dashboard.address)).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 201);
    }
    let until = Instant::now() + LIMIT;
    while recorded(&own).await.len() < 8 {
        assert!(Instant::now() < until, "it does not watch");
    }
    tokio::task::block_in_place(|| own.halt());
    let spool = place.data().join("spool");
    while spooled(&spool).len() < 40 {
        assert!(Instant::now() < until, "it does not go on without its database");
        tokio::task::yield_now().await;
    }
    dashboard.stop("KILL");
    let acknowledged = spooled(&spool);
    tokio::task::block_in_place(|| own.resume());
    let before = recorded(&own).await;

    let again = place.serve(&[&settings[..], &[("WATCH", "false")]].concat());
    while waiting(&again).await > 0 {
        assert!(Instant::now() < until, "the spool is not emptied");
    }
    let after = recorded(&own).await;
    let there: BTreeSet<Check> = after.iter().cloned().collect();
    assert_eq!(there.len(), after.len(), "nothing twice");
    let lost: Vec<&Check> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let all: BTreeSet<Check> = before.into_iter().chain(acknowledged).collect();
    assert_eq!(there, all, "and nothing that was not measured");
    again.stop("TERM");
}
