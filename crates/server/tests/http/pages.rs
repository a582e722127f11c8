//! Pages, files and forms of a browser without JavaScript.

use std::fs;

use reqwest::Method;
use serde_json::Value;

use crate::dashboard::{Answer, Dashboard, send, untested};

#[track_caller]
fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text.starts_with("<!DOCTYPE html>"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_its_data_in_it_and_runs_only_its_own_scripts() {
    let dashboard = Dashboard::start().await;
    dashboard.add(&untested("orders")).await;
    let page = dashboard.get("/").await;
    assert_page(&page, 200);
    assert!(page.text.contains("orders"), "{}", page.text);
    let policy = page.header("content-security-policy");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert!(page.text.contains(&format!("nonce=\"{nonce}\"")), "{}", page.text);
    for script in page.text.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(nonce), "a script without the nonce: {tag}");
    }
    assert_ne!(
        policy,
        dashboard.get("/").await.header("content-security-policy"),
        "each answer has its own nonce"
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "same-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_rendered_on_the_server() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    for path in [
        "/connections/new".to_owned(),
        format!("/connections/{id}"),
        format!("/connections/{id}/edit"),
        format!("/connections/{id}/delete"),
    ] {
        assert_page(&dashboard.get(&path).await, 200);
    }
    assert_page(&dashboard.get("/connections/99999").await, 404);
    assert_page(&dashboard.get("/nothing/here").await, 404);
    let slash = dashboard.get("/connections/new/").await;
    assert_eq!((slash.status.as_u16(), slash.header("location")), (308, "/connections/new"));
    assert_page(&dashboard.get("//evil.example/").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_shown_as_text() {
    let dashboard = Dashboard::start().await;
    let mut body = untested("</title><script>alert(1)</script>");
    body["notes"] = "</textarea><img src=x onerror=alert(1)>".into();
    let id = dashboard.add(&body).await["id"].clone();
    for path in ["", "/edit", "/delete"]
        .map(|page| format!("/connections/{id}{page}"))
        .into_iter()
        .chain(["/".to_owned()])
    {
        let page = dashboard.get(&path).await;
        assert_page(&page, 200);
        assert!(!page.text.contains("<script>alert(1)"), "{path}");
        assert!(!page.text.contains("<img src=x"), "{path}");
    }
    let fields = [("name", "</title><script>alert(1)</script>"), ("notes", "</textarea><img src=x>")];
    let refused = dashboard.post_form("/connections/new", &fields).await;
    assert_page(&refused, 422);
    assert!(!refused.text.contains("<script>alert(1)") && !refused.text.contains("<img src=x"));
    assert!(refused.text.contains("&lt;img src=x"), "what was typed is kept: {}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_adds_a_connection_without_javascript() {
    let dashboard = Dashboard::start().await;
    let fields = [
        ("name", "orders"),
        ("host", "127.0.0.1"),
        ("port", "1"),
        ("database_name", "d"),
        ("username", "u"),
        ("ssl_mode", "auto"),
        ("check_interval_s", "60"),
    ];
    let answer = dashboard.post_form("/connections/new", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page = answer.header("location").to_owned();
    assert_page(&dashboard.get(&page).await, 200);
    assert_eq!(dashboard.total().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_comes_back_with_its_messages_and_what_was_typed() {
    let dashboard = Dashboard::start().await;
    let fields = [
        ("name", "My orders"),
        ("host", "two words"),
        ("port", "70000"),
        ("database_name", ""),
        ("username", "u"),
        ("password", "hunter2"),
    ];
    let answer = dashboard.post_form("/connections/new", &fields).await;
    assert_page(&answer, 422);
    for typed in ["My orders", "two words", "70000"] {
        assert!(answer.text.contains(typed), "{typed} is gone: {}", answer.text);
    }
    assert!(!answer.text.contains("hunter2"), "a password must not come back");
    assert_eq!(dashboard.total().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_edited_deleted_and_restored_by_forms() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let edit = [
        ("name", "orders eu"),
        ("host", "127.0.0.1"),
        ("port", "1"),
        ("database_name", "d"),
        ("username", "u"),
        ("ssl_mode", "auto"),
        ("check_interval_s", "60"),
        ("version", "1"),
    ];
    let page = format!("/connections/{id}");
    let edited = dashboard.post_form(&format!("{page}/edit"), &edit).await;
    assert_eq!(
        (edited.status.as_u16(), edited.header("location")),
        (303, format!("{page}?saved=1").as_str()),
        "{}",
        edited.text
    );
    let late = dashboard.post_form(&format!("{page}/edit"), &edit).await;
    assert_page(&late, 409);

    assert_page(&dashboard.post_form(&format!("{page}/delete"), &[("version", "1")]).await, 409);
    let deleted = dashboard.post_form(&format!("{page}/delete"), &[("version", "2")]).await;
    assert_eq!(
        (deleted.status.as_u16(), deleted.header("location")),
        (303, format!("/?deleted={id}").as_str())
    );
    assert_eq!(dashboard.total().await, 0);
    assert_page(&dashboard.get(&format!("/?deleted={id}")).await, 200);
    let restored = dashboard.post_form(&format!("{page}/restore"), &[]).await;
    assert_eq!(restored.status, 303, "{}", restored.text);
    assert_eq!(dashboard.total().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_latency_and_health_work_by_forms() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let page = format!("/connections/{id}");
    assert_eq!(dashboard.post_form(&format!("{page}/test"), &[]).await.status, 303);
    assert_eq!(dashboard.get(&format!("/api/db/connections/{id}")).await.json()["status"], "down");
    for (rounds, status) in [("3", 200), ("0", 422), ("1000", 422), ("7x", 422)] {
        let answer = dashboard.post_form(&format!("{page}/latency"), &[("rounds", rounds)]).await;
        assert_page(&answer, status);
        let field =
            answer.text.split("name=\"rounds\"").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
        assert!(field.contains(&format!("value=\"{rounds}\"")), "what was typed is kept: {field}");
    }
    assert_eq!(dashboard.post_form(&format!("{page}/health"), &[]).await.status, 303);
    assert_eq!(dashboard.post_form("/test-all", &[]).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_a_page_for_each_tab_and_a_form_comes_back_to_the_one_it_was_on() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let page = format!("/connections/{id}");
    for tab in ["", "/health", "/queries", "/load", "/changes"] {
        let answer = dashboard.get(&format!("{page}{tab}")).await;
        assert_page(&answer, 200);
        let current = format!("href=\"{page}{tab}\" aria-current=\"page\"");
        assert!(answer.text.contains(&current), "{current} in {}", answer.text);
        assert_page(&dashboard.get(&format!("/connections/999999{tab}")).await, 404);
    }
    for (from, to) in [("", ""), ("queries", "/queries"), ("changes", "/changes"), ("health", "/health")] {
        let checked = dashboard.post_form(&format!("{page}/health"), &[("page", from)]).await;
        assert_eq!(
            (checked.status.as_u16(), checked.header("location")),
            (303, format!("{page}{to}").as_str())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_load_test_keeps_what_was_typed() {
    let dashboard = Dashboard::start().await;
    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let typed = [("connections", "201"), ("duration_s", "long"), ("rate_per_s", ""), ("ramp_s", "0")];
    let answer = dashboard.post_form(&format!("/connections/{id}/load"), &typed).await;
    assert_page(&answer, 422);
    for (field, typed) in &typed[..2] {
        let field = answer
            .text
            .split(&format!("name=\"{field}\""))
            .nth(1)
            .and_then(|rest| rest.split('>').next())
            .unwrap();
        assert!(field.contains(&format!("value=\"{typed}\"")) && field.contains("aria-invalid"), "{field}");
    }
    assert!(answer.text.contains("Must be a number from 1 to 300"), "{}", answer.text);
    let cancelled = dashboard.post_form(&format!("/connections/{id}/load/cancel"), &[("job", "none")]).await;
    assert_page(&cancelled, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_many_connections_shows_how_far_it_is_without_javascript() {
    let dashboard = Dashboard::start().await;
    let silent = testkit::faulty::silent();
    for number in 0..51 {
        let mut body = untested(&format!("orders {number}"));
        body["port"] = silent.port().into();
        dashboard.add(&body).await;
    }
    let started = dashboard.post_form("/test-all", &[]).await;
    assert_eq!(started.status, 303, "{}", started.text);
    let (place, id) = started.header("location").split_once('=').unwrap();
    assert_eq!(place, "/?job");
    let page = dashboard.get(&format!("/?job={id}")).await;
    assert_page(&page, 200);
    assert!(page.text.contains("Look again") && page.text.contains("<progress"), "{}", page.text);

    let job = format!("/api/jobs/{id}");
    dashboard.delete(&job).await;
    while dashboard.get(&job).await.json()["state"] == "running" {}
    let page = dashboard.get(&format!("/?job={id}")).await;
    assert!(page.text.contains("Cancelled") && !page.text.contains("<progress"), "{}", page.text);
    assert_page(&dashboard.get("/?job=none").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_is_kept_in_a_cookie_and_shown_at_once() {
    let dashboard = Dashboard::start().await;
    let answer = dashboard.post_form("/theme", &[("theme", "dark"), ("back", "/connections/new")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/connections/new"));
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let page = send(dashboard.request(Method::GET, "/").header("cookie", cookie)).await;
    assert!(page.text.contains("data-theme=\"dark\""), "{}", page.text);
    let away = dashboard.post_form("/theme", &[("theme", "dark"), ("back", "//evil.example")]).await;
    assert_eq!(away.header("location"), "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_compressed_and_only_once() {
    let dashboard = Dashboard::start().await;
    let pkg = dashboard.site().join("pkg");
    fs::create_dir(&pkg).unwrap();
    fs::write(pkg.join("pg-dashboard.css"), "body{}").unwrap();
    fs::write(pkg.join("pg-dashboard.css.br"), b"not really brotli").unwrap();
    let path = "/pkg/pg-dashboard.css";
    let plain = dashboard.get(path).await;
    assert_eq!((plain.status.as_u16(), plain.text.as_str()), (200, "body{}"));
    assert_eq!(plain.header("content-type"), "text/css");
    assert_eq!(plain.header("cache-control"), "no-cache");
    let etag = plain.header("etag").to_owned();
    let again = send(dashboard.request(Method::GET, path).header("if-none-match", etag)).await;
    assert_eq!(again.status, 304);
    let small = send(dashboard.request(Method::GET, path).header("accept-encoding", "br")).await;
    assert_eq!((small.header("content-encoding"), small.text.as_str()), ("br", "not really brotli"));
    fs::write(dashboard.site().parent().unwrap().join("outside.txt"), "secret").unwrap();
    assert_page(&dashboard.get("/..%2foutside.txt").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_the_api_needs_no_other_host() {
    let dashboard = Dashboard::start().await;
    let document = dashboard.get("/openapi.json").await.json();
    assert!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        document["openapi"]
    );
    assert_ne!(document["paths"]["/api/db/connections"], Value::Null);
    let redirect = dashboard.get("/docs").await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location")), (303, "/docs/"));
    let page = dashboard.get("/docs/").await;
    assert_eq!(page.status, 200);
    for address in ["http://", "https://", "//"] {
        assert!(!page.text.contains(&format!("\"{address}")), "{}", page.text);
    }
    let script = dashboard.get("/docs/swagger-initializer.js").await;
    assert!(script.text.contains("/openapi.json"), "{}", script.text);
    assert_eq!(dashboard.get("/docs/swagger-ui-bundle.js").await.status, 200);
}
