//! `/api/expensive-queries` and the plan of one of them.

use axum::{Json, extract::State};
use common::statements::{StatementPlan, StatementsPage, StatementsQuery};
use service::{Service, statements};

use super::{
    super::{
        Caller,
        extract::{NoBody, StatementPath},
        problem::Refusal,
        query::Query,
    },
    responses::{Always, NoSuchConnection, TooOften, UnwantedBody},
};

/// List expensive statements
///
/// What `pg_stat_statements` counted between the readings of a range, the most expensive first. Readings that lie
/// partly within the range count whole: `since` says where the first one began. Without `from` and `to` it is the last
/// 24 h; where there is one reading only, all since the server began to count. What the dashboard itself sends is left
/// out, but counts for `share_ratio`.
#[utoipa::path(
    get, path = "/api/expensive-queries", tag = "Health", operation_id = "list_expensive_queries",
    params(
        ("connection_id" = Option<Vec<i64>>, Query, description = "Only of this connection; may be repeated."),
        ("from" = Option<String>, Query, format = DateTime, description = "24 h before `to`, by default."),
        ("to" = Option<String>, Query, format = DateTime, description = "Now, by default."),
        ("order_by" = Option<common::statements::StatementOrder>, Query, description = "`total` by default."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many, 20 by default."),
    ),
    responses((status = 200, description = "The statements, and of which connections they can be read.", body = StatementsPage), Always),
)]
pub(in crate::http) async fn list(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<StatementsQuery>,
) -> Result<Json<StatementsPage>, Refusal> {
    Ok(Json(statements::list(&service, &who, query).await?))
}

/// Plan a statement
///
/// `EXPLAIN (GENERIC_PLAN)` of a statement that was seen among the expensive ones, never of a text of the caller's.
/// Planning runs code: the connection must have `allow_statements`, its login must be neither a superuser nor able to
/// reach the server's files and programs, and it runs in a read-only transaction that is rolled back. PostgreSQL 16 and
/// newer.
#[utoipa::path(
    post, path = "/api/db/connections/{id}/statements/{query_id}/plan", tag = "Health", operation_id = "plan_statement",
    params(
        ("id" = i64, Path, description = "The id of the connection."),
        ("query_id" = String, Path, description = "`query_id` of an expensive statement."),
    ),
    responses(
        (status = 200, description = "The plan.", body = StatementPlan),
        (status = 409, description = "The server is being asked already, or somebody changed the connection just now.",
            body = common::Problem, content_type = "application/problem+json"),
        Always, UnwantedBody, NoSuchConnection, TooOften,
    ),
)]
pub(in crate::http) async fn plan(
    State(service): State<Service>,
    Caller(who): Caller,
    StatementPath(id, query_id): StatementPath,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Json<StatementPlan>, Refusal> {
    Ok(Json(statements::plan(&service, &who, id, &query_id).await?))
}
