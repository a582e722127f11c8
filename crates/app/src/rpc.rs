//! The server functions: what a page asks the server. Each calls one use case of `service` and nothing else.
//!
//! They are public endpoints under `/rpc`, always POST with JSON; `server` checks `Host` and `Origin` before them. During
//! server rendering they run in the same process.

pub mod activity;
pub mod changes;
pub mod history;
pub mod load;
pub mod overview;
pub mod queries;
pub mod statements;

use common::{
    Connection, ConnectionDraft, ConnectionId, Created, Health, Latency, Problem, ProblemCode, TestResult,
    setup::Setup,
};
use leptos::{
    prelude::*,
    server_fn::error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

use crate::wire::PostJson as Json;

/// What went wrong: the same problem, as the same JSON, as REST answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RpcError(pub Problem);

impl FromServerFnError for RpcError {
    type Encoder = crate::wire::Json;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let mut problem = match error {
            // The browser's and the framework's own words help nobody who reads the page.
            ServerFnErrorErr::Request(_) => Problem {
                title: "The dashboard does not answer".to_owned(),
                ..Problem::new(ProblemCode::Internal, "The request did not reach the server.")
            },
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => not_understood(),
            // What the server reads is a request, what the browser reads is an answer.
            ServerFnErrorErr::Deserialization(_) if cfg!(feature = "ssr") => not_understood(),
            _ => Problem::new(ProblemCode::Internal, "The server's answer cannot be read."),
        };
        problem.hint = Some("Check that the dashboard runs, then load this page again.".to_owned());
        answer(problem)
    }
}

fn not_understood() -> Problem {
    Problem::new(ProblemCode::Malformed, "This page and the server do not understand each other.")
}

impl From<Problem> for RpcError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RpcError {}

/// Who calls, and the status of what they are told.
#[cfg(feature = "ssr")]
mod caller {
    use common::{FieldError, Problem, ProblemCode};
    use http::{HeaderName, HeaderValue, StatusCode};
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;
    use service::{Principal, Service};

    use super::RpcError;

    // A problem is a few texts, and a request makes one at most.
    #[allow(clippy::result_large_err)]
    pub(super) fn caller() -> Result<(Service, Principal), RpcError> {
        match (use_context::<Service>(), use_context::<Principal>()) {
            (Some(service), Some(principal)) => Ok((service, principal)),
            _ => Err(answer(Problem::new(
                ProblemCode::Internal,
                "The server function was called without its context.",
            ))),
        }
    }

    pub(super) fn invalid(fields: Vec<FieldError>) -> RpcError {
        answer(Problem::validation(fields))
    }

    /// Sets the problem's status on the response; a server function would answer 500 otherwise.
    pub(super) fn answer(problem: Problem) -> RpcError {
        if let Some(response) = use_context::<ResponseOptions>() {
            if let Ok(status) = StatusCode::from_u16(problem.status) {
                response.set_status(status);
            }
            if let Some(seconds) = problem.retry_after_s
                && let Ok(value) = HeaderValue::from_str(&seconds.to_string())
            {
                response.insert_header(HeaderName::from_static("retry-after"), value);
            }
        }
        RpcError(problem)
    }
}
#[cfg(not(feature = "ssr"))]
use RpcError as answer;
#[cfg(feature = "ssr")]
use caller::{answer, caller, invalid};

#[server(prefix = "/rpc", endpoint = "get_connection", input = Json, output = Json)]
pub async fn get_connection(id: ConnectionId) -> Result<Connection, RpcError> {
    let (service, principal) = caller()?;
    service::connections::get(&service, &principal, id).await.map_err(answer)
}

/// Stores the connection and tests it. It is stored whether or not the test passes. The same `idempotency_key` with
/// the same draft stores it once, however often it is sent.
#[server(prefix = "/rpc", endpoint = "create_connection", input = Json, output = Json)]
pub async fn create_connection(draft: ConnectionDraft, idempotency_key: String) -> Result<Created, RpcError> {
    let (service, principal) = caller()?;
    let input = draft.parse().map_err(invalid)?;
    service::connections::create(&service, &principal, input, Some(idempotency_key)).await.map_err(answer)
}

/// Stores what was changed and tests it, unless it is paused. It is stored whether or not the test passes.
#[server(prefix = "/rpc", endpoint = "update_connection", input = Json, output = Json)]
pub async fn update_connection(id: ConnectionId, draft: ConnectionDraft) -> Result<Created, RpcError> {
    let (service, principal) = caller()?;
    let input = draft.parse().map_err(invalid)?;
    service::connections::update_and_test(&service, &principal, id, input).await.map_err(answer)
}

/// Hides the connection at once; it can be restored for 30 s.
#[server(prefix = "/rpc", endpoint = "delete_connection", input = Json, output = Json)]
pub async fn delete_connection(id: ConnectionId, version: Option<i32>) -> Result<(), RpcError> {
    let (service, principal) = caller()?;
    service::connections::delete(&service, &principal, id, version).await.map_err(answer)
}

/// Connects anew, step by step. A database that cannot be reached is a result, not an error.
#[server(prefix = "/rpc", endpoint = "test_connection", input = Json, output = Json)]
pub async fn test_connection(id: ConnectionId) -> Result<TestResult, RpcError> {
    let (service, principal) = caller()?;
    service::checks::test(&service, &principal, id).await.map_err(answer)
}

/// `rounds` (1 to 100) of `select 1` on one session.
#[server(name = MeasureLatency, prefix = "/rpc", endpoint = "latency", input = Json, output = Json)]
pub async fn latency(id: ConnectionId, rounds: u32) -> Result<Latency, RpcError> {
    let (service, principal) = caller()?;
    service::checks::latency(&service, &principal, id, rounds).await.map_err(answer)
}

/// The last reading, or with `fresh` a new one (two readings a second apart, for the rates).
#[server(name = ReadHealth, prefix = "/rpc", endpoint = "health", input = Json, output = Json)]
pub async fn health(id: ConnectionId, fresh: bool) -> Result<Health, RpcError> {
    let (service, principal) = caller()?;
    service::health::read(&service, &principal, id, fresh).await.map_err(answer)
}

/// What keeps values from being read, and what mends it.
#[server(name = AdviseOnSetup, prefix = "/rpc", endpoint = "setup", input = Json, output = Json)]
pub async fn setup(id: ConnectionId) -> Result<Setup, RpcError> {
    let (service, principal) = caller()?;
    service::setup::advise(&service, &principal, id).await.map_err(answer)
}
