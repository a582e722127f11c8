//! Statements as `pg_stat_statements` of a monitored database counts them: over any interval, by what they cost, and
//! with the plan that one would get.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Unavailable};

/// How many statements a list holds when nobody says.
pub const DEFAULT_STATEMENTS: u32 = 20;

/// By what statements are ordered, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StatementOrder {
    /// Time of all calls together.
    #[default]
    Total,
    /// Time of one call.
    Mean,
    Calls,
    Rows,
    /// Blocks of tables and indexes, from memory or not.
    Blocks,
    /// Temporary files, written and read.
    Temp,
    /// What it wrote to the write-ahead log.
    Wal,
}

impl StatementOrder {
    pub const ALL: [Self; 7] =
        [Self::Total, Self::Mean, Self::Calls, Self::Rows, Self::Blocks, Self::Temp, Self::Wal];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Mean => "mean",
            Self::Calls => "calls",
            Self::Rows => "rows",
            Self::Blocks => "blocks",
            Self::Temp => "temp",
            Self::Wal => "wal",
        }
    }

    /// What a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Total => "Total time",
            Self::Mean => "Time per call",
            Self::Calls => "Calls",
            Self::Rows => "Rows",
            Self::Blocks => "Blocks",
            Self::Temp => "Temporary files",
            Self::Wal => "WAL",
        }
    }
}

impl fmt::Display for StatementOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an order of statements")]
pub struct UnknownStatementOrder;

impl FromStr for StatementOrder {
    type Err = UnknownStatementOrder;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|order| order.as_str() == text).ok_or(UnknownStatementOrder)
    }
}

/// Which statements, over which time, in which order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementsQuery {
    /// None: those of every connection.
    pub connection_ids: Vec<ConnectionId>,
    /// With neither `from` nor `to`: the last 24 h, and since the counters began where there is one reading only.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub order_by: StatementOrder,
    /// 1 to 500; `None` is 20.
    pub limit: Option<u32>,
}

/// What one statement cost over an interval. The text is hostile: show it as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExpensiveStatement {
    pub connection_id: ConnectionId,
    /// As text: a 64-bit id does not fit a JavaScript number.
    pub query_id: String,
    pub query: Option<String>,
    pub user: Option<String>,
    pub database: Option<String>,
    pub calls: i64,
    pub total_ms: f64,
    pub mean_ms: f64,
    /// The server keeps the shortest and longest since its counters began: of an interval they are known where they
    /// were reached in it.
    pub min_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub stddev_ms: f64,
    pub rows: i64,
    /// Its part of the time of all statements of this connection.
    pub share_ratio: Option<f64>,
    pub shared_hit_ratio: Option<f64>,
    pub shared_read_bytes: i64,
    pub temp_bytes: i64,
    pub wal_bytes: Option<i64>,
    /// Since when this was counted; `None` where the server does not say.
    pub since: Option<DateTime<Utc>>,
    pub unavailable: Unavailable,
}

/// Whether the statements of a connection can be read; if not, why and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatementSource {
    pub connection_id: ConnectionId,
    pub available: bool,
    pub reason: Option<String>,
    pub fix_sql: Option<String>,
}

/// The most expensive statements, and of which connections they can be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatementsPage {
    pub items: Vec<ExpensiveStatement>,
    pub total: u64,
    /// Always `None`: ask for more with `limit`.
    pub next: Option<String>,
    pub sources: Vec<StatementSource>,
}

/// The plan that a statement would get, whatever its parameters. Both texts are hostile: show them as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatementPlan {
    pub connection_id: ConnectionId,
    pub query_id: String,
    pub query: String,
    /// As `EXPLAIN (GENERIC_PLAN)` writes it: lines, indented.
    pub plan: String,
    pub taken_at: DateTime<Utc>,
}

/// What makes a statement the same one in two readings of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatementKey {
    pub database_oid: u32,
    pub user_oid: u32,
    pub query_id: i64,
    /// Sent by a client, not by a function.
    pub toplevel: bool,
}

/// What a statement cost in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StatementCost {
    pub calls: i64,
    pub total_ms: f64,
    /// The sum of the squared times (ms²).
    pub squares: f64,
    pub rows: i64,
    pub shared_hit_bytes: i64,
    pub shared_read_bytes: i64,
    pub temp_bytes: i64,
    /// `None` before version 1.8 of the extension.
    pub wal_bytes: Option<i64>,
    /// Where it was reached in this interval.
    pub min_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// What was counted between two readings.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementInterval {
    /// `None`: the server does not say since when it counts; only of a cumulative one.
    pub began_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// Not between two readings, but all that the server has counted so far.
    pub cumulative: bool,
    /// Of all statements together.
    pub calls: i64,
    pub total_ms: f64,
    /// The most expensive ones, by each order.
    pub statements: Vec<(StatementKey, StatementCost)>,
}

/// The text of a statement, made safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementText {
    pub key: StatementKey,
    pub user: String,
    pub database: String,
    pub query: String,
    /// Neither cut nor cleaned: it is what was run.
    pub complete: bool,
    /// The dashboard sent it.
    pub own: bool,
}
