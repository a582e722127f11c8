//! Load tests: what is asked for, how far one is, and what came of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ConnectionId, FieldError, Problem, Reason, TestError, TestErrorKind, Unavailable,
    draft::JsonReader,
    job::{Job, JobResult, JobState},
    plannable::{PLANNABLE, has_plan},
};

pub const MAX_CONNECTIONS: u32 = 200;
pub const MAX_DURATION_S: f64 = 300.0;
pub const MAX_RATE_PER_S: f64 = 100_000.0;
/// A test that takes longer than this is always a job.
pub const INLINE_DURATION_S: f64 = 30.0;
pub const MAX_STATEMENT: usize = 10_000;
/// What is asked unless something else is said.
pub const DEFAULT_STATEMENT: &str = "select 1";

/// A load test as it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadRequest {
    /// Sessions at the same time, 1 to 200.
    pub connections: u32,
    /// 1 to 300.
    pub duration_s: f64,
    /// Requests that fall due each second, over all connections; without it each connection asks again as soon as it
    /// has its answer.
    pub rate_per_s: Option<f64>,
    /// Over how many seconds the sessions (and the rate) grow to their full number; at most the duration.
    pub ramp_s: f64,
    /// One statement instead of `select 1`. Only where the connection allows it.
    pub statement: Option<String>,
}

impl Default for LoadRequest {
    fn default() -> Self {
        Self { connections: 10, duration_s: 10.0, rate_per_s: None, ramp_s: 0.0, statement: None }
    }
}

impl LoadRequest {
    /// Reads the body of `POST /api/test/load/{id}`. Wrong types, unknown fields and broken rules are told together.
    pub fn from_json(body: &Value) -> Result<Self, Vec<FieldError>> {
        let mut reader = JsonReader::of(body)?;
        let defaults = Self::default();
        // What does not fit is out of range as well.
        let connections = reader.integer("connections").map(|count| u32::try_from(count).unwrap_or(0));
        let request = Self {
            connections: connections.unwrap_or(defaults.connections),
            duration_s: reader.number("duration_s").unwrap_or(defaults.duration_s),
            rate_per_s: reader.number("rate_per_s"),
            ramp_s: reader.number("ramp_s").unwrap_or(defaults.ramp_s),
            statement: reader.text("statement"),
        };
        let ruled = request.validate().map(|()| request);
        reader.finish(ruled)
    }

    pub fn mode(&self) -> LoadMode {
        if self.rate_per_s.is_some() { LoadMode::Open } else { LoadMode::Closed }
    }

    /// All that is out of range, together.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut refuse = |field: &str, code: &str, message: String| {
            errors.push(FieldError { field: field.to_owned(), code: code.to_owned(), message });
        };
        if !(1..=MAX_CONNECTIONS).contains(&self.connections) {
            refuse("connections", "range", format!("From 1 to {MAX_CONNECTIONS}."));
        }
        if !(1.0..=MAX_DURATION_S).contains(&self.duration_s) {
            refuse("duration_s", "range", format!("From 1 to {MAX_DURATION_S} seconds."));
        }
        if self.rate_per_s.is_some_and(|rate| !(0.1..=MAX_RATE_PER_S).contains(&rate)) {
            refuse("rate_per_s", "range", format!("From 0.1 to {MAX_RATE_PER_S} requests a second."));
        }
        if !(0.0..=self.duration_s.clamp(0.0, MAX_DURATION_S)).contains(&self.ramp_s) {
            refuse("ramp_s", "range", "From 0 to the duration of the test.".to_owned());
        }
        if let Some(statement) = &self.statement {
            if statement.trim().is_empty() {
                refuse("statement", "empty", "Write a statement, or leave it out for select 1.".to_owned());
            } else if statement.len() > MAX_STATEMENT {
                refuse("statement", "too_long", format!("At most {MAX_STATEMENT} bytes."));
            } else if statement.contains('\0') {
                refuse("statement", "invalid", "It holds a NUL character.".to_owned());
            } else if !has_plan(statement) {
                refuse(
                    "statement",
                    "no_plan",
                    format!("Only {PLANNABLE}: others leave what no rollback takes back."),
                );
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// Whether a request waits for the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LoadMode {
    /// Each connection asks again when it has its answer.
    Closed,
    /// Requests fall due at a rate; latency counts from when one was due, so that a stalled server shows.
    Open,
}

impl LoadMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// Times of many requests, from a histogram of three significant digits. `None` where nothing succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadLatency {
    pub min_ms: Option<f64>,
    pub avg_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub stddev_ms: Option<f64>,
}

