//! What the page of statements asks.

#[cfg(feature = "ssr")]
use common::ProblemCode;
use common::{
    ConnectionId,
    statements::{StatementPlan, StatementsPage, StatementsQuery},
};
use leptos::prelude::*;

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::wire::PostJson as Json;

/// The most expensive statements over a range, with the connections that they can be read of. They are counted by readings
/// of the health: of a connection without any, a first one is taken.
#[server(name = ListStatements, prefix = "/rpc", endpoint = "statements", input = Json, output = Json)]
pub async fn statements(query: StatementsQuery) -> Result<StatementsPage, RpcError> {
    let (service, principal) = caller()?;
    for id in &query.connection_ids {
        let reading = service::health::read(&service, &principal, *id, false).await;
        // The list would call it a wrong field, and the page is that of a connection that is not there. What else keeps
        // it from being read is told by the list.
        if let Err(problem) = reading
            && problem.code == ProblemCode::NotFound
        {
            return Err(answer(problem));
        }
    }
    service::statements::list(&service, &principal, query).await.map_err(answer)
}

/// The plan that a statement would get on the connection, whatever its parameters.
#[server(name = PlanStatement, prefix = "/rpc", endpoint = "plan_statement", input = Json, output = Json)]
pub async fn plan(id: ConnectionId, query_id: String) -> Result<StatementPlan, RpcError> {
    let (service, principal) = caller()?;
    service::statements::plan(&service, &principal, id, &query_id).await.map_err(answer)
}
