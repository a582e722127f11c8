//! What charts ask: what was measured over a range.

#[cfg(feature = "ssr")]
use common::Problem;
use common::history::{ChartData, ChartQuery};
use leptos::prelude::*;

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::wire::PostJson as Json;

/// Round trips and the phases of connecting.
#[server(name = ChartLatency, prefix = "/rpc", endpoint = "latency_chart", input = Json, output = Json)]
pub async fn latency_chart(query: ChartQuery) -> Result<ChartData, RpcError> {
    let (service, principal) = caller()?;
    service::history::latency(&service, &principal, query).await.map_err(refused)
}

/// The numbers of health readings.
#[server(name = ChartHealth, prefix = "/rpc", endpoint = "health_chart", input = Json, output = Json)]
pub async fn health_chart(query: ChartQuery) -> Result<ChartData, RpcError> {
    let (service, principal) = caller()?;
    service::history::health_metrics(&service, &principal, query).await.map_err(refused)
}

/// The page is that of a connection: one that is not there is no wrong field.
#[cfg(feature = "ssr")]
fn refused(problem: Problem) -> RpcError {
    if problem.fields.iter().any(|field| field.field == "connection_id" && field.code == "unknown") {
        return answer(Problem::not_found("There is no such connection."));
    }
    answer(problem)
}
