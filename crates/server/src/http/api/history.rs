//! Charts over time, and the checks themselves.

use axum::{Json, extract::State};
use common::{
    Page, TestResult,
    history::{ChartData, ChartQuery, RecentChecksQuery},
};
use http::HeaderMap;
use service::{Service, history};

use super::{
    super::{Caller, problem::Refusal, query::Query, tagged::Tagged},
    responses::Always,
};

/// Chart latency over time
///
/// Median, 95th percentile, extremes and failures, at most `points` for each series, with every extreme kept and gaps as
/// points of no checks. Read from raw checks or from rollups of 5 minutes, an hour or a day, as the range needs. An answer has
/// an `ETag`.
#[utoipa::path(
    get, path = "/api/latency-chart-data", tag = "History", operation_id = "get_latency_chart_data",
    params(
        ("connection_id" = Option<Vec<i64>>, Query, description = "Of this connection; may be repeated. All by default."),
        ("metric" = Option<Vec<String>>, Query, description = "`round_trip_ms` by default; or `total_ms`, `dns_ms`, `tcp_ms`, `tls_ms`, `auth_ms`, `query_ms`. May be repeated."),
        ("from" = Option<String>, Query, format = DateTime, description = "24 h before `to`, by default."),
        ("to" = Option<String>, Query, format = DateTime, description = "Now, by default."),
        ("points" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "The most points of a series, 1000 by default."),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The series.", body = ChartData, headers(("ETag" = String))),
        (status = 304, description = "Nothing has changed since the answer with this `ETag`."),
        Always,
    ),
)]
pub(in crate::http) async fn latency(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<ChartQuery>,
    asked: HeaderMap,
) -> Result<Tagged<ChartData>, Refusal> {
    Ok(Tagged { value: history::latency(&service, &who, query).await?, asked })
}

/// Chart health metrics over time
///
/// Any number of `metrics` of a health reading, as for latency.
#[utoipa::path(
    get, path = "/api/health-metrics-chart-data", tag = "History", operation_id = "get_health_metrics_chart_data",
    params(
        ("connection_id" = Option<Vec<i64>>, Query, description = "Of this connection; may be repeated. All by default."),
        ("metric" = Option<Vec<String>>, Query, description = "Any key of `metrics` of a health reading; may be repeated. `cache_hit_ratio`, `active_connections`, `transactions_per_s` and `database_size_bytes` by default."),
        ("from" = Option<String>, Query, format = DateTime, description = "24 h before `to`, by default."),
        ("to" = Option<String>, Query, format = DateTime, description = "Now, by default."),
        ("points" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "The most points of a series, 1000 by default."),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The series.", body = ChartData, headers(("ETag" = String))),
        (status = 304, description = "Nothing has changed since the answer with this `ETag`."),
        Always,
    ),
)]
pub(in crate::http) async fn health_metrics(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<ChartQuery>,
    asked: HeaderMap,
) -> Result<Tagged<ChartData>, Refusal> {
    Ok(Tagged { value: history::health_metrics(&service, &who, query).await?, asked })
}

/// List recent checks
///
/// Newest first, of all connections or of some. Of all but the newest check of each connection only the numbers are kept:
/// `unavailable` says what is not. `total` is counted by days.
#[utoipa::path(
    get, path = "/api/recent-checks", tag = "History", operation_id = "list_recent_checks",
    params(
        ("connection_id" = Option<Vec<i64>>, Query, description = "Only of this connection; may be repeated."),
        ("ok" = Option<bool>, Query, description = "Only checks that passed, or that failed."),
        ("before" = Option<String>, Query, description = "`next` of the page before, or a time: only checks before it."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many, 100 by default."),
    ),
    responses((status = 200, description = "One page of checks.", body = Page<TestResult>), Always),
)]
pub(in crate::http) async fn recent_checks(
    State(service): State<Service>,
    Caller(who): Caller,
    Query(query): Query<RecentChecksQuery>,
) -> Result<Json<Page<TestResult>>, Refusal> {
    Ok(Json(history::recent_checks(&service, &who, query).await?))
}