/// One second of a load test. A request counts in the second in which its answer came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadSecond {
    pub second: u32,
    pub requests: u64,
    pub failed: u64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// Whether the dashboard's own machine was the limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadClient {
    /// Processor time of this process over the time of the test and all cores that it may use; `None` where the
    /// system does not tell.
    pub cpu_ratio: Option<f64>,
    /// How late requests were sent that fell due while a session was free (99 %): this machine's doing, not the
    /// server's. `None` when no rate was given.
    pub lag_p99_ms: Option<f64>,
    /// The numbers say more about this machine than about the server.
    pub limited: bool,
    /// Why it was the limit, in a sentence.
    pub detail: Option<String>,
}

/// What a load test measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadReport {
    pub connection_id: ConnectionId,
    pub started_at: DateTime<Utc>,
    pub mode: LoadMode,
    pub connections: u32,
    pub rate_per_s: Option<f64>,
    pub ramp_s: f64,
    /// What was asked, as it was given; `select 1` by default.
    pub statement: String,
    /// Whether the way led through a pooler.
    pub pooler: bool,
    /// As long as it ran: shorter than asked for when it was cancelled, longer when answers were waited for at the end.
    pub duration_s: f64,
    pub requests: u64,
    pub succeeded: u64,
    /// Requests without an answer, or with an error as their answer. Of a test with a rate also those that fell due and
    /// found no free session to the end.
    pub failed: u64,
    /// Sessions that could not be opened, and those that ended by themselves between two requests.
    pub sessions_failed: u64,
    /// By kind, as in tests: of requests and of sessions together.
    pub errors: BTreeMap<TestErrorKind, u64>,
    /// The first failure in words; where no request was sent at all, why the test could not begin.
    pub error: Option<TestError>,
    /// Requests that succeeded.
    pub throughput_per_s: f64,
    /// Of requests that succeeded; connecting is apart. A statement of one's own counts with the `begin` before it.
    pub latency: LoadLatency,
    /// From the first packet to the first answer, of each session.
    pub connect: LoadLatency,
    pub timeline: Vec<LoadSecond>,
    pub client: LoadClient,
    pub cancelled: bool,
    pub unavailable: Unavailable,
}

impl LoadReport {
    /// Of a test that could not begin, because of `error`.
    pub fn not_begun(
        connection_id: ConnectionId,
        started_at: DateTime<Utc>,
        request: &LoadRequest,
        error: TestError,
    ) -> Self {
        let unmeasured = ["latency", "connect", "client.cpu_ratio", "client.lag_p99_ms"];
        Self {
            connection_id,
            started_at,
            mode: request.mode(),
            connections: request.connections,
            rate_per_s: request.rate_per_s,
            ramp_s: request.ramp_s,
            statement: request.statement.clone().unwrap_or_else(|| DEFAULT_STATEMENT.to_owned()),
            pooler: false,
            duration_s: 0.0,
            requests: 0,
            succeeded: 0,
            failed: 0,
            sessions_failed: 1,
            errors: [(error.kind, 1)].into(),
            error: Some(error),
            throughput_per_s: 0.0,
            latency: LoadLatency::default(),
            connect: LoadLatency::default(),
            timeline: Vec::new(),
            client: LoadClient { cpu_ratio: None, lag_p99_ms: None, limited: false, detail: None },
            cancelled: false,
            unavailable: unmeasured.map(|value| (value.to_owned(), Reason::new("not_measured"))).into(),
        }
    }

