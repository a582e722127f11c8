//! What the overview asks, and no more than it shows: the whole types of the API would bring the code that reads them into
//! the first page's script. Times are microseconds, because a number needs no parser of dates.

use chrono::{
    DateTime, Utc,
    serde::{ts_microseconds, ts_microseconds_option},
};
use common::{
    ConnectionId, ConnectionStatus, HeartbeatStatus, Page, Problem,
    connection::{LatencySummary, ListQuery},
    database::{ConnectionCounts, FindingCounts, LatencyPercentiles},
    event::EventKind,
    health::{HealthStatus, Severity},
    job::{Job, JobResult, JobState},
    test_result::AllRegions,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::live::Event;
use crate::wire::PostJson as Json;

/// One connection as a row of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub id: ConnectionId,
    pub name: String,
    pub status: ConnectionStatus,
    /// `user@host`
    pub target: String,
    /// What stands below the name: why it is down or degraded; otherwise version and host.
    pub line: String,
    pub region: Option<String>,
    pub cloud_provider: Option<String>,
    /// The last 30, oldest first.
    pub checks: Vec<HeartbeatStatus>,
    pub latency: LatencySummary,
    /// `None`: never read.
    pub health: Option<Score>,
    #[serde(with = "ts_microseconds_option")]
    pub checked_at: Option<DateTime<Utc>>,
}

/// How many checks a row shows.
const CHECKS: usize = 30;

impl Row {
    /// What an event says of it. What an event does not hold is read soon after.
    pub(crate) fn note(&mut self, event: &Event, status: ConnectionStatus) {
        self.status = status;
        if event.kind == EventKind::Health {
            let score = event.number("score").map(|score| score as u8);
            let health = match status {
                ConnectionStatus::Down => HealthStatus::Down,
                ConnectionStatus::Degraded => HealthStatus::Warning,
                _ => HealthStatus::Ok,
            };
            self.health = Some(Score { status: health, score });
            return;
        }
        let check = match (event.kind, status) {
            (EventKind::ConnectionTestPassed, ConnectionStatus::Degraded) => HeartbeatStatus::Degraded,
            (EventKind::ConnectionTestPassed, _) => HeartbeatStatus::Up,
            _ => HeartbeatStatus::Down,
        };
        self.checks.push(check);
        let first = self.checks.len().saturating_sub(CHECKS);
        self.checks.drain(..first);
        self.latency = LatencySummary { p50_ms: event.number("p50_ms"), p95_ms: event.number("p95_ms") };
        self.checked_at = Some(event.at);
        if let Some(error) = event.text("error") {
            self.line = error;
        }
    }
}

/// The last health reading in two words. `score` is `None` when the database was down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub status: HealthStatus,
    pub score: Option<u8>,
}

/// All connections in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    pub connections: ConnectionCounts,
    pub availability: Availability,
    pub latency_ms: LatencyPercentiles,
    pub findings: FindingCounts,
    pub keeping: Keeping,
    #[serde(with = "ts_microseconds_option")]
    pub checked_at: Option<DateTime<Utc>>,
}

/// Whether what is measured is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keeping {
    /// The disk takes nothing: what is measured while the own database is away is lost.
    pub no_disk: bool,
    /// Measurements that were lost since the start.
    pub lost: i64,
}

/// The part of the checks that passed, from 0 to 1; `None` where there was no check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Availability {
    /// In the last 24 h.
    pub day: Option<f64>,
    /// In the last 7 days.
    pub week: Option<f64>,
    /// In the last 30 days.
    pub month: Option<f64>,
}

/// What needs a person, in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub connection_id: ConnectionId,
    pub connection_name: String,
    pub severity: Severity,
    pub title: String,
    pub detail: String,
    #[serde(with = "ts_microseconds")]
    pub since: DateTime<Utc>,
}

/// What a test of all connections came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    pub tested: u32,
    pub ok: u32,
    pub duration_ms: f64,
}

/// A test of all connections that takes longer than a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestJob {
    pub id: String,
    pub state: JobState,
    pub progress_ratio: f64,
    pub message: String,
    /// Once it is done.
    pub tested: Option<Tested>,
    /// Once it failed.
    pub problem: Option<Problem>,
}

/// A test of all connections: what it came to, or the job that it is when there are many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestAllAnswer {
    Done(Tested),
    Job(Box<TestJob>),
}

/// How each is made of what the API answers.
#[cfg(feature = "ssr")]
mod shown {
    use common::{Connection, ConnectionStatus, Page, database::DatabaseSummary};

    use super::{Availability, Finding, Keeping, Numbers, Row, Score};

    pub(super) fn page<T, U: From<T>>(Page { items, total, next }: Page<T>) -> Page<U> {
        Page { items: items.into_iter().map(U::from).collect(), total, next }
    }

    impl From<Connection> for Row {
        fn from(connection: Connection) -> Self {
            let line = second_line(&connection);
            let Connection { id, name, status, username, host, region, cloud_provider, .. } = connection;
            Self {
                id,
                name,
                status,
                target: format!("{username}@{host}"),
                line,
                region,
                cloud_provider,
                checks: connection.heartbeats.iter().map(|beat| beat.status).collect(),
                latency: connection.latency,
                health: connection.health.map(|health| Score { status: health.status, score: health.score }),
                checked_at: connection.last_check.map(|check| check.checked_at),
            }
        }
    }

