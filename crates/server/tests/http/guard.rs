//! Foreign hosts and foreign pages are refused; our own pages and programs are not.

use reqwest::Method;

use crate::dashboard::{Dashboard, send, untested};

const ALL: &str = "/api/db/connections";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_ours_is_refused_everywhere() {
    let dashboard = Dashboard::start().await;
    for path in [ALL, "/", "/healthz", "/openapi.json", "/docs/", "/rpc/list_connections"] {
        for host in [
            "evil.example".to_owned(),
            format!("evil.example:{}", dashboard.port()),
            "localhost:1".to_owned(),
        ] {
            send(dashboard.request(Method::GET, path).header("host", host)).await.problem(403, "forbidden");
        }
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{host}:{}", dashboard.port());
        assert_eq!(send(dashboard.request(Method::GET, "/healthz").header("host", host)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_nothing() {
    let dashboard = Dashboard::start().await;
    let foreign = [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (name, value) in foreign {
        let create = dashboard.request(Method::POST, ALL).header(name, value).json(&untested("orders"));
        send(create).await.problem(403, "forbidden");
        for path in ["/connections/new", "/rpc/create_connection", "/theme"] {
            let form = dashboard.request(Method::POST, path).header(name, value);
            let form = form.header("content-type", "application/x-www-form-urlencoded").body("name=x");
            send(form).await.problem(403, "forbidden");
        }
    }
    assert_eq!(dashboard.total().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_pages_may_change() {
    let dashboard = Dashboard::start().await;
    let create = dashboard.request(Method::POST, ALL).header("origin", dashboard.origin());
    let created = send(create.header("sec-fetch-site", "same-origin").json(&untested("orders"))).await;
    assert_eq!(created.status, 201, "{}", created.text);
}
