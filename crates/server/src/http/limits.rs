//! What ends a request that is too large, too slow, or that fell over, always as a problem.

use std::{any::Any, time::Duration};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::{Problem, ProblemCode, text};
use http::{Method, StatusCode, header};

use super::{
    extract,
    problem::{PROBLEM_JSON, Refusal},
};

/// The most bytes of a request: a connection with a long CA file is a few hundred kB.
pub(super) const MAX_BODY: usize = 1024 * 1024;
/// Longer than everything that a use case may take.
const MAX_DURATION: Duration = Duration::from_secs(120);

/// Ends a request that takes too long.
pub(super) async fn time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(MAX_DURATION, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(limit_s = MAX_DURATION.as_secs(), "the request took too long");
            Refusal::new(ProblemCode::Internal, "The dashboard could not do this in time. Its log says more.")
                .into_response()
        }
    }
}

/// The answer after a panic: the log has its message, the caller only the request's id.
pub(super) fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(panic = text::clean_server_text(message), "a handler panicked");
    Refusal::new(ProblemCode::Internal, "The dashboard could not do this. Its log says why.").into_response()
}

/// Layers and the router answer plain texts or nothing at all. What they refuse is told as a problem to everybody.
pub(super) async fn errors_as_problems(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // Only what a route takes has a content type to speak of: any other address is not found.
    let takes_json = is_of_a_server_function(&path)
        && method == Method::POST
        && request.extensions().get::<MatchedPath>().is_some();
    if takes_json && !extract::is_json(request.headers()) {
        return Refusal::from(extract::must_be_json()).into_response();
    }
    let mut response = next.run(request).await;
    let status = response.status();
    if is_of_a_server_function(&path) && !status.is_success() && extract::is_json(response.headers()) {
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    }
    if response.extensions().get::<Refusal>().is_some() {
        return response;
    }
    let problem = match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            ProblemCode::MethodNotAllowed,
            format!("{} does not take {method}.", text::clean(&path, 80)),
        ),
        _ => return response,
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut refusal = Refusal::from(problem).into_response();
    if let Some(allow) = allow {
        refusal.headers_mut().insert(header::ALLOW, allow);
    }
    refusal
}

/// Server functions answer their problems as plain JSON, and read a body of any content type.
fn is_of_a_server_function(path: &str) -> bool {
    path.starts_with("/rpc/")
}

pub(super) fn too_large() -> Problem {
    Problem::new(ProblemCode::TooLarge, format!("A request may have {} kB.", MAX_BODY / 1024))
}
