//! A server that an earlier dashboard left behind when it was killed.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{AtPath, PgServerError};
use crate::os::{self, Shutdown};
use crate::postmaster_pid::PostmasterPid;

/// Stops a server that still runs on this data directory, and removes what would keep the next one from starting.
/// To be called by the owner of the data folder only.
pub(crate) fn stop_orphan(data: &Path) -> Result<(), PgServerError> {
    let Some(left) = PostmasterPid::read(data) else { return Ok(()) };
    if !left.is_running_on(data) {
        return remove_stale_file(data, &left);
    }
    tracing::warn!(pid = left.pid, folder = %data.display(), "stopping the PostgreSQL that an earlier dashboard left running");
    for (how, within) in [
        (Shutdown::Fast, Duration::from_secs(10)),
        (Shutdown::Immediate, Duration::from_secs(5)),
        (Shutdown::Kill, Duration::from_secs(5)),
    ] {
        // it may have ended just now, and what cannot be signalled is told below
        let _ = os::signal(left.pid, how);
        let until = Instant::now() + within;
        while Instant::now() < until {
            if !left.is_running_on(data) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    Err(PgServerError::Orphan { pid: left.pid, folder: data.to_owned() })
}

/// PostgreSQL takes over a stale file itself, except where its process id now belongs to another program of the
/// same user (after a reboot, in a container): then it refuses to start.
fn remove_stale_file(data: &Path, left: &PostmasterPid) -> Result<(), PgServerError> {
    if !os::is_alive(left.pid) {
        return Ok(());
    }
    let file = data.join("postmaster.pid");
    fs::remove_file(&file).at("remove", &file)
}
