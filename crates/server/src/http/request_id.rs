//! Every answer has an `X-Request-Id`, and every log line of its request has it too.

use std::time::Instant;

use axum::{extract::Request, middleware::Next, response::Response};
use common::{Problem, text};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tracing::Instrument;

use super::problem::Refusal;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// A problem is a few hundred bytes.
const LONGEST_PROBLEM: usize = 64 * 1024;
/// A path in a log line is cut after as many characters.
const LOGGED_PATH: usize = 200;

/// Gives the request an id (or keeps the one that a proxy gave it), logs the answer, and names the id in it.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let id = request.headers().get(HEADER).and_then(kept).unwrap_or_else(fresh);
    let path = text::clean(request.uri().path(), LOGGED_PATH);
    let span = tracing::info_span!("request", id = id.as_str(), method = %request.method(), path);
    let started = Instant::now();
    async {
        let response = with_id(next.run(request).await, &id).await;
        let (status, ms) = (response.status().as_u16(), started.elapsed().as_secs_f64() * 1000.0);
        if status >= 500 {
            tracing::warn!(status, ms, "answered");
        } else {
            tracing::debug!(status, ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// An internal problem says nothing but its id: the body is written anew with it. REST leaves the problem beside its
/// answer; of a server function only the body is there.
async fn with_id(response: Response, id: &str) -> Response {
    let (mut parts, mut body) = response.into_parts();
    if parts.status == StatusCode::INTERNAL_SERVER_ERROR {
        let problem = match parts.extensions.remove::<Refusal>() {
            Some(refusal) => Some(*refusal.0),
            None if !is_json(&parts.headers) => None,
            None => {
                let bytes = axum::body::to_bytes(body, LONGEST_PROBLEM).await.unwrap_or_default();
                let problem = serde_json::from_slice::<Problem>(&bytes).ok();
                body = bytes.into();
                problem
            }
        };
        let json = problem.and_then(|problem| {
            serde_json::to_string(&Problem { request_id: Some(id.to_owned()), ..problem }).ok()
        });
        if let Some(json) = json {
            parts.headers.remove(header::CONTENT_LENGTH);
            body = json.into();
        }
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        parts.headers.insert(HEADER, value);
    }
    Response::from_parts(parts, body)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().ends_with(b"json"))
}

/// An id from elsewhere is kept if it is short and plain: it goes into the log.
fn kept(value: &HeaderValue) -> Option<String> {
    let id = value.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (plain && (1..=64).contains(&id.len())).then(|| id.to_owned())
}

fn fresh() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, body::to_bytes, middleware::from_fn, routing::get};
    use common::ProblemCode;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;
    use crate::http::limits;

    async fn answer(path: &str) -> (Response<()>, Problem) {
        let internal =
            || async { (StatusCode::INTERNAL_SERVER_ERROR, Json(Problem::new(ProblemCode::Internal, "x"))) };
        let app = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("hunter2") }))
            .route("/server-function", get(internal))
            .layer(CatchPanicLayer::custom(limits::after_panic))
            .layer(from_fn(layer));
        let request = Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
        let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, 10_000).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn an_internal_problem_names_the_request_and_nothing_of_the_cause() {
        for path in ["/panic", "/server-function"] {
            let (response, problem) = answer(path).await;
            assert_eq!(response.status(), 500, "{path}");
            assert_eq!(problem.code, ProblemCode::Internal, "{path}");
            assert_eq!(problem.request_id.as_deref(), response.headers()[HEADER].to_str().ok(), "{path}");
            assert!(!problem.to_string().contains("hunter2"), "{path}");
        }
    }

    #[test]
    fn only_a_plain_short_id_is_kept() {
        assert_eq!(kept(&HeaderValue::from_static("abc-1_2")), Some("abc-1_2".to_owned()));
        assert_eq!(kept(&HeaderValue::from_static("a b")), None);
        assert_eq!(kept(&HeaderValue::from_static("")), None);
        assert_eq!(kept(&HeaderValue::from_str(&"a".repeat(65)).unwrap()), None);
    }
}
