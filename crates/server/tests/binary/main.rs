//! The promises of the binary as a process: its messages and exit codes, its start, its stop, its data.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod command_line;
mod embedded;
mod events;
mod external;
mod process;
mod watching;