    /// Whether there is anything to compare: a session was open, and was asked.
    pub fn has_begun(&self) -> bool {
        self.requests > 0 || !self.timeline.is_empty()
    }
}

/// A load test that is under way, or that ended within the last hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadJob {
    pub id: String,
    pub connection_id: ConnectionId,
    pub state: JobState,
    pub progress_ratio: f64,
    pub message: String,
    pub started_at: Option<DateTime<Utc>>,
    /// What was measured so far; once it is over, all of it. Nothing in the first second.
    pub report_so_far: Option<LoadReport>,
    /// Once it failed.
    pub error: Option<Problem>,
}

impl LoadJob {
    /// `None`: a job of another kind.
    pub fn of(job: Job) -> Option<Self> {
        let Job { id, kind, connection_id, state, progress_ratio, message, started_at, .. } = job;
        if kind != Job::LOAD {
            return None;
        }
        let done = match job.result {
            Some(JobResult::Load(report)) => Some(report),
            _ => None,
        };
        Some(Self {
            id,
            connection_id: connection_id?,
            state,
            progress_ratio,
            message,
            started_at,
            report_so_far: done.or(job.report_so_far),
            error: job.error,
        })
    }
}

/// A load test with the one before it on the same connection, and its like through the pooler (or around it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoadComparison {
    pub last: Option<LoadReport>,
    pub before: Option<LoadReport>,
    /// Of another connection that leads to the same database by another way, the last of the same kind.
    pub other_way: Option<OtherWay>,
}

/// The same database by another address: through a pooler, or around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OtherWay {
    pub connection_id: ConnectionId,
    pub connection_name: String,
    /// Whether that way leads through a pooler.
    pub pooler: bool,
    pub report: Option<LoadReport>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named_all_together() {
        let wrong = LoadRequest {
            connections: 201,
            duration_s: f64::NAN,
            rate_per_s: Some(0.0),
            ramp_s: -1.0,
            statement: Some(" ".to_owned()),
        };
        let fields: Vec<String> =
            wrong.validate().unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["connections", "duration_s", "rate_per_s", "ramp_s", "statement"]);
        assert_eq!(LoadRequest::default().validate(), Ok(()));
    }

    #[test]
    fn only_statements_that_a_rollback_takes_back_may_be_run() {
        let fault = |statement: &str| {
            let request = LoadRequest { statement: Some(statement.to_owned()), ..LoadRequest::default() };
            request.validate().err().map(|errors| (errors[0].field.clone(), errors[0].code.clone()))
        };
        for statement in ["select 2", "table t", "/* of the app */ with x as (select 1) select * from x"] {
            assert_eq!(fault(statement), None, "{statement}");
        }
        for statement in
            ["prepare transaction 'x'", "prepare p as select 1", "lock table t", "do $$begin end$$", "commit"]
        {
            assert_eq!(fault(statement), Some(("statement".to_owned(), "no_plan".to_owned())), "{statement}");
        }
    }

    #[test]
    fn a_body_is_read_with_its_defaults_and_refused_with_all_that_is_wrong() {
        use serde_json::json;
        assert_eq!(LoadRequest::from_json(&json!({})), Ok(LoadRequest::default()));
        let asked = json!({"connections": 2, "duration_s": 5, "rate_per_s": 10.5, "ramp_s": 1, "statement": "select 2"});
        let request = LoadRequest::from_json(&asked).unwrap();
        assert_eq!((request.connections, request.duration_s, request.mode()), (2, 5.0, LoadMode::Open));
        let wrong = json!({"connections": 4_294_967_297_i64, "duration_s": "10", "threads": 4});
        let faults: Vec<(String, String)> = LoadRequest::from_json(&wrong)
            .unwrap_err()
            .into_iter()
            .map(|error| (error.field, error.code))
            .collect();
        let fault = |field: &str, code: &str| (field.to_owned(), code.to_owned());
        assert_eq!(
            faults,
            [fault("duration_s", "type"), fault("threads", "unknown"), fault("connections", "range")]
        );
    }
}
