//! How a [`Problem`] is answered: `application/problem+json`, by RFC 9457.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use common::{Problem, ProblemCode};
use http::{HeaderValue, StatusCode, header};

pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem as an answer. Handlers answer `Result<_, Refusal>`, so that `?` works on a use case.
#[derive(Debug, Clone)]
pub(super) struct Refusal(pub(super) Box<Problem>);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl Refusal {
    pub(super) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&*self.0)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.0.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        // The layer that knows the request's id writes it into an internal problem.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_answers_its_status_its_type_and_when_to_try_again() {
        let problem = Problem { retry_after_s: Some(7), ..Problem::new(ProblemCode::RateLimited, "Slowly.") };
        let response = Refusal::from(problem).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
    }
}
