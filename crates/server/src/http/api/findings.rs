//! `/api/findings`: what needs a person.

use axum::{Json, extract::State};
use common::{Page, health::Finding};
use service::{
    Service,
    findings::{self, FindingQuery},
};

use super::{
    super::{Caller, problem::Refusal, query::Query},
    responses::Always,
};

/// List findings
///
/// Failed connections and checks beyond their limit, the worst first, each with what to do.
#[utoipa::path(
    get, path = "/api/findings", tag = "Health", operation_id = "list_findings",
    params(
        ("severity" = Option<common::health::Severity>, Query, description = "Only findings of this severity."),
        ("connection_id" = Option<i64>, Query, minimum = 1, description = "Only findings of this connection."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many, 100 by default."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page of findings.", body = Page<Finding>), Always),
)]
pub(in crate::http) async fn list(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<FindingQuery>,
) -> Result<Json<Page<Finding>>, Refusal> {
    Ok(Json(findings::list(&service, &who, query).await?))
}
