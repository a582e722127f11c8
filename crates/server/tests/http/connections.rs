//! `/api/db/connections`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::dashboard::{Dashboard, faults, send, untested};

const ALL: &str = "/api/db/connections";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_added_read_replaced_and_deleted() {
    let dashboard = Dashboard::start().await;
    let answer = dashboard.post_json(ALL, &untested("orders")).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let created = answer.json();
    assert_eq!(created["test"], Value::Null);
    let connection = &created["connection"];
    let one = format!("{ALL}/{}", connection["id"]);
    assert_eq!(answer.header("location"), one);
    assert_eq!(connection["status"], "unknown");
    assert_eq!(connection["version"], 1);

    assert_eq!(dashboard.get(&one).await.json(), *connection);
    let list = dashboard.get(ALL).await.json();
    assert_eq!((list["total"].clone(), list["next"].clone()), (json!(1), Value::Null));
    assert_eq!(list["items"][0]["name"], "orders");

    let mut changed = untested("orders eu");
    changed["version"] = json!(1);
    changed["tags"] = json!(["prod"]);
    let replaced = dashboard.put_json(&one, &changed).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    assert_eq!(replaced.json()["name"], "orders eu");
    assert_eq!(replaced.json()["version"], 2);
    assert_eq!(replaced.json()["tags"], json!(["prod"]));

    let deleted = dashboard.delete(&format!("{one}?version=2")).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    dashboard.get(&one).await.problem(404, "not_found");
    assert_eq!(dashboard.total().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connection_comes_back_when_it_is_restored() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    dashboard.delete(&format!("{ALL}/{id}")).await;
    let restored = dashboard.post(&format!("{ALL}/{id}/restore")).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    assert_eq!(restored.json()["name"], "orders");
    assert_eq!(dashboard.total().await, 1);
    dashboard.post(&format!("{ALL}/99999/restore")).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_is_refused_and_changes_nothing() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let one = format!("{ALL}/{id}");
    assert_eq!(dashboard.put_json(&one, &untested("second")).await.status, 200);

    let mut late = untested("third");
    late["version"] = json!(1);
    dashboard.put_json(&one, &late).await.problem(409, "conflict");
    dashboard.delete(&format!("{one}?version=1")).await.problem(409, "conflict");
    assert_eq!(dashboard.get(&one).await.json()["name"], "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_told_together_and_nothing_is_stored() {
    let dashboard = Dashboard::start().await;
    let body =
        json!({"host": "two words", "port": 70000, "username": 5, "ssl_mode": "verify-ca", "colour": "red"});
    let answer = dashboard.post_json(ALL, &body).await;
    let mut told: Vec<String> = answer.faults().into_iter().map(|(field, _)| field).collect();
    told.sort();
    assert_eq!(told, ["colour", "database_name", "host", "port", "ssl_mode", "username"]);
    assert_eq!(dashboard.total().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_told_on_its_field() {
    let dashboard = Dashboard::start().await;
    dashboard.add(&untested("Orders")).await;
    let again = dashboard.post_json(ALL, &untested("ORDERS")).await;
    assert_eq!(again.faults(), faults([("name", "taken")]));
    assert_eq!(dashboard.total().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_password_is_not_sent_to_another_host() {
    let dashboard = Dashboard::start().await;
    let mut body = untested("orders");
    body["password"] = json!("hunter2");
    let id = dashboard.add(&body).await["id"].clone();

    let mut elsewhere = untested("orders");
    elsewhere["host"] = json!("evil.example");
    let answer = dashboard.put_json(&format!("{ALL}/{id}"), &elsewhere).await;
    assert_eq!(answer.faults().first().map(|(field, _)| field.as_str()), Some("password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_holds_a_password() {
    let dashboard = Dashboard::start().await;
    let mut body = untested("orders");
    body["password"] = json!("hunter2-secret");
    let created = dashboard.post_json(ALL, &body).await;
    let id = created.json()["connection"]["id"].clone();
    assert_eq!(created.json()["connection"]["has_password"], true);
    body["password"] = json!("hunter3-secret");
    let texts = [
        created.text,
        dashboard.get(ALL).await.text,
        dashboard.get(&format!("{ALL}/{id}")).await.text,
        dashboard.put_json(&format!("{ALL}/{id}"), &body).await.text,
        dashboard.post(&format!("/api/test/connection/{id}")).await.text,
        dashboard.get(&format!("/api/health/{id}")).await.text,
        dashboard.get("/api/database/info").await.text,
        dashboard.get("/").await.text,
        dashboard.get(&format!("/connections/{id}/edit")).await.text,
    ];
    for text in texts {
        assert!(!text.contains("-secret"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_the_same_key_adds_one_connection() {
    let dashboard = Dashboard::start().await;
    let create =
        |body: Value| send(dashboard.request(Method::POST, ALL).header("idempotency-key", "k-1").json(&body));
    let first = create(untested("orders")).await;
    let second = create(untested("orders")).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201), "{}", second.text);
    assert_eq!(first.json()["connection"]["id"], second.json()["connection"]["id"]);
    assert_eq!(dashboard.total().await, 1);
    let other = create(untested("another")).await;
    other.problem(409, "conflict");
    assert_eq!(dashboard.total().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_sorted_and_cut_into_pages() {
    let dashboard = Dashboard::start().await;
    for name in ["c", "a", "b"] {
        dashboard.add(&untested(name)).await;
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = dashboard.get(&format!("{ALL}?sort=-name&limit=2")).await.json();
    assert_eq!((names(&first), first["total"].clone()), (vec!["c".to_owned(), "b".to_owned()], json!(3)));
    let cursor = first["next"].as_str().unwrap();
    let second = dashboard.get(&format!("{ALL}?sort=-name&limit=2&cursor={cursor}")).await.json();
    assert_eq!((names(&second), second["next"].clone()), (vec!["a".to_owned()], Value::Null));
    assert_eq!(names(&dashboard.get(&format!("{ALL}?q=B&status=unknown")).await.json()), ["b"]);
    assert_eq!(names(&dashboard.get(&format!("{ALL}?status=down")).await.json()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_where_none_is_taken_is_refused_and_nothing_is_done() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let one = format!("{ALL}/{id}");
    let with = |method: Method, path: &str, body: &'static str| {
        send(
            dashboard
                .request(method, path)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body),
        )
    };
    for (method, path, body, field) in [
        (Method::DELETE, one.clone(), r#"{"version": 7}"#, "version"),
        (Method::POST, format!("{one}/restore"), r#"{"force": true}"#, "force"),
        (Method::POST, format!("/api/test/connection/{id}"), r#"{"timeout": 1}"#, "timeout"),
        (Method::POST, format!("/api/test/latency/{id}"), r#"{"rounds": 3}"#, "rounds"),
        (Method::POST, "/api/test/all-regions".to_owned(), "[]", ""),
        (Method::DELETE, "/api/jobs/none".to_owned(), r#"{"now": true}"#, "now"),
    ] {
        let answer = with(method.clone(), &path, body).await;
        assert_eq!(answer.faults(), faults([(field, "unknown")]), "{method} {path}");
        with(method, &path, r#"{"rounds": "#).await.problem(400, "malformed");
    }
    let told = with(Method::POST, &format!("/api/test/latency/{id}"), r#"{"rounds": 3}"#).await.json();
    assert!(told["fields"][0]["message"].as_str().unwrap().contains("?rounds="), "{told}");
    assert_eq!(dashboard.total().await, 1);
    assert_eq!(with(Method::POST, &format!("/api/test/connection/{id}"), "{}").await.status, 200);
    assert_eq!(with(Method::DELETE, &one, " ").await.status, 204);
}
