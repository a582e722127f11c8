//! What changed on the monitored databases: a timeline over all of them, or of one.

use chrono::{DateTime, Utc};
use common::{
    ConnectionId, Page, Problem,
    health::{ChangeKind, KnownChange},
    list,
};
use store::ChangeFilter;

use crate::{Permission, Principal, Service, failure};

/// Which changes, and how many at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeQuery {
    pub connection_id: Option<ConnectionId>,
    pub kind: Option<ChangeKind>,
    /// At this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
    /// 1 to 500; `None` is 100.
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// What was noticed, newest first: also on connections that are paused now.
pub async fn list(
    service: &Service,
    who: &Principal,
    query: ChangeQuery,
) -> Result<Page<KnownChange>, Problem> {
    who.require(Permission::Read)?;
    let ChangeQuery { connection_id, kind, from, to, limit, cursor } = query;
    let limit = limit.unwrap_or(list::DEFAULT_LIMIT);
    let mut faults = Vec::new();
    if !(1..=list::MAX_LIMIT).contains(&limit) {
        faults.push(failure::field("limit", "range", &format!("From 1 to {}.", list::MAX_LIMIT)));
    }
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        faults.push(failure::field("to", "range", "Must be after `from`."));
    }
    if !faults.is_empty() {
        return Err(Problem::validation(faults));
    }
    let filter = ChangeFilter { connection_id, kind, from, to };
    service.store().changes(&filter, limit, cursor.as_deref()).await.map_err(failure::from_store)
}
