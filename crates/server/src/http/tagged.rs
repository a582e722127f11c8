//! JSON with an `ETag`: who has it already is told only that it is still so.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A value as JSON, for a request with these headers.
pub(super) struct Tagged<T> {
    pub(super) value: T,
    pub(super) asked: HeaderMap,
}

/// A browser may keep it, and asks whether it is still so.
const ASKED_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let Ok(body) = serde_json::to_vec(&self.value) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let tag = tag(&body);
        let known = self.asked.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, &tag));
        let Ok(value) = HeaderValue::from_str(&tag) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let headers = [(header::ETAG, value), (header::CACHE_CONTROL, ASKED_AGAIN)];
        if known {
            (StatusCode::NOT_MODIFIED, headers).into_response()
        } else {
            (headers, [(header::CONTENT_TYPE, JSON)], body).into_response()
        }
    }
}

/// A strong one: of the bytes themselves.
fn tag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether an `If-None-Match` names the tag. It is compared weakly (RFC 9110, 13.1.2).
fn names(value: &HeaderValue, tag: &str) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value
        .split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(asked: Option<&str>) -> StatusCode {
        let mut headers = HeaderMap::new();
        if let Some(asked) = asked {
            headers.insert(header::IF_NONE_MATCH, asked.parse().unwrap());
        }
        let response = Tagged { value: 7, asked: headers }.into_response();
        assert_eq!(response.headers()[header::ETAG], tag(b"7"));
        response.status()
    }

    #[test]
    fn only_what_the_caller_has_already_is_not_sent() {
        let known = tag(b"7");
        assert_eq!(status(None), 200);
        assert_eq!(status(Some(&tag(b"8"))), 200);
        for asked in [known.clone(), format!("\"x\", W/{known}"), "*".to_owned()] {
            assert_eq!(status(Some(&asked)), 304, "{asked}");
        }
    }
}
