//! Work that takes longer than a request: it has progress, can be cancelled, and is still there after a reload.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Problem, load::LoadReport, test_result::AllRegions};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What a job came to, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
// One of each kind is not kept beside another: a box would only be one more thing to open.
#[allow(clippy::large_enum_variant)]
pub enum JobResult {
    AllRegions(AllRegions),
    Load(LoadReport),
}

/// A job and, once it is done, its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    pub id: String,
    /// `all-regions`, `load`.
    pub kind: String,
    /// Whom it is about, where it is about one connection.
    pub connection_id: Option<ConnectionId>,
    pub state: JobState,
    pub progress_ratio: f64,
    pub message: String,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Once it is over; of a load test also when it was cancelled.
    pub result: Option<JobResult>,
    /// What a load test has measured so far.
    pub report_so_far: Option<LoadReport>,
    pub error: Option<Problem>,
}

impl Job {
    pub const ALL_REGIONS: &str = "all-regions";
    pub const LOAD: &str = "load";
}

/// What a request that became a job answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobStarted {
    pub job: Job,
}
