//! `/api/events`: what happens, as it happens.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event as Sent, KeepAlive, Sse},
    },
};
use common::event::{Event, EventData};
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use service::{Service, events};

use super::{
    super::{
        Caller,
        problem::Refusal,
        query::{Query, Since},
    },
    responses::Always,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies (nginx) would collect a stream before they pass it on.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// As of all measurements.
const NOT_KEPT: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
/// Less than what proxies and browsers wait for on a silent connection.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Follow events
///
/// A stream of server-sent events (`text/event-stream`) that goes on until either side ends it. `event` is the kind, `id`
/// grows, and `data` is JSON: `connection_id` (null for what is about all of them), `at`, and `details` of that kind.
///
/// With `since`, or with the header `Last-Event-ID` as browsers send it after a break, everything after that event comes
/// first. Events are kept for an hour; where some are missing, `resync` comes instead: read again what you show. `job` has
/// no id and is not repeated, because jobs can be read.
#[utoipa::path(
    get, path = "/api/events", tag = "Dashboard", operation_id = "follow_events",
    params(
        ("since" = Option<String>, Query, description = "The `id` of the last event that you know."),
        ("Last-Event-ID" = Option<String>, Header, description = "The same; it goes before `since`."),
    ),
    responses(
        (status = 200, description = "Events as they happen; of each, `data` is as in this schema.", body = EventData,
            content_type = "text/event-stream"),
        Always,
    ),
)]
pub(in crate::http) async fn stream(
    State(service): State<Service>,
    Caller(who): Caller,
    headers: HeaderMap,
    Query(Since(since)): Query<Since>,
) -> Result<Response, Refusal> {
    // A browser that comes back repeats its address, whose `since` is older by then.
    let last = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let last = last.filter(|id| !id.is_empty());
    let since = last.or(since);
    // Whoever names nothing begins here, and may come back to it.
    let begin = since.clone().or_else(|| events::position(&service));
    let events = events::subscribe(&service, &who, since).await?;
    let sse = Sse::new(sent(begin, events)).keep_alive(KeepAlive::new().interval(ALIVE_EVERY));
    Ok(([UNBUFFERED, NOT_KEPT], sse).into_response())
}

/// A line at once: whoever waits for the first byte knows that it is listened to. Without data it is no event, but a browser
/// keeps its id.
fn sent(
    begin: Option<String>,
    events: impl Stream<Item = Event> + Send,
) -> impl Stream<Item = Result<Sent, Infallible>> + Send {
    let greeting = Sent::default().comment("listening");
    let greeting = match begin {
        Some(id) => greeting.id(id),
        None => greeting,
    };
    let greeting = futures::stream::once(async { Ok(greeting) });
    greeting.chain(events.map(|event| Ok(told(event))))
}

fn told(Event { id, kind, data }: Event) -> Sent {
    let sent = Sent::default().event(kind.as_str());
    let sent = if id.is_empty() { sent } else { sent.id(id) };
    // Numbers and texts: it cannot fail.
    let data = serde_json::to_string(&data).unwrap_or_default();
    sent.data(data)
}
