//! What the tests of the other crates run against: real PostgreSQL servers by version, with and without TLS,
//! a real TimescaleDB, certificates made on the spot, a real PgBouncer, and servers that misbehave. For tests only.
//!
//! Everything listens on loopback, picks a free port, and is gone when its guard is dropped, also when the test
//! process is killed.

// Only tests use this crate: what cannot be set up ends the test where it stands, and says why.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod certs;
mod cluster;
pub mod faulty;
pub mod many_tables;
pub mod pgbouncer;
mod standby;
mod template;
mod timescale;
mod version;
mod watchdog;

pub use cluster::{Builder, Cluster};
pub use timescale::Timescale;
pub use version::Version;
