//! `/api/changes`: what changed on the monitored databases.

use axum::{Json, extract::State};
use common::{Page, health::KnownChange};
use service::{
    Service,
    changes::{self, ChangeQuery},
};

use super::{
    super::{Caller, problem::Refusal, query::Query},
    responses::Always,
};

/// List changes
///
/// What differs between a health reading and the one before it: version, restarts, role, address, certificate, settings,
/// extensions, logins, jumps of size. The newest first. `at` is when it was noticed. The text of a setting that may hold
/// a secret is never shown, only that it changed.
#[utoipa::path(
    get, path = "/api/changes", tag = "Health", operation_id = "list_changes",
    params(
        ("connection_id" = Option<i64>, Query, minimum = 1, description = "Only changes of this connection."),
        ("kind" = Option<common::health::ChangeKind>, Query, description = "Only changes of this kind."),
        ("from" = Option<chrono::DateTime<chrono::Utc>>, Query, description = "Noticed then or later."),
        ("to" = Option<chrono::DateTime<chrono::Utc>>, Query, description = "Noticed before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many, 100 by default."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page of changes.", body = Page<KnownChange>), Always),
)]
pub(in crate::http) async fn list(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<ChangeQuery>,
) -> Result<Json<Page<KnownChange>>, Refusal> {
    Ok(Json(changes::list(&service, &who, query).await?))
}
