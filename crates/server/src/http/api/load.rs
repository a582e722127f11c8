//! `/api/test/load/{id}`: how much a database can take.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    job::JobStarted,
    load::{LoadComparison, LoadReport},
};
use http::{StatusCode, header};
use service::{
    Service,
    load::{self, LoadAnswer},
};

use super::{
    super::{
        Caller,
        extract::{Id, LoadBody, RespondAsync},
        problem::Refusal,
        query::Query,
    },
    responses::{Always, LoadRefused, NoSuchConnection, TooOften, UnreadableBody},
};

/// Load test a connection
///
/// As many sessions as `connections` says ask again and again for `duration_s`. Without `rate_per_s` each asks as soon as
/// it has its answer (closed loop); with it requests fall due at that rate, and latency counts from when a request was due
/// (open loop), so that a server that stalls shows. Never more sessions than the server has to spare: 422 names the
/// number. A statement of one's own runs read only and is rolled back, where the connection allows it. With
/// `Prefer: respond-async`, or above 30 s, it is a job: 202. A target that cannot be reached is 200: `error` says why.
#[utoipa::path(
    post, path = "/api/test/load/{id}", tag = "Tests", operation_id = "test_load",
    params(
        ("id" = i64, Path, description = "The id of the connection."),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait for the report."),
    ),
    request_body(content = super::super::docs::NewLoad, description = "What to do. Unknown fields are refused by name; `{}` is a test with the defaults."),
    responses(
        (status = 200, description = "What was measured.", body = LoadReport),
        (status = 202, description = "The job that runs the test.", body = JobStarted,
            headers(("Location" = String, description = "Where the job can be read and cancelled."))),
        Always, UnreadableBody, NoSuchConnection, TooOften, LoadRefused,
    ),
)]
pub(in crate::http) async fn run(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
    RespondAsync(respond_async): RespondAsync,
    LoadBody(request): LoadBody,
) -> Result<Response, Refusal> {
    Ok(match load::run(&service, &who, id, request, !respond_async).await? {
        LoadAnswer::Done(report) => Json(report).into_response(),
        LoadAnswer::Job(job) => {
            let location = format!("/api/jobs/{}", job.id);
            (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(JobStarted { job: *job }))
                .into_response()
        }
    })
}

/// Compare load tests
///
/// The last load test of the connection and the one before it. Where another connection leads to the same database
/// through a pooler, or around the pooler that this one leads through, its last load test of the same kind as well.
#[utoipa::path(
    get, path = "/api/test/load/{id}", tag = "Tests", operation_id = "compare_loads",
    params(("id" = i64, Path, description = "The id of the connection.")),
    responses((status = 200, description = "The last load tests.", body = LoadComparison), Always, NoSuchConnection),
)]
pub(in crate::http) async fn compare(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
) -> Result<Json<LoadComparison>, Refusal> {
    Ok(Json(load::comparison(&service, &who, id).await?))
}
