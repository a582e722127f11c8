//! The newest reading of each kind, whole.

use common::{ConnectionId, Health, TestResult};
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{Json, Type},
};

use crate::{Store, StoreError, session};

const LATEST_TEST: &str = "
select t.result
from dashboard.latest_tests t
join dashboard.connections c on c.id = t.connection_id
where c.id = $1 and c.deleted_at is null";
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
const ALL_LATEST_TESTS: &str = "
select t.result
from dashboard.latest_tests t
join dashboard.connections c on c.id = t.connection_id
where not c.paused and c.deleted_at is null
order by c.id";
const FAILED_LATEST_TESTS: &str = "
select t.result
from dashboard.latest_tests t
join dashboard.connections c on c.id = t.connection_id
where not t.ok and not c.paused and c.deleted_at is null
order by c.id";

impl Store {
    pub async fn latest_test(&self, id: ConnectionId) -> Result<Option<TestResult>, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), LATEST_TEST, &[(&id.0, Type::INT8)]).await?;
        Ok(row.as_ref().and_then(test))
    }

    /// With the counters that the rates of the next reading are made from.
    pub async fn latest_health(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Health, Option<Value>)>, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), LATEST_HEALTH, &[(&id.0, Type::INT8)]).await?;
        let Some(row) = row else { return Ok(None) };
        let counters: Option<Value> = row.try_get(1)?;
        Ok(health(&row).map(|health| (health, counters)))
    }

    /// Of every connection that is neither paused nor deleted, by id; those never asked are left out.
    pub async fn all_latest_health(&self) -> Result<Vec<Health>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), ALL_LATEST_HEALTH, &[]).await?;
        Ok(rows.iter().filter_map(health).collect())
    }

    /// Of every connection that is neither paused nor deleted, by id; those never tested are left out.
    pub async fn all_latest_tests(&self) -> Result<Vec<TestResult>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), ALL_LATEST_TESTS, &[]).await?;
        Ok(rows.iter().filter_map(test).collect())
    }

    /// As [`Store::all_latest_tests`], only those that failed: what stands among the findings.
    pub async fn failed_latest_tests(&self) -> Result<Vec<TestResult>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), FAILED_LATEST_TESTS, &[]).await?;
        Ok(rows.iter().filter_map(test).collect())
    }
}

fn test(row: &Row) -> Option<TestResult> {
    readable("test result", row.try_get::<_, Json<TestResult>>(0))
}

fn health(row: &Row) -> Option<Health> {
    readable("health reading", row.try_get::<_, Json<Health>>(0))
}

/// A newer replica may have written what this release cannot read: then there is none, rather than an error.
fn readable<T>(what: &str, outcome: Result<Json<T>, tokio_postgres::Error>) -> Option<T> {
    match outcome {
        Ok(Json(reading)) => Some(reading),
        Err(error) => {
            tracing::warn!(%error, "a {what} was written by another release");
            None
        }
    }
}
