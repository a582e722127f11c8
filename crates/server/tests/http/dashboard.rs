//! A dashboard for one test: the real router on a free port, with a database of its own.

use std::{net::SocketAddr, path::Path};

use common::database::DatabaseMode;
use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::{
    http::{AppState, router},
    leptos_toml,
};
use service::{ChunkInterval, KeyRing, Service, SpoolConfig, StoreConfig};
use testkit::{Cluster, Version};
use tokio::net::TcpListener;

pub(crate) struct Dashboard {
    own: Cluster,
    address: SocketAddr,
    client: reqwest::Client,
    site: tempfile::TempDir,
}

/// An answer with its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    /// The body of a problem, after looking at its shape.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
        for text in ["type", "title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{text} of {problem}");
        }
        assert!(problem["fields"].is_array(), "{problem}");
        problem
    }

    /// The `(field, code)` pairs of a 422.
    #[track_caller]
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let problem = self.problem(422, "validation");
        let fields = problem["fields"].as_array().unwrap();
        fields.iter().map(|field| (text(&field["field"]), text(&field["code"]))).collect()
    }
}

/// `(field, code)` pairs to compare [`Answer::faults`] with.
pub(crate) fn faults<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(field, code)| (field.to_owned(), code.to_owned())).collect()
}

impl Dashboard {
    pub(crate) async fn start() -> Self {
        let own = Cluster::start(Version::V18).await;
        own.create_database("dashboard").await;
        let store = StoreConfig {
            url: SecretString::from(own.url("dashboard")),
            direct_url: None,
            mode: DatabaseMode::External,
            keys: KeyRing::parse(&KeyRing::generate_key()).unwrap(),
            retention_days: 90,
            chunk_interval: ChunkInterval::default(),
        };
        let service = Service::open(store, SpoolConfig::in_folder(None)).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = tempfile::tempdir().unwrap();
        let leptos = {
            let mut options = leptos_toml::built_in();
            options.site_root = site.path().to_str().unwrap().into();
            options
        };
        let app = router(AppState::new(service, leptos, address));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client =
            reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { own, address, client, site }
    }

    /// The folder of the pages' files.
    pub(crate) fn site(&self) -> &Path {
        self.site.path()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Stops the dashboard's own database under it.
    pub(crate) async fn lose_database(self) -> Remains {
        self.own.stop().await;
        Remains { address: self.address, client: self.client, _site: self.site }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put_json(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let request =
            self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        send(request.header("origin", self.origin()).body(body)).await
    }

    /// Adds a connection and answers it.
    pub(crate) async fn add(&self, body: &Value) -> Value {
        let answer = self.post_json("/api/db/connections", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["connection"].clone()
    }

    pub(crate) async fn total(&self) -> i64 {
        self.get("/api/db/connections").await.json()["total"].as_i64().unwrap()
    }
}

/// A dashboard without its database.
pub(crate) struct Remains {
    address: SocketAddr,
    client: reqwest::Client,
    _site: tempfile::TempDir,
}

impl Remains {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.client.get(format!("http://{}{path}", self.address))).await
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A connection that is not tested when it is added.
pub(crate) fn untested(name: &str) -> Value {
    json!({"name": name, "host": "127.0.0.1", "port": 1, "database_name": "d", "username": "u", "test": false})
}

/// A connection to a cluster's database `postgres`.
pub(crate) fn to(cluster: &Cluster, name: &str) -> Value {
    json!({"name": name, "host": cluster.host(), "port": cluster.port(), "database_name": "postgres",
        "username": cluster.user(), "password": cluster.password()})
}
