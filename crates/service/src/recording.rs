//! What was measured goes into the history.
//!
//! A measurement that cannot be kept is still shown to who asked for it; the log says that it was not kept.

use common::{TestResult, load::LoadReport};

use crate::{Service, failure, targets::TargetKey};

/// Keeps a test of a connection as it was at this version. Has its address changed since, the test is history only.
pub(crate) async fn test(service: &Service, of: &TargetKey, result: &TestResult) {
    if let Err(error) = service.store().record_test(result, of.version).await {
        not_kept(error);
    }
}

/// Keeps a health reading and the connect that it began with.
pub(crate) async fn health(service: &Service, of: &TargetKey, reading: &probe::HealthReading) {
    test(service, of, &reading.test).await;
    let memory = reading.memory.as_ref().and_then(|memory| serde_json::to_value(memory).ok());
    let kept = service.store().record_health(&reading.health, memory.as_ref(), of.version).await;
    if let Err(error) = kept {
        not_kept(error);
    }
    if let Some(found) = &reading.statements {
        statements(service, of, found).await;
    }
}

/// Keeps what a reading found of statements.
async fn statements(service: &Service, of: &TargetKey, found: &probe::StatementsReading) {
    let Ok(snapshot) = serde_json::to_string(&found.snapshot) else { return };
    let reading = store::StatementsReading {
        connection_id: of.id,
        taken_at: found.snapshot.taken_at(),
        snapshot,
        compared_with: found.compared_with,
        interval: found.interval.clone(),
        texts: found.texts.clone(),
    };
    if let Err(error) = service.store().record_statements(&reading, of.version).await {
        not_kept(error);
    }
}

/// Keeps a load test that had something to measure.
pub(crate) async fn load(service: &Service, of: &TargetKey, report: &LoadReport) {
    if report.has_begun()
        && let Err(error) = service.store().record_load(report, of.version).await
    {
        not_kept(error);
    }
}

fn not_kept(error: store::StoreError) {
    let problem = failure::from_store(error);
    tracing::error!(%problem, "a measurement was not kept");
}
