//! What changed on a database.

use common::{ConnectionId, Page, health::KnownChange};
use leptos::prelude::*;

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::wire::PostJson as Json;

/// What was noticed on a connection, newest first; `cursor` is the `next` of the page before.
#[server(name = ListChanges, prefix = "/rpc", endpoint = "changes", input = Json, output = Json)]
pub async fn changes(id: ConnectionId, cursor: Option<String>) -> Result<Page<KnownChange>, RpcError> {
    let (service, principal) = caller()?;
    let query = service::changes::ChangeQuery {
        connection_id: Some(id),
        cursor,
        ..service::changes::ChangeQuery::default()
    };
    service::changes::list(&service, &principal, query).await.map_err(answer)
}
