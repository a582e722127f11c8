//! `/api/db/connections`: the connections themselves.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{Connection, Created, Page, connection::ListQuery};
use http::{StatusCode, header};
use service::{Service, connections};

use super::{
    super::{
        Caller,
        extract::{ConnectionBody, Id, IdempotencyKey, NoBody},
        problem::Refusal,
        query::{Query, Version},
    },
    responses::{Always, ChangedMeanwhile, NoSuchConnection, UnreadableBody, UnwantedBody},
};

/// List connections
///
/// Each with its last check, its last 30 heartbeats, its latency of the last 24 h and its health in a few words.
/// `total` counts all that fit the filters; `next` is the cursor of the page after this one.
#[utoipa::path(
    get, path = "/api/db/connections", tag = "Connections", operation_id = "list_connections",
    params(
        ("q" = Option<String>, Query, description = "Part of name, host, database, user, region or a tag, without regard to case."),
        ("tag" = Option<String>, Query, description = "Only connections with this tag."),
        ("status" = Option<common::ConnectionStatus>, Query, description = "Only connections that stand so."),
        ("region" = Option<String>, Query, description = "Only connections of this region."),
        ("cloud_provider" = Option<String>, Query, description = "Only connections of this provider."),
        ("sort" = Option<common::connection::Sort>, Query, description = "The order; `worst` is the default: down, degraded, unknown, up, paused, then by name."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many, 100 by default."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before, with the same sort and filters."),
    ),
    responses((status = 200, description = "A page of connections.", body = Page<Connection>), Always),
)]
pub(in crate::http) async fn list(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Connection>>, Refusal> {
    Ok(Json(connections::list(&service, &who, query).await?))
}

/// Add a connection
///
/// It is stored and then tested at once (unless `test` is false), and answered with 201 **whether or not the test
/// passes**. Without a name it is called `database@host`. With an `Idempotency-Key` a repeated request answers the
/// connection of the first one instead of adding another.
#[utoipa::path(
    post, path = "/api/db/connections", tag = "Connections", operation_id = "create_connection",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body adds the connection once.")),
    request_body(content = super::super::docs::NewConnection, description = "The connection. Unknown fields are refused by name."),
    responses(
        (status = 201, description = "Stored; `test` says how its first test went.", body = Created,
            headers(("Location" = String, description = "Where the connection can be read."))),
        Always, UnreadableBody,
        (status = 404, description = "The connection that this `Idempotency-Key` added was deleted.",
            body = common::Problem, content_type = "application/problem+json"),
        (status = 409, description = "This `Idempotency-Key` was used with another body.",
            body = common::Problem, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn create(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(()): Query<()>,
    IdempotencyKey(key): IdempotencyKey,
    ConnectionBody(input): ConnectionBody,
) -> Result<Response, Refusal> {
    let created = connections::create(&service, &who, input, key).await?;
    let location = format!("/api/db/connections/{}", created.connection.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(created)).into_response())
}

/// Read a connection
///
/// Its password is never told, only whether there is one.
#[utoipa::path(
    get, path = "/api/db/connections/{id}", tag = "Connections", operation_id = "get_connection",
    params(("id" = i64, Path, description = "The id of the connection.")),
    responses((status = 200, description = "The connection.", body = Connection), Always, NoSuchConnection),
)]
pub(in crate::http) async fn get(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
) -> Result<Json<Connection>, Refusal> {
    Ok(Json(connections::get(&service, &who, id).await?))
}

/// Replace a connection
///
/// Every field is replaced; a missing one gets its default. Only a missing `password` keeps the stored one, and
/// `""` removes it. A change of host, port or user name, or to a weaker TLS, needs the password anew: otherwise a
/// stored secret could be sent to another host. With `version` the change is refused when somebody was faster.
#[utoipa::path(
    put, path = "/api/db/connections/{id}", tag = "Connections", operation_id = "replace_connection",
    params(("id" = i64, Path, description = "The id of the connection.")),
    request_body(content = super::super::docs::NewConnection, description = "The connection as it shall be."),
    responses(
        (status = 200, description = "The connection as it is now.", body = Connection),
        Always, NoSuchConnection, UnreadableBody, ChangedMeanwhile,
    ),
)]
pub(in crate::http) async fn replace(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
    ConnectionBody(input): ConnectionBody,
) -> Result<Json<Connection>, Refusal> {
    Ok(Json(connections::update(&service, &who, id, input).await?))
}

/// Delete a connection
///
/// It is gone from every list at once and can be restored for 30 s. Then its password and its history are purged.
#[utoipa::path(
    delete, path = "/api/db/connections/{id}", tag = "Connections", operation_id = "delete_connection",
    params(
        ("id" = i64, Path, description = "The id of the connection."),
        ("version" = Option<i32>, Query, minimum = 1, description = "Refuse with 409 when the connection is not at this version any more."),
    ),
    responses((status = 204, description = "Deleted."), Always, UnwantedBody, NoSuchConnection, ChangedMeanwhile),
)]
pub(in crate::http) async fn delete(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(Version(version)): Query<Version>,
    _: NoBody<Version>,
) -> Result<StatusCode, Refusal> {
    connections::delete(&service, &who, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restore a deleted connection
///
/// Within 30 s of its deletion; afterwards there is nothing left to restore.
#[utoipa::path(
    post, path = "/api/db/connections/{id}/restore", tag = "Connections", operation_id = "restore_connection",
    params(("id" = i64, Path, description = "The id of the connection.")),
    responses((status = 200, description = "The connection is back.", body = Connection), Always, UnwantedBody, NoSuchConnection),
)]
pub(in crate::http) async fn restore(
    State(service): State<Service>,
    Caller(who): Caller,
    Id(id): Id,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Json<Connection>, Refusal> {
    Ok(Json(connections::restore(&service, &who, id).await?))
}
