//! A dashboard that starts a PostgreSQL of its own.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::process::{Place, Running, STOP_LIMIT, client};

async fn add(dashboard: &Running, name: &str) {
    let body = json!({"name": name, "host": "127.0.0.1", "port": 1, "database_name": "d", "username": "u",
        "password": "hunter2", "test": false});
    let answer =
        client().post(format!("{}/api/db/connections", dashboard.address)).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

async fn names(dashboard: &Running) -> Vec<String> {
    let list: Value = client()
        .get(format!("{}/api/db/connections", dashboard.address))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// The first process of the PostgreSQL in a data folder.
fn postmaster(folder: &Path) -> Option<u32> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "postmaster.pid") {
            return fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok();
        }
        if path.is_dir()
            && let Some(pid) = postmaster(&path)
        {
            return Some(pid);
        }
    }
    None
}

/// A process that nobody has waited for yet (state `Z`) does not run any more.
fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_stops_both_and_the_next_start_has_its_data() {
    let place = Place::new();
    let dashboard = place.serve(&[]);
    add(&dashboard, "orders").await;
    let postgres = postmaster(&place.data()).expect("PostgreSQL runs");
    assert!(runs(postgres));
    let key = place.data().join("secrets/encryption.key");
    assert!(key.is_file());

    let (status, took, log) = dashboard.stop("TERM");
    assert!(status.success(), "{status}: {log}");
    assert!(took < STOP_LIMIT, "{took:?}: {log}");
    assert!(!runs(postgres), "PostgreSQL still runs: {log}");
    assert!(log.contains("encryption.key"), "the log says where the key is: {log}");
    assert!(!log.contains(fs::read_to_string(&key).unwrap().trim()), "the log never says the key");

    let again = place.serve(&[]);
    assert_eq!(names(&again).await, ["orders"]);
    let (status, took, log) = again.stop("INT");
    assert!(status.success() && took < STOP_LIMIT, "{status} after {took:?}: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dashboard_on_the_same_folder_is_told_so() {
    let place = Place::new();
    let first = place.serve(&[]);
    let second = place.run(&[], &[]);
    let message = second.message();
    assert!(message.contains("another dashboard"), "{message}");
    assert_eq!(names(&first).await, Vec::<String>::new(), "the first one is not disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_next_start_finds_its_data() {
    let place = Place::new();
    let dashboard = place.serve(&[]);
    add(&dashboard, "orders").await;
    let postgres = postmaster(&place.data()).expect("PostgreSQL runs");
    dashboard.stop("KILL");

    let again = place.serve(&[]);
    assert_eq!(names(&again).await, ["orders"]);
    let now = postmaster(&place.data()).expect("PostgreSQL runs");
    assert!(now == postgres || !runs(postgres), "the orphan is reused or stopped");
    let (_, _, log) = again.stop("TERM");
    assert!(!runs(now), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_run_do_not_hold_up_the_stop() {
    let place = Place::new();
    let dashboard = place.serve(&[]);
    let black_hole = testkit::faulty::silent();
    let body = json!({"host": "127.0.0.1", "port": black_hole.port(), "database_name": "d", "username": "u"});
    let request = client().post(format!("{}/api/db/connections", dashboard.address)).json(&body);
    let waiting = tokio::spawn(request.send());
    tokio::task::yield_now().await;
    let (_, took, log) = tokio::task::spawn_blocking(move || dashboard.stop("TERM")).await.unwrap();
    assert!(took < STOP_LIMIT + Duration::from_millis(200), "{took:?}: {log}");
    let _ = waiting.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_file_a_folder_with_data_is_refused_and_left_as_it_was() {
    let place = Place::new();
    place.serve(&[]).stop("TERM");
    let key = place.data().join("secrets/encryption.key");
    let kept = fs::read_to_string(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let outcome = place.run(&[], &[]);
    assert!(outcome.message().contains("encryption.key"), "{outcome:?}");
    assert!(!key.exists(), "no other key is left behind");
    fs::write(&key, kept).unwrap();
    place.serve(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_come_back_from_a_backup_open_the_data_again() {
    let place = Place::new();
    let dashboard = place.serve(&[]);
    add(&dashboard, "orders").await;
    dashboard.stop("TERM");
    let (secrets, backup) = (place.data().join("secrets"), place.data().join("backup"));
    fs::rename(&secrets, &backup).unwrap();
    let outcome = place.run(&[], &[]);
    assert!(outcome.message().contains("encryption.key"), "{outcome:?}");
    fs::remove_dir_all(&secrets).unwrap();
    fs::rename(&backup, &secrets).unwrap();
    assert_eq!(names(&place.serve(&[])).await, ["orders"]);
}

/// Ends the PostgreSQL behind a dashboard's back.
fn end_postgres(place: &Place) -> u32 {
    let postgres = postmaster(&place.data()).expect("PostgreSQL runs");
    assert!(Command::new("kill").args(["-INT", &postgres.to_string()]).status().unwrap().success());
    postgres
}

/// Waits until another PostgreSQL runs and the dashboard is ready with it.
async fn ready_after(dashboard: &Running, place: &Place, ended: u32) {
    let until = Instant::now() + Duration::from_secs(60);
    while runs(ended)
        || postmaster(&place.data()).is_none_or(|now| now == ended)
        || !is_ready(dashboard).await
    {
        assert!(Instant::now() < until, "not ready again");
        tokio::task::yield_now().await;
    }
}

async fn is_ready(dashboard: &Running) -> bool {
    let answer = client().get(format!("{}/readyz", dashboard.address)).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_ends_by_itself_is_started_again_until_that_is_of_no_use() {
    let place = Place::new();
    let dashboard = place.serve(&[]);
    add(&dashboard, "orders").await;
    for _ in 0..3 {
        let ended = end_postgres(&place);
        ready_after(&dashboard, &place, ended).await;
        assert_eq!(names(&dashboard).await, ["orders"]);
    }
    end_postgres(&place);
    let outcome = tokio::task::spawn_blocking(move || dashboard.end()).await.unwrap();
    assert!(outcome.message().contains("postgres.log"), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("has ended by itself").count(), 4, "{outcome:?}");
    assert_eq!(outcome.stderr.matches("starting the embedded PostgreSQL again").count(), 3, "{outcome:?}");
    assert_eq!(names(&place.serve(&[])).await, ["orders"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_while_postgresql_starts_leaves_nothing_running() {
    let place = Place::new();
    place.serve(&[]).stop("TERM");
    let mut child = place.command(&[]).spawn().unwrap();
    let postgres = loop {
        if let Some(postgres) = postmaster(&place.data()) {
            break postgres;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::task::yield_now().await;
    };
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let outcome = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(!runs(postgres), "PostgreSQL still runs: {outcome:?}");
}
