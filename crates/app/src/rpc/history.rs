//! What charts ask: what was measured over a range.

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
    service::history::latency(&service, &principal, query).await.map_err(answer)
}

/// The numbers of health readings.
#[server(name = ChartHealth, prefix = "/rpc", endpoint = "health_chart", input = Json, output = Json)]
pub async fn health_chart(query: ChartQuery) -> Result<ChartData, RpcError> {
    let (service, principal) = caller()?;
    service::history::health_metrics(&service, &principal, query).await.map_err(answer)
}