    fn second_line(connection: &Connection) -> String {
        let check = connection.last_check.as_ref();
        match connection.status {
            ConnectionStatus::Down => {
                let error = check.and_then(|check| check.error.as_ref());
                error.map_or("Failed", |error| error.kind.headline()).to_owned()
            }
            ConnectionStatus::Degraded => {
                let why = connection.health.as_ref().map(|health| health.headline.clone());
                why.unwrap_or_else(|| "Needs attention".to_owned())
            }
            ConnectionStatus::Up | ConnectionStatus::Paused | ConnectionStatus::Unknown => {
                // `15.18 (Debian 15.18-1)`: where it was built matters only on its own page.
                let version = check
                    .and_then(|check| check.server_version.as_deref())
                    .and_then(|version| version.split_whitespace().next());
                let pooler = check.and_then(|check| check.pooler.as_ref()).map(|_| "pooler");
                let parts: Vec<&str> =
                    version.into_iter().chain(pooler).chain([connection.host.as_str()]).collect();
                parts.join(" · ")
            }
        }
    }

    impl From<DatabaseSummary> for Numbers {
        fn from(summary: DatabaseSummary) -> Self {
            let DatabaseSummary { connections, availability_ratio, latency_ms, findings, checked_at, .. } =
                summary;
            let ratio = |range| availability_ratio.get(range).copied().flatten();
            let availability = Availability { day: ratio("24h"), week: ratio("7d"), month: ratio("30d") };
            Self { connections, availability, latency_ms, findings, keeping: Keeping::default(), checked_at }
        }
    }

    impl From<common::health::Finding> for Finding {
        fn from(finding: common::health::Finding) -> Self {
            let common::health::Finding {
                connection_id,
                connection_name,
                severity,
                title,
                detail,
                since,
                ..
            } = finding;
            Self { connection_id, connection_name, severity, title, detail, since }
        }
    }
}

impl From<AllRegions> for Tested {
    fn from(AllRegions { tested, ok, duration_ms, .. }: AllRegions) -> Self {
        Self { tested, ok, duration_ms }
    }
}

impl From<Job> for TestJob {
    fn from(Job { id, state, progress_ratio, message, result, error, .. }: Job) -> Self {
        let tested = match result {
            Some(JobResult::AllRegions(all)) => Some(all.into()),
            Some(JobResult::Load(_)) | None => None,
        };
        Self { id, state, progress_ratio, message, tested, problem: error }
    }
}

#[server(prefix = "/rpc", endpoint = "list_connections", input = Json, output = Json)]
pub async fn list_connections(query: ListQuery) -> Result<Page<Row>, RpcError> {
    let (service, principal) = caller()?;
    service::connections::list(&service, &principal, query).await.map(shown::page).map_err(answer)
}

/// What needs a person, worst first.
#[server(name = ListFindings, prefix = "/rpc", endpoint = "findings", input = Json, output = Json)]
pub async fn findings(limit: u32) -> Result<Page<Finding>, RpcError> {
    let (service, principal) = caller()?;
    let query = service::findings::FindingQuery {
        severity: None,
        connection_id: None,
        limit: Some(limit),
        cursor: None,
    };
    service::findings::list(&service, &principal, query).await.map(shown::page).map_err(answer)
}

/// All connections in a few numbers.
#[server(name = ReadSummary, prefix = "/rpc", endpoint = "summary", input = Json, output = Json)]
pub async fn summary() -> Result<Numbers, RpcError> {
    let (service, principal) = caller()?;
    let summary = service::database::summary(&service, &principal).await.map_err(answer)?;
    let spool = service::database::spool(&service, &principal).map_err(answer)?;
    let keeping = Keeping { no_disk: spool.error.is_some(), lost: spool.dropped };
    Ok(Numbers { keeping, ..Numbers::from(summary) })
}

/// Brings back what was deleted; answers its name.
#[server(prefix = "/rpc", endpoint = "restore_connection", input = Json, output = Json)]
pub async fn restore_connection(id: ConnectionId) -> Result<String, RpcError> {
    let (service, principal) = caller()?;
    let restored = service::connections::restore(&service, &principal, id).await;
    restored.map(|connection| connection.name).map_err(answer)
}

/// Tests every connection that is not paused.
#[server(name = TestAll, prefix = "/rpc", endpoint = "test_all", input = Json, output = Json)]
pub async fn test_all() -> Result<TestAllAnswer, RpcError> {
    let (service, principal) = caller()?;
    let done = service::checks::all_regions(&service, &principal).await.map_err(answer)?;
    Ok(match done {
        service::checks::AllRegionsAnswer::Done(all) => TestAllAnswer::Done(all.into()),
        service::checks::AllRegionsAnswer::Job(job) => TestAllAnswer::Job(Box::new((*job).into())),
    })
}

#[server(name = GetJob, prefix = "/rpc", endpoint = "job", input = Json, output = Json)]
pub async fn job(id: String) -> Result<TestJob, RpcError> {
    let (service, principal) = caller()?;
    service::jobs::get(&service, &principal, &id).await.map(TestJob::from).map_err(answer)
}

#[server(name = CancelJob, prefix = "/rpc", endpoint = "cancel_job", input = Json, output = Json)]
pub async fn cancel_job(id: String) -> Result<TestJob, RpcError> {
    let (service, principal) = caller()?;
    service::jobs::cancel(&service, &principal, &id).await.map(TestJob::from).map_err(answer)
}
