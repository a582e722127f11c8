//! Expensive statements and the plan of one, over REST, of a real target.

use serde_json::{Value, json};
use testkit::{Cluster, Version};

use crate::dashboard::{Dashboard, faults, to, untested};

const ALL: &str = "/api/db/connections";
const LIST: &str = "/api/expensive-queries";

/// A target with the extension, a login that may only read, and what it calls a shop.
async fn target() -> Cluster {
    let target = Cluster::builder(Version::V18).preload("pg_stat_statements").start().await;
    let admin = target.client("postgres").await;
    admin
        .batch_execute(
            "create extension pg_stat_statements; create table shop (id int primary key, name text);
             create role reader login password 'x'; grant pg_monitor, pg_read_all_data to reader",
        )
        .await
        .unwrap();
    target
}

fn as_reader(target: &Cluster) -> Value {
    let mut body = to(target, "shop");
    body["username"] = json!("reader");
    body["password"] = json!("x");
    // The reading that follows a test would come between those of this file.
    body["test"] = json!(false);
    body
}

async fn run(target: &Cluster, sql: &str) {
    target.client("postgres").await.batch_execute(sql).await.unwrap();
}

async fn buy(target: &Cluster, times: usize) {
    let admin = target.client("postgres").await;
    for id in 0..times {
        admin.batch_execute(&format!("select name from shop where id = {id}")).await.unwrap();
    }
}

fn bought(list: &Value) -> Option<&Value> {
    let mut items = list["items"].as_array().unwrap().iter();
    items.find(|item| item["query"] == "select name from shop where id = $1")
}

