//! Where log lines go: to standard error, so that standard output holds only what was asked for.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Begins to write log lines. `filter` was checked with the configuration.
pub(crate) fn begin(filter: &str) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(filter))
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .finish();
    // Set already: only in tests, where several servers share a process.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
