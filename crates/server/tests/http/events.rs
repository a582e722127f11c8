//! `/api/events`: live, replayed after an id, and honest about what is missing.

use std::{collections::VecDeque, time::Duration};

use futures::{Stream, StreamExt};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::dashboard::{Dashboard, faults, send, untested};

/// A test that waits for longer waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(30);

struct Events {
    chunks: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<axum::body::Bytes>> + Send>>,
    text: String,
    read: VecDeque<Told>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Told {
    id: Option<i64>,
    kind: String,
    data: Value,
}

impl Events {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self::from(response)
    }

    fn from(response: Response) -> Self {
        Self { chunks: Box::pin(response.bytes_stream()), text: String::new(), read: VecDeque::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Told> {
        // As a whole: comments that keep the stream alive are no answer.
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an event")
    }

    async fn read(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.read.pop_front() {
                return Some(told);
            }
            let chunk = self.chunks.next().await?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                self.read.extend(told(block));
                self.text = rest.to_owned();
            }
        }
    }

    /// The next event of this kind.
    async fn next_of(&mut self, kind: &str) -> Told {
        loop {
            let told = self.next().await.expect("the stream goes on");
            if told.kind == kind {
                return told;
            }
        }
    }
}

/// What a browser would dispatch: a block with data.
fn told(block: &str) -> Option<Told> {
    let mut told = Told::default();
    let mut has_data = false;
    for line in block.lines() {
        match line.split_once(": ").unwrap_or((line, "")) {
            ("id", id) => told.id = Some(id.parse().unwrap()),
            ("event", kind) => told.kind = kind.to_owned(),
            ("data", data) => {
                told.data = serde_json::from_str(data).unwrap();
                has_data = true;
            }
            _ => {}
        }
    }
    has_data.then_some(told)
}

fn listen(dashboard: &Dashboard, query: &str) -> RequestBuilder {
    dashboard.request(Method::GET, &format!("/api/events{query}"))
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens() {
    let dashboard = Dashboard::start().await;
    let request = listen(&dashboard, "").header("accept-encoding", "gzip, br");
    let response = request.send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(header("x-accel-buffering").as_deref(), Some("no"));
    assert_eq!(header("content-encoding"), None, "what is compressed waits for more");
    let mut events = Events::from(response);

    let id = dashboard.add(&untested("orders")).await["id"].clone();
    let created = events.next().await.unwrap();
    assert_eq!((created.kind.as_str(), &created.data["connection_id"]), ("connection-created", &id));
    assert!(created.data["at"].is_string() && created.data["details"].is_object(), "{created:?}");

    dashboard.post(&format!("/api/test/connection/{id}")).await;
    let failed = events.next().await.unwrap();
    assert_eq!((failed.kind.as_str(), &failed.data["connection_id"]), ("connection-test-failed", &id));
    assert_eq!(failed.data["details"]["status"], "down");
    assert!(failed.id > created.id, "{created:?} {failed:?}");

    dashboard.delete(&format!("/api/db/connections/{id}")).await;
    let deleted = events.next().await.unwrap();
    assert_eq!(deleted.kind, "connection-deleted");
    assert!(deleted.id > failed.id);
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_and_then_what_comes() {
    let dashboard = Dashboard::start().await;
    let mut events = Events::of(listen(&dashboard, "")).await;
    for name in ["a", "b", "c"] {
        dashboard.add(&untested(name)).await;
    }
    let [a, b, c] =
        [events.next().await.unwrap(), events.next().await.unwrap(), events.next().await.unwrap()];
    drop(events);

    let after_a = format!("?since={}", a.id.unwrap());
    let mut events = Events::of(listen(&dashboard, &after_a)).await;
    assert_eq!([events.next().await.unwrap(), events.next().await.unwrap()], [b.clone(), c.clone()]);
    dashboard.add(&untested("d")).await;
    let d = events.next().await.unwrap();
    assert!(d.kind == "connection-created" && d.id > c.id, "{d:?}");

    // As a browser asks after a break: with the address of the first time.
    let again = listen(&dashboard, &after_a).header("last-event-id", b.id.unwrap().to_string());
    let mut events = Events::of(again).await;
    assert_eq!([events.next().await.unwrap(), events.next().await.unwrap()], [c, d]);
}

#[tokio::test]
async fn where_events_are_missing_that_is_said() {
    let dashboard = Dashboard::start().await;
    let mut events = Events::of(listen(&dashboard, "?since=4711")).await;
    let resync = events.next().await.unwrap();
    assert_eq!(
        (resync.kind.as_str(), resync.id, &resync.data["connection_id"]),
        ("resync", Some(0), &Value::Null)
    );
    // And then it goes on.
    dashboard.add(&untested("orders")).await;
    assert_eq!(events.next().await.unwrap().kind, "connection-created");
}

#[tokio::test]
async fn what_is_no_id_is_refused_by_name() {
    let dashboard = Dashboard::start().await;
    for query in ["?since=yesterday", "?since=-1", "?since=", "?since"] {
        let answer = dashboard.get(&format!("/api/events{query}")).await;
        assert_eq!(answer.faults(), faults([("since", "format")]), "{query}");
    }
    let answer = dashboard.get("/api/events?since=1&since=2").await;
    assert_eq!(answer.faults(), faults([("since", "repeated")]));
    let answer = dashboard.get("/api/events?from=1").await;
    assert_eq!(answer.faults(), faults([("from", "unknown")]));
    let answer = send(listen(&dashboard, "").header("last-event-id", "x")).await;
    assert_eq!(answer.faults(), faults([("since", "format")]));
}

#[tokio::test]
async fn a_job_is_followed_without_an_id() {
    let dashboard = Dashboard::start().await;
    dashboard.add(&untested("orders")).await;
    let mut events = Events::of(listen(&dashboard, "")).await;
    assert_eq!(dashboard.post("/api/test/all-regions").await.status, 200);
    loop {
        let told = events.next_of("job").await;
        assert_eq!((told.id, &told.data["details"]["kind"]), (None, &json!("all-regions")), "{told:?}");
        if told.data["details"]["state"] == "done" {
            break;
        }
    }
}
