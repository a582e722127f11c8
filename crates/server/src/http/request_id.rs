//! Every answer has an `X-Request-Id`, and every log line of its request has it too.

use std::time::Instant;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::{ProblemCode, text};
use http::{HeaderName, HeaderValue};
use tracing::Instrument;

use super::problem::Refusal;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// A path in a log line is cut after as many characters.
const LOGGED_PATH: usize = 200;

/// Gives the request an id (or keeps the one that a proxy gave it), logs the answer, and names the id in it.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let id = request.headers().get(HEADER).and_then(kept).unwrap_or_else(fresh);
    let path = text::clean(request.uri().path(), LOGGED_PATH);
    let span = tracing::info_span!("request", id = id.as_str(), method = %request.method(), path);
    let started = Instant::now();
    async {
        let response = with_id(next.run(request).await, &id);
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

/// An internal problem says nothing but its id: the body is written anew with it.
fn with_id(mut response: Response, id: &str) -> Response {
    let internal = response
        .extensions_mut()
        .remove::<Refusal>()
        .filter(|refusal| refusal.0.code == ProblemCode::Internal);
    if let Some(mut refusal) = internal {
        refusal.0.request_id = Some(id.to_owned());
        let kept = response.headers().clone();
        response = refusal.into_response();
        response.extensions_mut().remove::<Refusal>();
        for (name, value) in &kept {
            response.headers_mut().entry(name).or_insert(value.clone());
        }
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
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
    use super::*;

    #[test]
    fn only_a_plain_short_id_is_kept() {
        assert_eq!(kept(&HeaderValue::from_static("abc-1_2")), Some("abc-1_2".to_owned()));
        assert_eq!(kept(&HeaderValue::from_static("a b")), None);
        assert_eq!(kept(&HeaderValue::from_static("")), None);
        assert_eq!(kept(&HeaderValue::from_str(&"a".repeat(65)).unwrap()), None);
    }
}
