//! Tests, latency, health and findings of real targets, as REST tells them.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Cluster, Version, faulty};

use crate::dashboard::{Dashboard, to, untested};

const ALL: &str = "/api/db/connections";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_is_tested_at_once_phase_by_phase() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V18).await;
    let created = dashboard.post_json(ALL, &to(&target, "orders")).await.json();
    let test = &created["test"];
    assert_eq!((&test["ok"], &test["error"]), (&json!(true), &Value::Null), "{test}");
    assert!(test["round_trip_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{test}");
    assert!(test["server_version"].as_str().is_some_and(|version| version.starts_with("18.")), "{test}");
    for phase in ["tcp_ms", "auth_ms", "query_ms"] {
        assert!(test["phases"][phase].as_f64().is_some(), "{phase} of {test}");
    }
    assert_eq!(created["connection"]["last_check"], *test);
    assert!(["up", "degraded"].contains(&created["connection"]["status"].as_str().unwrap()), "{created}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_test_fails_is_saved_and_says_why() {
    let dashboard = Dashboard::start().await;
    let nobody = faulty::refused_port();
    let mut body = untested("orders");
    body["port"] = json!(nobody.port());
    body["test"] = json!(true);
    let answer = dashboard.post_json(ALL, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let created = answer.json();
    assert_eq!(
        (&created["test"]["ok"], &created["test"]["error"]["kind"]),
        (&json!(false), &json!("refused"))
    );
    assert_eq!(created["test"]["error"]["phase"], "tcp");
    assert!(created["test"]["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
    assert_eq!(created["connection"]["status"], "down");

    let findings = dashboard.get("/api/findings?severity=critical").await.json();
    assert_eq!(findings["items"][0]["connection_id"], created["connection"]["id"], "{findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_has_as_many_rounds_as_asked_for() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V13).await;
    let id = dashboard.add(&to(&target, "orders")).await["id"].clone();
    let latency = dashboard.post(&format!("/api/test/latency/{id}?rounds=7")).await;
    assert_eq!(latency.status, 200, "{}", latency.text);
    let latency = latency.json();
    assert_eq!(latency["rounds_ms"].as_array().map(Vec::len), Some(7), "{latency}");
    assert_eq!(latency["error"], Value::Null);
    for number in ["min_ms", "avg_ms", "p50_ms", "p95_ms", "max_ms", "stddev_ms"] {
        assert!(latency[number].as_f64().is_some(), "{number} of {latency}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_between_two_readings_is_listed_newest_first_in_pages() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V18).await;
    let mut body = to(&target, "orders");
    body["test"] = json!(false);
    let id = dashboard.add(&body).await["id"].clone();
    let fresh = format!("/api/health/{id}?fresh=true");
    assert_eq!(dashboard.get(&fresh).await.json()["changes"], json!([]));
    let admin = target.client("postgres").await;
    for sql in ["create role app login", "alter role app createrole", "drop role app"] {
        admin.batch_execute(sql).await.unwrap();
        let health = dashboard.get(&fresh).await.json();
        assert_eq!(health["changes"][0]["subject"], "app", "{sql}: {health}");
    }
    let first = dashboard.get(&format!("/api/changes?connection_id={id}&kind=user&limit=2")).await.json();
    assert_eq!(first["total"], 3, "{first}");
    let newest = &first["items"][0];
    assert_eq!((&newest["connection_id"], &newest["connection_name"]), (&id, &json!("orders")));
    assert_eq!(
        (&newest["kind"], &newest["before"], &newest["after"]),
        (&json!("user"), &json!("login, creates roles"), &Value::Null)
    );
    let next = first["next"].as_str().unwrap();
    let last = dashboard
        .get(&format!("/api/changes?connection_id={id}&kind=user&limit=2&cursor={next}"))
        .await
        .json();
    assert_eq!((&last["items"][0]["after"], &last["next"]), (&json!("login"), &Value::Null), "{last}");
    let none = dashboard.get(&format!("/api/changes?connection_id={id}&kind=restart")).await.json();
    assert_eq!(none, json!({"items": [], "total": 0, "next": null}));
    let page = dashboard.post_json("/rpc/changes", &json!({"id": id, "cursor": null})).await;
    assert_eq!(page.json()["total"], 3, "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_regions_are_tested_and_grouped() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V18).await;
    for (name, region) in [("a", "EU West"), ("b", "EU West"), ("c", "US East")] {
        let mut body = to(&target, name);
        body["region"] = json!(region);
        body["test"] = json!(false);
        dashboard.add(&body).await;
    }
    let answer = dashboard.post("/api/test/all-regions").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let regions = answer.json();
    assert_eq!((&regions["tested"], &regions["ok"]), (&json!(3), &json!(3)), "{regions}");
    let tested = |name: &str| {
        let found = regions["regions"].as_array().unwrap().iter().find(|region| region["region"] == name);
        found.map(|region| region["tested"].clone())
    };
    assert_eq!((tested("EU West"), tested("US East")), (Some(json!(2)), Some(json!(1))));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_read_and_summed_up() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V18).await;
    let id = dashboard.add(&to(&target, "orders")).await["id"].clone();
    let health = dashboard.get(&format!("/api/health/{id}?fresh=true")).await;
    assert_eq!(health.status, 200, "{}", health.text);
    let health = health.json();
    assert_eq!(health["connection_id"], id);
    assert!(health["score"].as_u64().is_some(), "{health}");
    assert!(health["metrics"]["transactions_per_s"].as_f64().is_some(), "two readings make a rate: {health}");
    assert!(health["checks"].as_array().is_some_and(|checks| checks.len() >= 2), "{health}");

    let all = dashboard.get("/api/health/all").await.json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "{all}");
    let info = dashboard.get("/api/database/info").await.json();
    assert_eq!((&info["engine"], &info["mode"]), (&json!("postgresql"), &json!("external")), "{info}");
    let summary = dashboard.get("/api/database-summary").await.json();
    assert_eq!(summary["connections"]["total"], 1, "{summary}");
    assert_eq!(summary["availability_ratio"]["24h"], 1.0, "{summary}");
}

/// Starts a test of more connections than a request waits for, and answers where its job can be read.
async fn start_job(dashboard: &Dashboard) -> String {
    let started = dashboard.post("/api/test/all-regions").await;
    assert_eq!(started.status, 202, "{}", started.text);
    let path = started.header("location").to_owned();
    assert_eq!(path, format!("/api/jobs/{}", started.json()["job"]["id"].as_str().unwrap()));
    path
}

/// The job once it is over.
async fn over(dashboard: &Dashboard, path: &str) -> Value {
    let reading = async {
        loop {
            let job = dashboard.get(path).await.json();
            if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("the job ends")
}

/// Adds connections to 127.0.0.1, all of one region.
async fn add_many(dashboard: &Dashboard, count: usize, port: u16, region: &str) {
    for number in 0..count {
        let mut body = untested(&format!("{region} {number}"));
        body["port"] = json!(port);
        body["region"] = json!(region);
        dashboard.add(&body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_tests_more_than_fifty_connections_and_groups_them() {
    let dashboard = Dashboard::start().await;
    let (target, nobody) = (Cluster::start(Version::V18).await, faulty::refused_port());
    add_many(&dashboard, 48, nobody.port(), "US East").await;
    for name in ["a", "b", "c"] {
        let mut body = to(&target, name);
        body["region"] = json!("EU West");
        body["test"] = json!(false);
        dashboard.add(&body).await;
    }
    let path = start_job(&dashboard).await;
    let job = over(&dashboard, &path).await;
    assert_eq!((&job["state"], &job["progress_ratio"]), (&json!("done"), &json!(1.0)), "{job}");
    assert!(job["finished_at"].is_string(), "{job}");
    let result = &job["result"];
    assert_eq!((&result["tested"], &result["ok"]), (&json!(51), &json!(3)), "{job}");
    let regions: Vec<_> = result["regions"].as_array().unwrap().iter().collect();
    let counts: Vec<_> =
        regions.iter().map(|region| json!([region["region"], region["tested"], region["ok"]])).collect();
    assert_eq!(counts, [json!(["EU West", 3, 3]), json!(["US East", 48, 0])]);
    assert!(regions[0]["p50_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{}", regions[0]);
    assert_eq!(regions[1]["p50_ms"], Value::Null);
    for failed in regions[1]["results"].as_array().unwrap() {
        assert_eq!(failed["error"]["kind"], "refused", "{failed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_while_its_targets_keep_silent() {
    let dashboard = Dashboard::start().await;
    let silent = faulty::silent();
    add_many(&dashboard, 51, silent.port(), "EU West").await;
    let path = start_job(&dashboard).await;
    let cancelled = dashboard.delete(&path).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    let job = over(&dashboard, &path).await;
    assert_eq!((&job["state"], &job["result"]), (&json!("cancelled"), &Value::Null), "{job}");
    assert!(job["finished_at"].is_string(), "{job}");
    // One that is over stays as it is.
    assert_eq!(dashboard.delete(&path).await.json(), job);
}
