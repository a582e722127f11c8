//! Ends a server whose test was killed. A killed process runs no destructor, so a shell waits beside it: its standard
//! input is a pipe from us, which the system closes with us, however we end.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Stop (as PostgreSQL's immediate shutdown), give it five seconds, then kill; then remove the folder.
const SCRIPT: &str = r#"
read -r _
kill -QUIT "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
kill -KILL "$1" 2>/dev/null
rm -rf -- "$2"
"#;

#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Ends `pid` and removes `folder` when this process is gone.
    pub(crate) fn over(pid: u32, folder: &Path) -> io::Result<Watchdog> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "pg-testkit-watchdog", &pid.to_string()]).arg(folder);
        // no output of ours: a test runner waits for whoever holds its pipes
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        #[cfg(unix)]
        {
            // a runner that times out kills the test's whole process group
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        Ok(Watchdog(command.spawn()?))
    }
}

impl Drop for Watchdog {
    /// Called when everything is cleaned up already.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
