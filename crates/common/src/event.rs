//! What happened just now, for every open page: `GET /api/events`.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ConnectionId;

/// The `event:` of a server-sent event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventKind {
    ConnectionCreated,
    ConnectionUpdated,
    ConnectionDeleted,
    ConnectionTestPassed,
    ConnectionTestFailed,
    /// A check could not even begin: its password cannot be opened, its turn was missed.
    ConnectionError,
    Health,
    Job,
    Change,
    Alert,
    /// Events were lost to this reader: whatever it shows must be read anew.
    Resync,
}

impl EventKind {
    pub const ALL: [Self; 11] = [
        Self::ConnectionCreated,
        Self::ConnectionUpdated,
        Self::ConnectionDeleted,
        Self::ConnectionTestPassed,
        Self::ConnectionTestFailed,
        Self::ConnectionError,
        Self::Health,
        Self::Job,
        Self::Change,
        Self::Alert,
        Self::Resync,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionCreated => "connection-created",
            Self::ConnectionUpdated => "connection-updated",
            Self::ConnectionDeleted => "connection-deleted",
            Self::ConnectionTestPassed => "connection-test-passed",
            Self::ConnectionTestFailed => "connection-test-failed",
            Self::ConnectionError => "connection-error",
            Self::Health => "health",
            Self::Job => "job",
            Self::Change => "change",
            Self::Alert => "alert",
            Self::Resync => "resync",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of event")]
pub struct UnknownEventKind;

impl FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownEventKind)
    }
}

/// One event, as every replica tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// The `id:`. Opaque; grows.
    pub id: String,
    pub kind: EventKind,
    pub data: EventData,
}

/// The `data:` of an event: what a page shows at once without asking again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventData {
    /// None of what is about all of them (a job, a resync).
    pub connection_id: Option<ConnectionId>,
    pub at: DateTime<Utc>,
    /// What belongs to this kind: of a test `ok`, `round_trip_ms`, `p50_ms`, `p95_ms`, `error` (a few words); of health
    /// `health` (its status), `score`, `headline`; of both `status` and `was`, how the connection stands and stood; of a
    /// change `kind`, `subject`; of a job `id`, `kind`, `state`, `progress_ratio`, `message`; of a connection that was
    /// changed its `version`, of one that came back `restored`.
    pub details: Map<String, Value>,
}
