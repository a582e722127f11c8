//! `/healthz` and `/readyz`: for whoever starts, stops and watches the dashboard itself.

use axum::{Json, extract::State};
use common::{
    Problem, ProblemCode,
    database::{MigrationInfo, SpoolInfo},
};
use serde::Serialize;
use service::{Service, database};
use utoipa::ToSchema;

use super::{
    super::{problem::Refusal, query::Query},
    responses::{Failed, Guarded},
};

/// The process runs.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Alive {
    /// Always `ok`.
    status: &'static str,
    /// This release.
    version: &'static str,
}

/// Requests can be answered.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Ready {
    /// Always `ok`.
    status: &'static str,
    migrations: MigrationInfo,
    /// Measurements that wait for the database. Its `error` says that the disk takes none: requests are answered all the
    /// same, but measurements would be lost if the database were away.
    spool: SpoolInfo,
}

/// Is the process alive?
///
/// Asks nothing of anybody.
#[utoipa::path(
    get, path = "/healthz", tag = "Dashboard", operation_id = "is_alive",
    responses((status = 200, description = "The process runs.", body = Alive), Guarded),
)]
pub(in crate::http) async fn alive(Query(()): Query<()>) -> Json<Alive> {
    Json(Alive { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Is the dashboard ready?
///
/// Whether its own database answers and has the migrations of this release, and how its spool stands.
#[utoipa::path(
    get, path = "/readyz", tag = "Dashboard", operation_id = "is_ready",
    responses(
        (status = 200, description = "Ready.", body = Ready),
        Guarded, Failed,
        (status = 503, description = "Its own database cannot be reached, or lacks migrations.",
            body = common::Problem, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn ready(
    State(service): State<Service>,
    Query(()): Query<()>,
) -> Result<Json<Ready>, Refusal> {
    let readiness = database::ready(&service).await?;
    if readiness.ready {
        return Ok(Json(Ready { status: "ok", migrations: readiness.migrations, spool: readiness.spool }));
    }
    let MigrationInfo { applied, latest } = readiness.migrations;
    let problem = Problem::new(
        ProblemCode::StoreUnavailable,
        format!("The dashboard's own database is at migration {applied}; this release needs {latest}."),
    );
    Err(problem.with_hint("Run `pg-dashboard migrate`.").into())
}
