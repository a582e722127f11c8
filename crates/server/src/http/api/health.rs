//! `/api/health`: how databases are.

use axum::{Json, extract::State};
use common::{Health, health::AllHealth, setup::Setup};
use service::{Service, health, setup};

use super::{
    super::{
        Caller,
        extract::Id,
        problem::Refusal,
        query::{Fresh, Query},
    },
    responses::{Always, NoSuchConnection, TooOften},
};

/// Read the health of a connection
///
/// The last reading with its `checked_at`, or a first one taken now. `fresh` always takes one now, and two readings a
/// second apart, so that rates are known. What cannot be read is null, and `unavailable` says why. A database that is
/// down is 200 with `status: "down"` and `error`.
#[utoipa::path(
    get, path = "/api/health/{id}", tag = "Health", operation_id = "get_health",
    params(
        ("id" = i64, Path, description = "The id of the connection."),
        ("fresh" = Option<bool>, Query, description = "Ask the database now."),
    ),
    responses((status = 200, description = "The reading.", body = Health), Always, NoSuchConnection, TooOften),
)]
pub(in crate::http) async fn one(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(Fresh(fresh)): Query<Fresh>,
) -> Result<Json<Health>, Refusal> {
    Ok(Json(health::read(&service, &who, id, fresh).await?))
}

/// Read the health of all connections
///
/// The last reading of every connection that is not paused. What is missing is taken now, within 10 s for all;
/// `unavailable` names, by connection id, what did not make it.
#[utoipa::path(
    get, path = "/api/health/all", tag = "Health", operation_id = "get_all_health",
    responses((status = 200, description = "The readings and how many stand how.", body = AllHealth), Always),
)]
pub(in crate::http) async fn all(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(()): Query<()>,
) -> Result<Json<AllHealth>, Refusal> {
    Ok(Json(health::read_all(&service, &who).await?))
}

/// Read what would have to be set up
///
/// What keeps values of the last reading from being read, sorted by cause, with the statements that mend it, and a login
/// that may watch and nothing else where the present one sees too little or may do too much.
#[utoipa::path(
    get, path = "/api/health/{id}/setup", tag = "Health", operation_id = "get_setup",
    params(("id" = i64, Path, description = "The id of the connection.")),
    responses((status = 200, description = "What is missing, and what mends it.", body = Setup), Always, NoSuchConnection, TooOften),
)]
pub(in crate::http) async fn setup_of(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
) -> Result<Json<Setup>, Refusal> {
    Ok(Json(setup::advise(&service, &who, id).await?))
}
