//! What the store promises, on real PostgreSQL servers.

// Only tests are here, and fixtures for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod batch;
mod changes;
mod charts;
mod connections;
mod events;
mod history;
mod leases;
mod list;
mod loads;
mod opening;
mod partitions;
mod plans;
mod rollups;
mod secrets;
mod size;
mod statements;
mod support;

/// What [`support::Fixture`] opens.
const ENGINE: support::TestEngine = support::TestEngine::Native;
