//! Charts and recent checks over REST.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, Version};

use crate::dashboard::{Dashboard, faults, send, to, untested};

const LATENCY: &str = "/api/latency-chart-data";
const HEALTH: &str = "/api/health-metrics-chart-data";
const RECENT: &str = "/api/recent-checks";

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn tested(dashboard: &Dashboard) -> (Cluster, Value) {
    let target = Cluster::start(Version::V18).await;
    let id = dashboard.add(&to(&target, "orders")).await["id"].clone();
    let health = dashboard.get(&format!("/api/health/{id}?fresh=true")).await;
    assert_eq!(health.status, 200, "{}", health.text);
    (target, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_is_charted_with_a_tag_that_saves_sending_it_again() {
    let dashboard = Dashboard::start().await;
    let (_target, id) = tested(&dashboard).await;
    let now = Utc::now();
    let range = format!("from={}&to={}", text(now - TimeDelta::hours(1)), text(now + TimeDelta::seconds(60)));
    let path = format!("{LATENCY}?connection_id={id}&metric=round_trip_ms&metric=tcp_ms&{range}&points=50");
    let answer = dashboard.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let data = answer.json();
    assert_eq!(data["series"].as_array().map(Vec::len), Some(2), "{data}");
    let series = &data["series"][0];
    assert_eq!(
        (&series["name"], &series["metric"], &series["unit"]),
        (&json!("orders"), &json!("round_trip_ms"), &json!("ms"))
    );
    assert_eq!(series["columns"], json!(["t", "p50", "p95", "min", "max", "count", "failures"]));
    let points = series["points"].as_array().unwrap();
    assert!(!points.is_empty() && points.iter().all(|point| point[1].as_f64().unwrap() > 0.0), "{series}");

    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let tag = answer.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    let again = send(dashboard.request(Method::GET, &path).header("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", tag.as_str()));
    assert_eq!(dashboard.post(&format!("/api/test/connection/{id}")).await.status, 200);
    let changed = send(dashboard.request(Method::GET, &path).header("if-none-match", &tag)).await;
    assert_eq!(changed.status, 200, "there is one more check");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_are_charted_by_name_and_some_by_default() {
    let dashboard = Dashboard::start().await;
    let (_target, id) = tested(&dashboard).await;
    let usual = dashboard.get(HEALTH).await.json();
    let metrics: Vec<&Value> =
        usual["series"].as_array().unwrap().iter().map(|series| &series["metric"]).collect();
    assert_eq!(
        metrics,
        ["cache_hit_ratio", "active_connections", "transactions_per_s", "database_size_bytes"]
    );
    let one = dashboard
        .get(&format!("{HEALTH}?connection_id={id}&metric=max_connections&metric=max_connections"))
        .await;
    let series = &one.json()["series"];
    assert_eq!(series.as_array().map(Vec::len), Some(1), "{series}");
    assert!(series[0]["points"][0][1].as_f64().unwrap() > 1.0, "{series}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_checks_come_in_pages() {
    let dashboard = Dashboard::start().await;
    let (_target, id) = tested(&dashboard).await;
    let idle = dashboard.add(&untested("idle")).await["id"].clone();
    let all = dashboard.get(RECENT).await.json();
    let total = all["total"].as_u64().unwrap();
    assert!(total >= 2 && all["items"].as_array().unwrap().len() as u64 == total, "{all}");
    assert_eq!((&all["next"], &all["items"][0]["connection_id"]), (&Value::Null, &id));
    let first = dashboard.get(&format!("{RECENT}?limit=1")).await.json();
    let next = first["next"].as_str().unwrap();
    let second = dashboard.get(&format!("{RECENT}?limit=1&before={next}")).await.json();
    assert_eq!((&first["items"][0], &second["items"][0]), (&all["items"][0], &all["items"][1]));
    for empty in [
        format!("connection_id={idle}"),
        format!("connection_id={id}&ok=false"),
        "before=2020-01-01T00:00:00Z".to_owned(),
    ] {
        let none = dashboard.get(&format!("{RECENT}?{empty}")).await.json();
        assert_eq!(none["items"], json!([]), "{empty}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_that_make_no_sense_are_refused_by_name() {
    let dashboard = Dashboard::start().await;
    let now = Utc::now();
    let [later, tomorrow] = [1, 24].map(|hours| text(now + TimeDelta::hours(hours)));
    for (query, expected) in [
        ("from=yesterday&to=7", faults([("from", "type"), ("to", "type")])),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", faults([("from", "range")])),
        ("from=2010-01-01T00:00:00Z&to=2020-01-01T00:00:00Z", faults([("from", "too_long")])),
        (&format!("from={later}&to={tomorrow}"), faults([("from", "future"), ("to", "future")])),
        (&format!("to={later}"), faults([("to", "future")])),
        ("points=0", faults([("points", "range")])),
        ("points=10001", faults([("points", "range")])),
        ("metric=colour", faults([("metric", "unknown")])),
        ("connection_id=999", faults([("connection_id", "unknown")])),
        ("connection_id=x&colour=red", faults([("connection_id", "type"), ("colour", "unknown")])),
    ] {
        for path in [LATENCY, HEALTH] {
            let answer = dashboard.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.faults(), expected, "{path}?{query}");
        }
    }
    for (query, expected) in [
        ("before=yesterday", faults([("before", "unknown")])),
        ("ok=perhaps", faults([("ok", "type")])),
        ("limit=501", faults([("limit", "range")])),
        ("connection_id=999", faults([("connection_id", "unknown")])),
    ] {
        assert_eq!(dashboard.get(&format!("{RECENT}?{query}")).await.faults(), expected, "{query}");
    }
    let empty = dashboard.get(LATENCY).await.json();
    assert_eq!((&empty["series"], &empty["marks"]), (&json!([]), &json!([])));
}
