//! The dashboard's own database, and all connections in a few numbers.

use common::{
    Problem,
    database::{DatabaseInfo, DatabaseSummary, MigrationInfo},
};

use crate::{Permission, Principal, Service, failure};

/// `GET /api/database/info`: where the dashboard keeps its own data, and how much of it there is.
pub async fn info(service: &Service, who: &Principal) -> Result<DatabaseInfo, Problem> {
    who.require(Permission::Read)?;
    service.store().database_info().await.map_err(failure::from_store)
}

/// `GET /api/database-summary`: all connections in a few numbers.
pub async fn summary(service: &Service, who: &Principal) -> Result<DatabaseSummary, Problem> {
    who.require(Permission::Read)?;
    service.store().summary(service.0.clock.now()).await.map_err(failure::from_store)
}

/// Whether requests can be answered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub ready: bool,
    pub migrations: MigrationInfo,
}

/// Asks the own database one question. It says nothing about what is kept there, so anyone may ask.
pub async fn ready(service: &Service) -> Result<Readiness, Problem> {
    let migrations = service.store().ping().await.map_err(failure::from_store)?;
    // A newer release's migrations are fine (each works with the release before it); missing ones are not.
    Ok(Readiness { ready: migrations.applied >= migrations.latest, migrations })
}
