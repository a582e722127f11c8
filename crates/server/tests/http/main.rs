//! The promises of the HTTP interface, against the real router, a real PostgreSQL of its own and real targets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod connections;
mod dashboard;
mod events;
mod guard;
mod history;
mod load;
mod pages;
mod refusals;
mod statements;
mod targets;
