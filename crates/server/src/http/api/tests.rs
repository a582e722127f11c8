//! `/api/test`: ask targets now.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{Latency, TestResult, job::JobStarted, test_result::AllRegions};
use http::StatusCode;
use service::{
    Service,
    checks::{self, AllRegionsAnswer},
};

use super::{
    super::{
        Caller,
        extract::{Id, NoBody},
        problem::Refusal,
        query::{Query, Rounds},
    },
    responses::{Always, NoSuchConnection, TooOften, UnwantedBody},
};

/// Test a connection
///
/// A fresh connect with the time of each phase: DNS, TCP, TLS, authentication, first query. A test that fails is 200
/// as well: `error` says in which phase, why, and what to do. A second test of the same connection joins the one
/// that runs.
#[utoipa::path(
    post, path = "/api/test/connection/{id}", tag = "Tests", operation_id = "test_connection",
    params(("id" = i64, Path, description = "The id of the connection.")),
    responses((status = 200, description = "What the test found.", body = TestResult), Always, UnwantedBody, NoSuchConnection, TooOften),
)]
pub(in crate::http) async fn connection(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Json<TestResult>, Refusal> {
    Ok(Json(checks::test(&service, &who, id).await?))
}

/// Measure the latency of a connection
///
/// Connects once and times `select 1` as many times as `rounds` says. A failure is 200 with `error`.
#[utoipa::path(
    post, path = "/api/test/latency/{id}", tag = "Tests", operation_id = "test_latency",
    params(
        ("id" = i64, Path, description = "The id of the connection."),
        ("rounds" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many round trips, 5 by default."),
    ),
    responses((status = 200, description = "Each round trip and what follows from them.", body = Latency), Always, UnwantedBody, NoSuchConnection, TooOften),
)]
pub(in crate::http) async fn latency(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(Rounds(rounds)): Query<Rounds>,
    _: NoBody<Rounds>,
) -> Result<Json<Latency>, Refusal> {
    Ok(Json(checks::latency(&service, &who, id, rounds).await?))
}

/// Test all connections, by region
///
/// Every connection that is not paused. Above 50 connections this becomes a job: 202, and its result is read from
/// `/api/jobs/{id}`.
#[utoipa::path(
    post, path = "/api/test/all-regions", tag = "Tests", operation_id = "test_all_regions",
    responses(
        (status = 200, description = "What the tests found, grouped by region.", body = AllRegions),
        (status = 202, description = "There are many: the job that tests them.", body = JobStarted,
            headers(("Location" = String, description = "Where the job can be read."))),
        Always, UnwantedBody,
    ),
)]
pub(in crate::http) async fn all_regions(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Refusal> {
    Ok(match checks::all_regions(&service, &who).await? {
        AllRegionsAnswer::Done(regions) => Json(regions).into_response(),
        AllRegionsAnswer::Job(job) => {
            let location = format!("/api/jobs/{}", job.id);
            (StatusCode::ACCEPTED, [(http::header::LOCATION, location)], Json(JobStarted { job: *job }))
                .into_response()
        }
    })
}
