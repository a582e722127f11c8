//! Connections: written under rules that need a transaction, read with all that a list shows.

pub(crate) mod change;
mod cursor;
mod delete;
mod fields;
mod get;
mod heartbeats;
pub(crate) mod idempotency;
mod insert;
mod list;
mod naming;
mod rows;
pub(crate) mod standings;
pub(crate) mod target;

use std::time::Duration;

/// For how long a deleted connection can be restored.
pub const UNDO_WINDOW: Duration = Duration::from_secs(30);

/// The undo window in the type that times are reckoned with.
fn undo_window() -> chrono::TimeDelta {
    chrono::TimeDelta::seconds(UNDO_WINDOW.as_secs().cast_signed())
}
