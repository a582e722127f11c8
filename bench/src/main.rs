//! Benchmarks against the numbers of the design. What holds time is a ratio against a peer in the same run; a number that
//! is not reached is printed as a miss.
//!
//! Run by `cargo xtask bench NAME`, which builds it in release mode. Everything is real: servers from `testkit`, pgbench
//! and libpq from PostgreSQL's own packages. Linux only: what a server process costs is read from `/proc`.
// It prints for a living, and a benchmark that cannot go on stops.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod charts;
mod cpu;
mod history;
mod numbers;
mod peer;
mod probe;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Benchmarks against the numbers of the design")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The dashboard's own history: ingest, size, charts over 90 days, TimescaleDB beside the native engine.
    History {
        /// Only the parts whose names contain one of these: ingest, chart, api, timescale.
        parts: Vec<String>,
    },
    /// Asking monitored databases: `select 1`, connecting, the health check, the open-loop load test.
    Probe {
        /// Only the parts whose names contain one of these: select-1, connect, health, open-loop.
        parts: Vec<String>,
    },
    /// Watching: 1,000 databases every 10 s, and 300 of them dead.
    Watch {
        /// Only the parts whose names contain one of these: plain, dead, tls.
        parts: Vec<String>,
    },
    /// The process that `watch` measures.
    #[command(hide = true)]
    Dashboard,
    /// Drawing a chart in a browser, beside uPlot.
    Charts {
        /// Where the page's script was built.
        folder: PathBuf,
        chromium: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let reached = match arguments.what {
        What::History { parts } => history::run(&parts),
        What::Probe { parts } => probe::run(&parts),
        What::Watch { parts } => watch::run(&parts),
        What::Dashboard => {
            watch::dashboard::run();
            return ExitCode::SUCCESS;
        }
        What::Charts { folder, chromium } => charts::run(&folder, &chromium),
    };
    // A miss is printed, not failed: what was measured on one machine breaks no build.
    println!("\n{}", if reached { "every number was reached" } else { "not every number was reached" });
    ExitCode::SUCCESS
}
