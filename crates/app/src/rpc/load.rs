//! What the page of a connection's load tests asks.

use common::{
    ConnectionId,
    load::{LoadComparison, LoadJob, LoadRequest},
};
use leptos::prelude::*;

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::wire::PostJson as Json;

/// Starts a load test of the connection. It is a job however short it is: a page that is closed and opened again finds it
/// by [`running_load`]. One that cannot be run (too many sessions, a statement that is not allowed) is refused.
#[server(prefix = "/rpc", endpoint = "start_load", input = Json, output = Json)]
pub async fn start_load(id: ConnectionId, request: LoadRequest) -> Result<LoadJob, RpcError> {
    let (service, principal) = caller()?;
    service::load::start(&service, &principal, id, request).await.map_err(answer)
}

/// How far a load test is; once it is over, its report.
#[server(name = GetLoadJob, prefix = "/rpc", endpoint = "load_job", input = Json, output = Json)]
pub async fn load_job(job_id: String) -> Result<LoadJob, RpcError> {
    let (service, principal) = caller()?;
    service::load::job(&service, &principal, &job_id).await.map_err(answer)
}

/// Asks a load test to stop. What it measured until then is kept.
#[server(prefix = "/rpc", endpoint = "cancel_load", input = Json, output = Json)]
pub async fn cancel_load(job_id: String) -> Result<LoadJob, RpcError> {
    let (service, principal) = caller()?;
    service::load::cancel(&service, &principal, &job_id).await.map_err(answer)
}

/// The load test of the connection that is under way.
#[server(prefix = "/rpc", endpoint = "running_load", input = Json, output = Json)]
pub async fn running_load(id: ConnectionId) -> Result<Option<LoadJob>, RpcError> {
    let (service, principal) = caller()?;
    service::load::running(&service, &principal, id).await.map_err(answer)
}

/// The last load test of the connection, the one before it, and the last by the other way to the same database.
#[server(name = CompareLoads, prefix = "/rpc", endpoint = "load_comparison", input = Json, output = Json)]
pub async fn load_comparison(id: ConnectionId) -> Result<LoadComparison, RpcError> {
    let (service, principal) = caller()?;
    service::load::comparison(&service, &principal, id).await.map_err(answer)
}
