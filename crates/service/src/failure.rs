//! The one mapping from what failed inside to what a person is told. The cause goes to the log, never to the person.

use common::{FieldError, Problem, ProblemCode};
use store::StoreError;

use crate::single_flight::Lost;

/// The problem that a failure of the store is for a person.
pub(crate) fn from_store(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => connection_not_found(),
        StoreError::Conflict { current } => {
            Problem::new(ProblemCode::Conflict, format!("Somebody changed it: its version is now {current}."))
                .with_hint("Load it again, then repeat your change.")
        }
        StoreError::NameTaken => Problem::field("name", "taken", "Another connection has this name."),
        StoreError::BadCursor => {
            Problem::field("cursor", "unknown", "Use the `next` of the page before, with the same sort.")
        }
        StoreError::IdempotencyKeyReused => idempotency_key_reused(),
        StoreError::Refused(field) => Problem::validation(vec![field]),
        error if error.is_unavailable() => {
            tracing::error!(error = %Causes(&error), "the dashboard's own database cannot be reached");
            Problem {
                retry_after_s: Some(5),
                ..Problem::new(ProblemCode::StoreUnavailable, "The dashboard cannot reach its own database.")
                    .with_hint("Try again in a moment. The dashboard's log says why.")
            }
        }
        error => internal(&error),
    }
}

/// Something that should not happen. The log has the cause.
pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error = %Causes(error), "a use case failed");
    Problem::new(ProblemCode::Internal, "The dashboard could not do this. Its log says why.")
}

pub(crate) fn from_lost(lost: Lost) -> Problem {
    internal(&lost)
}

pub(crate) fn connection_not_found() -> Problem {
    Problem::not_found("There is no such connection.").with_hint("It may have been deleted.")
}

pub(crate) fn idempotency_key_reused() -> Problem {
    Problem::new(ProblemCode::Conflict, "This Idempotency-Key was used for another request.")
        .with_hint("Use a new key for each new request.")
}

pub(crate) fn field(field: &str, code: &str, message: &str) -> FieldError {
    FieldError::new(field, code, message)
}

/// An error with all its causes on one line, as [`common::text::clean`] leaves it: parts may come from a server.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut line = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        f.write_str(&common::text::clean_server_text(&line))
    }
}
