//! What was measured goes into the history, by way of the spool: it is safe at once, and in the database a moment later.
//!
//! Who asked for a measurement gets it when lists show it as well, unless the database is away. One that cannot be kept is
//! still shown to who asked for it; the log says that it was not kept.

use common::{TestResult, load::LoadReport};
use store::{Kept, Measured, MeasuredHealth, Measurement};

use crate::{Service, failure, targets::TargetKey};

/// Keeps a test of a connection as it was at this version, and answers it as it is kept. Has the connection's address
/// changed since, the test is history only.
pub(crate) async fn test(service: &Service, of: &TargetKey, mut result: TestResult) -> TestResult {
    result.checked_at = service.0.order.place(of.id, result.checked_at);
    let kept = append(service, of, Measured::Test(Box::new(result.clone()))).await;
    visible(service, kept).await;
    result
}

/// [`test`] for which nobody waits.
pub(crate) async fn test_unseen(service: &Service, of: &TargetKey, mut result: TestResult) {
    result.checked_at = service.0.order.place(of.id, result.checked_at);
    append(service, of, Measured::Test(Box::new(result))).await;
}

/// Keeps a health reading and the connect that it began with, and answers it as it is kept.
pub(crate) async fn health(service: &Service, of: &TargetKey, reading: &mut probe::HealthReading) {
    let kept = health_unseen(service, of, reading).await;
    visible(service, kept).await;
}

/// [`health`] for which nobody waits.
pub(crate) async fn health_unseen(
    service: &Service,
    of: &TargetKey,
    reading: &mut probe::HealthReading,
) -> Option<Kept> {
    reading.test.checked_at = service.0.order.place(of.id, reading.test.checked_at);
    reading.health.checked_at = reading.test.checked_at;
    let memory = reading.memory.as_ref().and_then(|memory| serde_json::to_value(memory).ok());
    let health = MeasuredHealth { health: reading.health.clone(), memory };
    let (_, kept) = tokio::join!(
        append(service, of, Measured::Test(Box::new(reading.test.clone()))),
        append(service, of, Measured::Health(Box::new(health))),
    );
    if let Some(found) = &reading.statements {
        statements(service, of, found).await;
    }
    kept
}

async fn append(service: &Service, of: &TargetKey, measured: Measured) -> Option<Kept> {
    let kept = service.0.spool.append(Measurement { version: of.version, of: measured }).await;
    kept.inspect_err(|error| tracing::error!(%error, "a measurement was not kept")).ok()
}

/// Until lists show it.
async fn visible(service: &Service, kept: Option<Kept>) {
    if let Some(kept) = kept {
        service.0.spool.visible(kept).await;
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
