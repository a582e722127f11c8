//! Load tests as REST tells them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Cluster, Version, faulty};

use crate::dashboard::{Dashboard, faults, send, to, untested};

/// The job once it is as it should be.
async fn job(dashboard: &Dashboard, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    let reading = async {
        loop {
            let job = dashboard.get(path).await.json();
            if is(&job) {
                return job;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), reading).await.expect("the job gets there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_test_is_answered_with_its_report() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V13).await;
    let id = dashboard.add(&to(&target, "orders")).await["id"].clone();
    let path = format!("/api/test/load/{id}");
    let answer = dashboard
        .post_json(&path, &json!({"connections": 3, "duration_s": 1, "rate_per_s": 100, "statement": null}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let report = answer.json();
    assert_eq!((&report["mode"], &report["requests"]), (&json!("open"), &json!(100)), "{report}");
    assert_eq!((&report["connection_id"], &report["cancelled"]), (&id, &json!(false)));
    for times in ["latency", "connect"] {
        for number in
            ["min_ms", "avg_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "stddev_ms"]
        {
            assert!(report[times][number].is_f64(), "{times}.{number} of {report}");
        }
    }
    assert!(report["client"]["limited"].is_boolean(), "{report}");

    let compared = dashboard.get(&path).await.json();
    assert_eq!((&compared["last"], &compared["before"]), (&report, &Value::Null), "{compared}");
    assert_eq!(compared["other_way"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_test_and_one_that_nobody_waits_for_are_jobs_with_progress_and_cancel() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::start(Version::V18).await;
    let id = dashboard.add(&to(&target, "orders")).await["id"].clone();
    let path = format!("/api/test/load/{id}");
    let started = dashboard.post_json(&path, &json!({"connections": 2, "duration_s": 300})).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let location = started.header("location").to_owned();
    let running = started.json()["job"].clone();
    assert_eq!(location, format!("/api/jobs/{}", running["id"].as_str().unwrap()));
    assert_eq!((&running["kind"], &running["connection_id"]), (&json!("load"), &id), "{running}");

    let busy = dashboard.post_json(&path, &json!({"connections": 1, "duration_s": 1})).await;
    busy.problem(409, "busy");
    let half = job(&dashboard, &location, |job| job["report_so_far"].is_object()).await;
    assert!(
        half["report_so_far"]["timeline"].as_array().is_some_and(|seconds| !seconds.is_empty()),
        "{half}"
    );
    assert_eq!((&half["state"], &half["result"]), (&json!("running"), &Value::Null), "{half}");
    assert!(half["progress_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0 && ratio < 1.0), "{half}");
    assert_eq!(dashboard.delete(&location).await.status, 200);
    let over = job(&dashboard, &location, |job| job["state"] != "running").await;
    assert_eq!((&over["state"], &over["result"]["cancelled"]), (&json!("cancelled"), &json!(true)), "{over}");
    assert!(over["result"]["requests"].as_u64().is_some_and(|requests| requests > 0), "{over}");
    assert_eq!(over["report_so_far"], Value::Null);

    let request = dashboard.request(Method::POST, &path).header("prefer", "wait=5, Respond-Async");
    let started = send(request.json(&json!({"connections": 1, "duration_s": 1}))).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let over = job(&dashboard, started.header("location"), |job| job["state"] != "running").await;
    assert_eq!((&over["state"], &over["progress_ratio"]), (&json!("done"), &json!(1.0)), "{over}");
    assert!(over["result"]["succeeded"].as_u64().is_some_and(|answers| answers > 0), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_is_refused_by_name() {
    let dashboard = Dashboard::start().await;
    let target = Cluster::builder(Version::V18).setting("max_connections", "20").start().await;
    let id = dashboard.add(&to(&target, "orders")).await["id"].clone();
    let path = format!("/api/test/load/{id}");
    let answer =
        dashboard.post_json(&path, &json!({"connections": 201, "duration_s": "10", "threads": 2})).await;
    assert_eq!(
        answer.faults(),
        faults([("duration_s", "type"), ("threads", "unknown"), ("connections", "range")])
    );
    let answer = dashboard.post_json(&path, &json!({"connections": 20})).await;
    assert_eq!(answer.faults(), faults([("connections", "too_many")]));
    let answer = dashboard.post_json(&path, &json!({"statement": "select 2"})).await;
    answer.problem(403, "forbidden");
    let body = dashboard.request(Method::POST, &path).header("content-type", "application/json").body("{");
    send(body).await.problem(400, "malformed");
    dashboard.post(&path).await.problem(415, "unsupported_media_type");
    dashboard.post_json("/api/test/load/999", &json!({})).await.problem(404, "not_found");
    dashboard.get("/api/test/load/999").await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_reached_says_why() {
    let dashboard = Dashboard::start().await;
    let nobody = faulty::refused_port();
    let mut body = untested("orders");
    body["port"] = json!(nobody.port());
    let id = dashboard.add(&body).await["id"].clone();
    let answer = dashboard.post_json(&format!("/api/test/load/{id}"), &json!({"duration_s": 1})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let report = answer.json();
    assert_eq!((&report["error"]["kind"], &report["requests"]), (&json!("refused"), &json!(0)), "{report}");
    assert_eq!(report["latency"]["p50_ms"], Value::Null);
    assert!(report["unavailable"]["latency"]["reason"].is_string(), "{report}");
}
