//! The newest health reading, whole.

use common::{ConnectionId, Health};
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{Json, Type},
};

use crate::{Store, StoreError, session};

const LATEST_HEALTH: &str = "
select h.health, h.counters
from dashboard.latest_health h
join dashboard.connections c on c.id = h.connection_id
where c.id = $1 and c.deleted_at is null";
const ALL_LATEST_HEALTH: &str = "
select h.health
from dashboard.latest_health h
join dashboard.connections c on c.id = h.connection_id
where not c.paused and c.deleted_at is null
order by c.id";

impl Store {
    /// With the memory that the next reading starts from.
    pub async fn latest_health(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Health, Option<Value>)>, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), LATEST_HEALTH, &[(&id.0, Type::INT8)]).await?;
        let Some(row) = row else { return Ok(None) };
        let memory: Option<Value> = row.try_get(1)?;
        Ok(health(&row).map(|health| (health, memory)))
    }

    /// Of every connection that is neither paused nor deleted, by id; those never asked are left out.
    pub async fn all_latest_health(&self) -> Result<Vec<Health>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), ALL_LATEST_HEALTH, &[]).await?;
        Ok(rows.iter().filter_map(health).collect())
    }
}

/// A newer replica may have written what this release cannot read: then there is none, rather than an error.
fn health(row: &Row) -> Option<Health> {
    match row.try_get::<_, Json<Health>>(0) {
        Ok(Json(health)) => Some(health),
        Err(error) => {
            tracing::warn!(%error, "a health reading was written by another release");
            None
        }
    }
}