#[tokio::test(flavor = "multi_thread")]
async fn expensive_statements_are_listed_since_the_counters_began_and_then_by_interval() {
    let dashboard = Dashboard::start().await;
    let target = target().await;
    let id = dashboard.add(&as_reader(&target)).await["id"].clone();
    let empty = dashboard.get(LIST).await;
    assert_eq!(empty.status, 200, "{}", empty.text);
    assert_eq!(
        empty.json(),
        json!({"items": [], "total": 0, "next": null, "sources": [
            {"connection_id": id, "available": false, "reason": "not_collected", "fix_sql": null}]})
    );

    buy(&target, 4).await;
    let health = dashboard.get(&format!("/api/health/{id}")).await.json();
    assert_eq!(health["statements"]["available"], true, "{health}");
    let list = dashboard.get(LIST).await.json();
    assert_eq!(
        list["sources"],
        json!([{"connection_id": id, "available": true, "reason": null, "fix_sql": null}])
    );
    let item = bought(&list).unwrap_or_else(|| panic!("{list:#}"));
    assert_eq!(
        (&item["calls"], &item["user"], &item["database"]),
        (&json!(4), &json!("postgres"), &json!("postgres"))
    );
    assert!(
        item["since"].is_string() && item["min_ms"].is_number() && item["share_ratio"].is_number(),
        "{item}"
    );
    assert!(item["query_id"].as_str().unwrap().parse::<i64>().is_ok());

    buy(&target, 3).await;
    let shown = |health: &Value| {
        let top = health["statements"]["top"].as_array().unwrap().clone();
        assert!(
            top.iter().all(|statement| statement["query"].as_str().is_some_and(|query| !query.is_empty()))
        );
        top
    };
    let health = dashboard.get(&format!("/api/health/{id}?fresh=true")).await.json();
    assert!(!shown(&health).is_empty(), "texts of earlier readings are shown");
    for order in ["total", "mean", "calls", "rows", "blocks", "temp", "wal"] {
        let list =
            dashboard.get(&format!("{LIST}?connection_id={id}&order_by={order}&limit=500")).await.json();
        let item = bought(&list).unwrap_or_else(|| panic!("{order}: {list:#}"));
        assert_eq!(item["calls"], 3, "{order}");
        let own = list["items"].as_array().unwrap().iter();
        let own: Vec<_> = own
            .filter(|item| item["query"].as_str().is_some_and(|query| query.contains("pg-dashboard")))
            .collect();
        assert_eq!(own, Vec::<&Value>::new(), "{order}");
        let shares: f64 =
            list["items"].as_array().unwrap().iter().filter_map(|item| item["share_ratio"].as_f64()).sum();
        assert!((0.0..=1.0 + 1e-9).contains(&shares), "{shares}");
        for item in list["items"].as_array().unwrap() {
            for (field, value) in item.as_object().unwrap() {
                assert_eq!(value.is_null(), item["unavailable"].get(field).is_some(), "{field} of {item}");
            }
        }
    }
    let future = "from=2100-01-01T00:00:00Z";
    let list = dashboard.get(&format!("{LIST}?{future}")).await.json();
    assert_eq!((&list["items"], list["sources"].as_array().unwrap().len()), (&json!([]), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_question_is_told_by_name() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let refused = async |query: &str| dashboard.get(&format!("{LIST}?{query}")).await.faults();
    assert_eq!(
        refused("from=2026-11-24T12:00:00Z&to=2026-11-24T12:00:00Z").await,
        faults([("from", "range")])
    );
    assert_eq!(
        refused("connection_id=0&from=yesterday&to=2026-11-24&order_by=price&limit=0&page=2").await,
        faults([
            ("connection_id", "type"),
            ("from", "type"),
            ("to", "type"),
            ("order_by", "unknown"),
            ("limit", "range"),
            ("page", "unknown")
        ])
    );
    assert_eq!(
        refused(&format!("connection_id={id}&connection_id=999")).await,
        faults([("connection_id", "unknown")])
    );
    let both = dashboard.get(&format!("{LIST}?connection_id={id}&connection_id={id}")).await.json();
    assert_eq!(both["sources"].as_array().unwrap().len(), 1);
    let range =
        dashboard.get(&format!("{LIST}?from=2026-11-24T12:00:00%2B01:00&to=2026-11-24T11:30:00Z")).await;
    assert_eq!(range.status, 200, "{}", range.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_planned_where_it_is_allowed_and_nowhere_else() {
    let dashboard = Dashboard::start().await;
    let target = target().await;
    let mut body = as_reader(&target);
    let id = dashboard.add(&body).await["id"].clone();
    buy(&target, 2).await;
    dashboard.get(&format!("/api/health/{id}")).await;
    let list = dashboard.get(LIST).await.json();
    let query_id = bought(&list).unwrap()["query_id"].as_str().unwrap().to_owned();
    let path = format!("{ALL}/{id}/statements/{query_id}/plan");
    dashboard.post(&path).await.problem(403, "forbidden");

    body["allow_statements"] = json!(true);
    let changed = dashboard.put_json(&format!("{ALL}/{id}"), &body).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.json()["allow_statements"]),
        (200, &json!(true)),
        "{}",
        changed.text
    );
    let planned = dashboard.post(&path).await;
    assert_eq!(planned.status, 200, "{}", planned.text);
    let plan = planned.json();
    assert_eq!((&plan["connection_id"], &plan["query_id"]), (&id, &json!(query_id)));
    assert_eq!(plan["query"], "select name from shop where id = $1");
    assert!(plan["plan"].as_str().unwrap().contains("shop_pkey"), "{plan}");
    assert!(plan["taken_at"].is_string());

    for nobody in ["1", "x", "+1", "99999999999999999999", "%ff"] {
        dashboard.post(&format!("{ALL}/{id}/statements/{nobody}/plan")).await.problem(404, "not_found");
    }
    dashboard.post(&format!("{ALL}/999/statements/{query_id}/plan")).await.problem(404, "not_found");
    // What has no plan any more is the server's word.
    run(&target, "drop table shop").await;
    let gone = dashboard.post(&path).await;
    assert_eq!(gone.faults(), faults([("query_id", "not_planned")]));
    assert!(gone.text.contains("shop"), "{}", gone.text);

    run(&target, "grant pg_read_server_files to reader").await;
    dashboard.post(&path).await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_allows_statements_without_javascript() {
    let dashboard = Dashboard::start().await;
    let fields = [
        ("host", "127.0.0.1"),
        ("port", "1"),
        ("database_name", "d"),
        ("username", "u"),
        ("ssl_mode", "auto"),
        ("check_interval_s", "60"),
        ("allow_statements", "true"),
    ];
    let answer = dashboard.post_form("/connections/new", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let connection = dashboard.get(ALL).await.json()["items"][0].clone();
    assert_eq!(connection["allow_statements"], true);
    let page = dashboard.get(&format!("/connections/{}/edit", connection["id"])).await;
    let tag = page.text.split('<').find(|tag| tag.contains("id=\"allow_statements\"")).unwrap();
    assert!(tag.contains("checked"), "{tag}");
    let answer = dashboard.post_form(&format!("/connections/{}/edit", connection["id"]), &fields[..6]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(dashboard.get(ALL).await.json()["items"][0]["allow_statements"], false);
}
