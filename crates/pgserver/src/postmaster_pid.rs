//! `postmaster.pid`, where a running server says who it is (PostgreSQL source, `src/include/utils/pidfile.h`).

use std::fs;
use std::path::Path;

use crate::os;

/// What a server wrote of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostmasterPid {
    pub(crate) pid: u32,
    /// It takes logins now.
    pub(crate) ready: bool,
}

impl PostmasterPid {
    pub(crate) fn read(data: &Path) -> Option<PostmasterPid> {
        parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    /// Whether a server that runs now wrote the file of this data directory. After a reboot, or a kill, the id may
    /// belong to some other program.
    pub(crate) fn is_running_on(&self, data: &Path) -> bool {
        if !os::is_alive(self.pid) {
            return false;
        }
        if let Some(folder) = os::working_folder(self.pid) {
            return fs::canonicalize(data).is_ok_and(|data| data == folder);
        }
        os::command_line(self.pid)
            .is_some_and(|line| line.contains("postgres") && line.contains(&*data.to_string_lossy()))
    }
}

fn parse(text: &str) -> Option<PostmasterPid> {
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    // pid, data directory, start time, port, socket folder, listen address, shared memory, status
    let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
    Some(PostmasterPid { pid, ready })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_only_when_its_last_line_says_so() {
        let starting = "4711\n/data\n1700000000\n5432\n/run\n127.0.0.1\n  1 2\nstarting\n";
        assert_eq!(parse(starting), Some(PostmasterPid { pid: 4711, ready: false }));
        assert!(parse(&starting.replace("starting", "ready   ")).is_some_and(|file| file.ready));
        assert_eq!(parse("4711\n"), Some(PostmasterPid { pid: 4711, ready: false }));
        assert_eq!(parse(""), None);
    }
}
