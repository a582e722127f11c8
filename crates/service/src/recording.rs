//! What was measured goes into the history, and what it means into the findings.

use common::{
    Health, TestResult,
    health::{Check, CheckStatus, Severity},
};
use store::{FindingSource, NewFinding};

use crate::{Service, failure};

/// The check id of "it can be reached".
pub(crate) const REACHABLE: &str = "reachable";

/// Keeps a test. A measurement that cannot be kept is still shown to who asked for it; the log says so.
pub(crate) async fn test(service: &Service, result: &TestResult) {
    let kept = async {
        service.store().record_test(result).await?;
        let findings: Vec<_> = unreachable(result).into_iter().collect();
        let (id, at) = (result.connection_id, result.checked_at);
        service.store().set_findings(id, FindingSource::Test, &findings, at).await
    };
    if let Err(error) = kept.await {
        not_kept(error);
    }
}

/// Keeps a health reading and the connect that it began with.
pub(crate) async fn health(service: &Service, reading: &probe::HealthReading) {
    test(service, &reading.test).await;
    let kept = async {
        let counters = reading.counters.as_ref().and_then(|counters| serde_json::to_value(counters).ok());
        service.store().record_health(&reading.health, counters.as_ref()).await?;
        // A database that could not be asked says nothing new of its checks: what was found stays found.
        if reading.health.error.is_some() {
            return Ok(());
        }
        let findings: Vec<_> = reading.health.checks.iter().filter_map(beyond_its_limit).collect();
        let (id, at) = (reading.health.connection_id, reading.health.checked_at);
        service.store().set_findings(id, FindingSource::Health, &findings, at).await
    };
    if let Err(error) = kept.await {
        not_kept(error);
    }
}

fn not_kept(error: store::StoreError) {
    // A connection that was deleted while it was asked: there is nothing to keep it for.
    if !matches!(error, store::StoreError::NotFound) {
        let problem = failure::from_store(error);
        tracing::error!(%problem, "a measurement was not kept");
    }
}

fn unreachable(result: &TestResult) -> Option<NewFinding> {
    let error = result.error.as_ref()?;
    Some(NewFinding {
        check_id: REACHABLE.to_owned(),
        severity: Severity::Critical,
        title: error.kind.headline().to_owned(),
        detail: format!("{} {}", error.message, error.hint).trim().to_owned(),
        fix_sql: None,
        docs_url: None,
    })
}

fn beyond_its_limit(check: &Check) -> Option<NewFinding> {
    let severity = match check.status {
        CheckStatus::Critical => Severity::Critical,
        CheckStatus::Warning => Severity::Warning,
        CheckStatus::Info => Severity::Info,
        CheckStatus::Ok | CheckStatus::Unavailable | CheckStatus::Skipped => return None,
    };
    Some(NewFinding {
        check_id: check.id.clone(),
        severity,
        title: check.title.clone(),
        detail: check.detail.clone(),
        fix_sql: check.fix_sql.clone(),
        docs_url: check.docs_url.clone(),
    })
}
