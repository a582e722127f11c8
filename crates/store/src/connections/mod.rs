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
mod names;
mod naming;
mod rows;
pub(crate) mod standings;
pub(crate) mod target;
