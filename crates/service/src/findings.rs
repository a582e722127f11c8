//! What needs a person, over all connections, worst first.

use common::{ConnectionId, Page, Problem, health::Finding, health::Severity, list};

use crate::{Permission, Principal, Service, failure};

/// Which findings, and how many at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingQuery {
    pub severity: Option<Severity>,
    pub connection_id: Option<ConnectionId>,
    /// 1 to 500; `None` is 100.
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// The findings of every connection that is watched: failed connections and checks beyond their limit.
pub async fn list(service: &Service, who: &Principal, query: FindingQuery) -> Result<Page<Finding>, Problem> {
    who.require(Permission::Read)?;
    let limit = query.limit.unwrap_or(list::DEFAULT_LIMIT);
    if !(1..=list::MAX_LIMIT).contains(&limit) {
        return Err(Problem::field("limit", "range", format!("From 1 to {}.", list::MAX_LIMIT)));
    }
    let (severity, id, cursor) = (query.severity, query.connection_id, query.cursor.as_deref());
    service.store().findings(severity, id, limit, cursor).await.map_err(failure::from_store)
}
