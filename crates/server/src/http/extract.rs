//! What handlers take out of a request, refused with the words of the API.

use std::marker::PhantomData;

use axum::{
    RequestExt,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
};
use common::{ConnectionId, ConnectionInput, FieldError, Problem, ProblemCode, load::LoadRequest, text};
use http::{HeaderMap, header, request::Parts};
use serde_json::Value;

use super::{
    limits,
    problem::Refusal,
    query::{Rounds, Version},
};

/// A connection in a JSON body, by the rules of [`ConnectionInput::from_json`].
pub(super) struct ConnectionBody(pub(super) ConnectionInput);

impl<S: Send + Sync> FromRequest<S> for ConnectionBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let body = json(request).await?;
        let input = ConnectionInput::from_json(&body).map_err(Problem::validation)?;
        Ok(Self(input))
    }
}

/// A load test in a JSON body, by the rules of [`LoadRequest::from_json`].
pub(super) struct LoadBody(pub(super) LoadRequest);

impl<S: Send + Sync> FromRequest<S> for LoadBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let body = json(request).await?;
        Ok(Self(LoadRequest::from_json(&body).map_err(Problem::validation)?))
    }
}

/// Whether the caller prefers not to wait (RFC 7240). Other preferences are none of ours, and ignored as it says.
pub(super) struct RespondAsync(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for RespondAsync {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let said = parts.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let mut preferences = said.flat_map(|value| value.split(',')).map(|preference| {
            preference.split([';', '=']).next().unwrap_or_default().trim().to_ascii_lowercase()
        });
        Ok(Self(preferences.any(|preference| preference == "respond-async")))
    }
}

/// 415 for another content type, 413 for too much, 400 for what is not JSON.
async fn json(request: Request) -> Result<Value, Problem> {
    if !is_json(request.headers()) {
        return Err(must_be_json());
    }
    parsed(&bytes(request).await?)
}

pub(super) fn must_be_json() -> Problem {
    Problem::new(ProblemCode::UnsupportedMediaType, "The body must be JSON.")
        .with_hint("Send it with the header Content-Type: application/json.")
}

fn parsed(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        // serde_json's words name a place and what it expected there; the body itself is not repeated.
        Problem::new(
            ProblemCode::Malformed,
            format!("The body is not JSON: {}.", text::clean(&error.to_string(), 200)),
        )
    })
}

/// That the request has no body, or `{}`: what stands in one would do nothing, and whoever sent it thinks it did. It
/// counts whatever its content type is: `curl -d` says form. `Q` is what the request takes as its query.
pub(super) struct NoBody<Q = ()>(PhantomData<Q>);

/// The query parameter that is easily sent in the body instead.
pub(super) trait InQuery {
    const NAME: Option<&'static str> = None;
}

impl InQuery for () {}

impl InQuery for Rounds {
    const NAME: Option<&'static str> = Some("rounds");
}

impl InQuery for Version {
    const NAME: Option<&'static str> = Some("version");
}

impl<S: Send + Sync, Q: InQuery> FromRequest<S> for NoBody<Q> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let body = bytes(request).await?;
        if !body.trim_ascii().is_empty() {
            refuse_all(&parsed(&body)?, Q::NAME)?;
        }
        Ok(Self(PhantomData))
    }
}

fn refuse_all(body: &Value, in_query: Option<&str>) -> Result<(), Problem> {
    let unknown = |name: &str| {
        let message = match in_query.filter(|parameter| *parameter == name) {
            Some(parameter) => format!("This request takes no body. Put it into the address: ?{parameter}="),
            None => "This request takes no body.".to_owned(),
        };
        FieldError::new(text::clean(name, 60), "unknown", message)
    };
    let fields: Vec<FieldError> = match body {
        Value::Object(fields) => fields.keys().map(|name| unknown(name)).collect(),
        _ => vec![unknown("")],
    };
    if fields.is_empty() { Ok(()) } else { Err(Problem::validation(fields)) }
}

pub(super) async fn bytes(request: Request) -> Result<Bytes, Problem> {
    request.extract::<Bytes, _>().await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(cause)
            if cause.status() == http::StatusCode::PAYLOAD_TOO_LARGE =>
        {
            limits::too_large()
        }
        _ => Problem::new(ProblemCode::Malformed, "The body ended before it was complete."),
    })
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The id of a connection in the path. What is not a number names no connection: 404.
pub(super) struct Id(pub(super) ConnectionId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let no_such = || Problem::not_found("There is no such connection.").with_hint("Its id is a number.");
        let id = in_path(parts, state).await.ok_or_else(no_such)?;
        Ok(Self(connection_id(&id).ok_or_else(no_such)?))
    }
}

/// The ids of a connection and of one of its statements in the path.
pub(super) struct StatementPath(pub(super) ConnectionId, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for StatementPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let no_such = || Problem::not_found("There is no such connection.").with_hint("Its id is a number.");
        let path = Path::<(String, String)>::from_request_parts(parts, state).await.ok();
        let Path((id, query_id)) = path.ok_or_else(no_such)?;
        let id = connection_id(&id).ok_or_else(no_such)?;
        Ok(Self(id, query_id))
    }
}

/// `+7` and `007` parse, but name nothing.
fn connection_id(text: &str) -> Option<ConnectionId> {
    text.parse().ok().filter(|parsed: &ConnectionId| parsed.to_string() == text)
}

/// The id of a job in the path. What is not even text (`%ff`) names no job: 404.
pub(super) struct JobId(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for JobId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let id = in_path(parts, state).await;
        Ok(Self(id.ok_or_else(|| Problem::not_found("There is no such job."))?))
    }
}

/// The one variable part of a path, if it is UTF-8.
async fn in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<String> {
    Path::<String>::from_request_parts(parts, state).await.ok().map(|Path(part)| part)
}

/// The `Idempotency-Key` header; its rules are the use case's.
pub(super) struct IdempotencyKey(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let key = value.to_str().map_err(|_| {
            Problem::field("Idempotency-Key", "characters", "Use letters, digits and punctuation of ASCII.")
        })?;
        Ok(Self(Some(key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised_by_its_content_type() {
        let is = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]))
        };
        assert!(is("application/json; charset=utf-8"));
        assert!(is("Application/JSON"));
        assert!(is("application/merge-patch+json"));
        assert!(!is("text/plain"));
        assert!(!is("application/x-www-form-urlencoded"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
