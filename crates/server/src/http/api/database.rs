//! The dashboard's own database, and everything in a few numbers.

use axum::{Json, extract::State};
use common::database::{DatabaseInfo, DatabaseSummary};
use service::{Service, database};

use super::{
    super::{Caller, problem::Refusal, query::Query},
    responses::Always,
};

/// Describe the dashboard's own database
///
/// Where it is, which migrations it has, and how much history it keeps.
#[utoipa::path(
    get, path = "/api/database/info", tag = "Dashboard", operation_id = "get_database_info",
    responses((status = 200, description = "The dashboard's own database.", body = DatabaseInfo), Always),
)]
pub(in crate::http) async fn info(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(()): Query<()>,
) -> Result<Json<DatabaseInfo>, Refusal> {
    Ok(Json(database::info(&service, &who).await?))
}

/// Summarise all connections
///
/// How many stand how, their latency of the last 24 h, their size, and their findings. What is not collected yet is
/// null, and `unavailable` says so.
#[utoipa::path(
    get, path = "/api/database-summary", tag = "Dashboard", operation_id = "get_database_summary",
    responses((status = 200, description = "All connections in a few numbers.", body = DatabaseSummary), Always),
)]
pub(in crate::http) async fn summary(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(()): Query<()>,
) -> Result<Json<DatabaseSummary>, Refusal> {
    Ok(Json(database::summary(&service, &who).await?))
}
