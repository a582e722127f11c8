//! What was measured: raw rows that are kept, the newest reading of each connection, and since when what is wrong
//! has been wrong.

mod availability;
mod batch;
pub(crate) mod changes;
pub(crate) mod charts;
pub(crate) mod engine;
mod finding_list;
mod json;
mod latest;
mod loads;
pub(crate) mod maintenance;
pub(crate) mod measurement;
pub(crate) mod plans;
pub(crate) mod recent;
mod record;
mod resolution;
mod sizes;
pub(crate) mod statement_list;
mod statement_times;
pub(crate) mod statements;
mod words;

/// The check id under which a failed test stands among the findings.
pub(crate) const CONNECTION_FINDING: &str = "connection";

/// Milliseconds as the whole microseconds that are kept. What does not fit (35 min) stands at the end of the range.
fn micros(ms: f64) -> i32 {
    // A cast of a float saturates, and takes not-a-number as 0.
    (ms * 1000.0).round() as i32
}
