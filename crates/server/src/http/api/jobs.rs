//! `/api/jobs`: work that takes longer than a request.

use axum::{Json, extract::State};
use common::job::Job;
use service::{Service, jobs};

use super::{
    super::{
        Caller,
        extract::{JobId, NoBody},
        problem::Refusal,
        query::Query,
    },
    responses::{Always, NoSuchJob, UnwantedBody},
};

/// Read a job
///
/// Its progress and, once it is done, its result. Jobs can be read for an hour after their end.
#[utoipa::path(
    get, path = "/api/jobs/{id}", tag = "Jobs", operation_id = "get_job",
    params(("id" = String, Path, description = "The id of the job.")),
    responses((status = 200, description = "The job.", body = Job), Always, NoSuchJob),
)]
pub(in crate::http) async fn get(
    State(service): State<Service>,
    Caller(who): Caller,
    JobId(id): JobId,
    Query(()): Query<()>,
) -> Result<Json<Job>, Refusal> {
    Ok(Json(jobs::get(&service, &who, &id).await?))
}

/// Cancel a job
///
/// Asks it to stop; one that is over stays as it is.
#[utoipa::path(
    delete, path = "/api/jobs/{id}", tag = "Jobs", operation_id = "cancel_job",
    params(("id" = String, Path, description = "The id of the job.")),
    responses((status = 200, description = "The job as it is now.", body = Job), Always, UnwantedBody, NoSuchJob),
)]
pub(in crate::http) async fn cancel(
    State(service): State<Service>,
    Caller(who): Caller,
    JobId(id): JobId,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Json<Job>, Refusal> {
    Ok(Json(jobs::cancel(&service, &who, &id).await?))
}
