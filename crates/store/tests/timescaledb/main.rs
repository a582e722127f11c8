//! What the store promises of the history, once more, where TimescaleDB keeps it: the same tests as in `tests/store`, and those
//! of what only TimescaleDB has.

// Only tests are here, and fixtures for them; not all of them are used by the tests that are shared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, dead_code)]

#[path = "../store/batch.rs"]
mod batch;
#[path = "../store/charts.rs"]
mod charts;
mod conversion;
#[path = "../store/history.rs"]
mod history;
mod policies;
#[path = "../store/rollups.rs"]
mod rollups;
#[path = "../store/support.rs"]
mod support;

/// What [`support::Fixture`] opens.
const ENGINE: support::TestEngine = support::TestEngine::Timescaledb;
