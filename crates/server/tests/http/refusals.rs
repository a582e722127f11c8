//! What a request that cannot be answered gets.

use reqwest::{Method, header};
use serde_json::json;

use crate::dashboard::{Dashboard, faults, send, untested};

const ALL: &str = "/api/db/connections";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_json_is_400() {
    let dashboard = Dashboard::start().await;
    for body in ["{\"host\": ", "", "{'a': 1}", "\u{0}"] {
        let request = dashboard.request(Method::POST, ALL).header(header::CONTENT_TYPE, "application/json");
        send(request.body(body)).await.problem(400, "malformed");
    }
    let deep = "[".repeat(100_000);
    let request = dashboard.request(Method::POST, ALL).header(header::CONTENT_TYPE, "application/json");
    send(request.body(deep)).await.problem(400, "malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_content_type_is_415() {
    let dashboard = Dashboard::start().await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = dashboard.request(Method::POST, ALL).header(header::CONTENT_TYPE, content_type);
        send(request.body("{}")).await.problem(415, "unsupported_media_type");
    }
    send(dashboard.request(Method::POST, ALL).body("{}")).await.problem(415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_more_than_a_megabyte_is_413() {
    let dashboard = Dashboard::start().await;
    let mut body = untested("orders");
    body["notes"] = json!("x".repeat(1024 * 1024));
    dashboard.post_json(ALL, &body).await.problem(413, "too_large");
    // Without Content-Length the size shows only while it is read.
    let chunks = futures::stream::iter((0..32).map(|_| Ok::<_, std::io::Error>("x".repeat(64 * 1024))));
    let request = dashboard.request(Method::POST, ALL).header(header::CONTENT_TYPE, "application/json");
    send(request.body(reqwest::Body::wrap_stream(chunks))).await.problem(413, "too_large");
    dashboard.post_json("/rpc/create_connection", &body).await.problem(413, "too_large");
    let long = "x".repeat(1024 * 1024);
    dashboard.post_form("/connections/new", &[("notes", &long)]).await.problem(413, "too_large");
    assert_eq!(dashboard.total().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_wrong_parameters_are_told_by_name_and_together() {
    let dashboard = Dashboard::start().await;
    let answer = dashboard.get(&format!("{ALL}?limit=0&sort=best&colour=red")).await;
    assert_eq!(answer.faults(), faults([("sort", "unknown"), ("limit", "range"), ("colour", "unknown")]));
    let answer = dashboard.get("/api/changes?kind=colour&from=now&limit=501").await;
    assert_eq!(answer.faults(), faults([("kind", "unknown"), ("from", "type"), ("limit", "range")]));
    let answer = dashboard.get("/api/changes?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z").await;
    assert_eq!(answer.faults(), faults([("to", "range")]));
    assert_eq!(dashboard.get("/api/changes?cursor=x").await.faults(), faults([("cursor", "unknown")]));
    let answer = dashboard.post("/api/test/latency/1?rounds=101&fast=yes").await;
    assert_eq!(answer.faults(), faults([("rounds", "range"), ("fast", "unknown")]));
    for path in [
        "/api/database/info?x=1",
        "/api/health/all?x=1",
        "/api/findings?x=1",
        "/api/changes?x=1",
        "/api/database-summary?x=1",
        "/healthz?x=1",
        "/readyz?x=1",
        "/openapi.json?x=1",
    ] {
        assert_eq!(dashboard.get(path).await.faults(), faults([("x", "unknown")]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_connection_is_404() {
    let dashboard = Dashboard::start().await;
    for id in ["99999", "abc", "0", "-1", "1.5", "007", "9999999999999999999999", "%F0%9F%92%A9", "%ff"] {
        dashboard.get(&format!("{ALL}/{id}")).await.problem(404, "not_found");
        dashboard.post(&format!("/api/test/connection/{id}")).await.problem(404, "not_found");
        dashboard.get(&format!("/api/health/{id}")).await.problem(404, "not_found");
    }
    for id in ["none", "%ff", "%F0%9F%92%A9"] {
        dashboard.get(&format!("/api/jobs/{id}")).await.problem(404, "not_found");
        dashboard.delete(&format!("/api/jobs/{id}")).await.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_the_api_that_is_none_is_a_problem_and_not_a_page() {
    let dashboard = Dashboard::start().await;
    for path in
        ["/api", "/api/nothing", "/api/db/connections/", "/rpc/nothing", "/api/db/connections/1/trust"]
    {
        dashboard.get(path).await.problem(404, "not_found");
    }
    let answer = send(dashboard.request(Method::PATCH, ALL)).await;
    answer.problem(405, "method_not_allowed");
    assert!(answer.header("allow").contains("POST"), "{:?}", answer.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_an_address_does_not_take_is_a_problem_everywhere() {
    let dashboard = Dashboard::start().await;
    std::fs::write(dashboard.site().join("favicon.svg"), "<svg/>").unwrap();
    for (method, path, allowed) in [
        (Method::POST, "/docs", "GET"),
        (Method::POST, "/", "GET"),
        (Method::PUT, "/connections/new", "POST"),
        (Method::GET, "/theme", "POST"),
        (Method::GET, "/connections/1/restore", "POST"),
        (Method::POST, "/favicon.svg", "GET"),
        (Method::DELETE, "/healthz", "GET"),
    ] {
        let answer = send(dashboard.request(method.clone(), path)).await;
        answer.problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {:?}", answer.headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_and_keeps_a_plain_one() {
    let dashboard = Dashboard::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for path in [ALL, "/healthz", "/nothing", "/api/nothing", "/openapi.json"] {
        assert!(seen.insert(dashboard.get(path).await.header("x-request-id").to_owned()), "{path}");
    }
    let with = |id: &'static str| send(dashboard.request(Method::GET, "/healthz").header("x-request-id", id));
    assert_eq!(with("from-my-proxy").await.header("x-request-id"), "from-my-proxy");
    assert_ne!(with("<b> not plain").await.header("x-request-id"), "<b> not plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_function_tells_the_same_problems_with_the_same_status() {
    let dashboard = Dashboard::start().await;
    for body in [json!({"id": 99999}), json!({"id": "abc"}), json!({})] {
        let answer = dashboard.post_json("/rpc/get_connection", &body).await;
        let expected = if body == json!({"id": 99999}) { (404, "not_found") } else { (400, "malformed") };
        answer.problem(expected.0, expected.1);
    }
    let form = dashboard.post_form("/rpc/get_connection", &[("id", "1")]).await;
    form.problem(415, "unsupported_media_type");
    dashboard.post_form("/rpc/nothing", &[]).await.problem(404, "not_found");
    let answer = dashboard.get("/rpc/get_connection").await;
    answer.problem(405, "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_dashboard_says_so() {
    let dashboard = Dashboard::start().await;
    assert_eq!(dashboard.get("/readyz").await.status, 200);
    let remains = dashboard.lose_database().await;
    assert_eq!(remains.get("/healthz").await.json()["status"], "ok");
    remains.get("/readyz").await.problem(503, "store_unavailable");
    let answer = remains.get(ALL).await;
    answer.problem(503, "store_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
    let page = remains.get("/").await;
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.text);
}
