//! What was measured goes into the history.
//!
//! A measurement that cannot be kept is still shown to who asked for it; the log says that it was not kept.

use std::time::Duration;

use common::TestResult;

use crate::{Service, failure};

/// How often history that is older than it is kept is looked for.
pub(crate) const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// Keeps a test.
pub(crate) async fn test(service: &Service, result: &TestResult) {
    if let Err(error) = service.store().record_test(result).await {
        not_kept(error);
    }
}

/// Keeps a health reading and the connect that it began with.
pub(crate) async fn health(service: &Service, reading: &probe::HealthReading) {
    test(service, &reading.test).await;
    let counters = reading.counters.as_ref().and_then(|counters| serde_json::to_value(counters).ok());
    if let Err(error) = service.store().record_health(&reading.health, counters.as_ref()).await {
        not_kept(error);
    }
}

fn not_kept(error: store::StoreError) {
    let problem = failure::from_store(error);
    tracing::error!(%problem, "a measurement was not kept");
}

/// Drops history that is older than `TIMESCALE_RETENTION_DAYS`.
pub(crate) async fn expire(service: &Service) {
    match service.store().expire_history(service.0.clock.now()).await {
        Ok(0) => {}
        Ok(rows) => tracing::info!(rows, "history older than its retention dropped"),
        Err(error) => {
            failure::from_store(error);
        }
    }
}
