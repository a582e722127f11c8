//! `pg-dashboard` as a process of its own, in folders of its own, without the environment of the tests.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(60);
/// Ctrl-C and SIGTERM stop everything within this time.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A folder to run in: the working directory, and below it the data folder.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("pgd-").tempdir().unwrap();
        // When the tests run as root, PostgreSQL runs as another user, who must get through to the data folder.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pg-dashboard"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("PG_DASHBOARD_DATA", self.data())
            .env("PG_BIN", pg_bin())
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
        self.command(arguments).envs(environment.iter().copied()).output().unwrap().into()
    }

    /// Starts, and waits for the address.
    #[track_caller]
    pub(crate) fn serve(&self, environment: &[(&str, &str)]) -> Running {
        Running::start(self.command(&[]).envs(environment.iter().copied()))
    }
}

/// The programs of PostgreSQL 18 that npm brought.
fn pg_bin() -> PathBuf {
    let node_modules = std::env::var_os("PG_TEST_NODE_MODULES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../node_modules")),
        PathBuf::from,
    );
    pgserver::npm_package::aliased_bin_dir(&node_modules, "pg18")
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Outcome {
    /// Looks at what every refused start has in common, and answers its message.
    #[track_caller]
    pub(crate) fn message(&self) -> &str {
        assert!(!self.status.success(), "{self:?}");
        let said: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("pg-dashboard: ")).collect();
        assert_eq!(said.len(), 1, "one message: {self:?}");
        for noise in ["panicked", "RUST_BACKTRACE", "Error {", "Some("] {
            assert!(!self.stderr.contains(noise), "{noise} is not for people: {self:?}");
        }
        &self.stderr[self.stderr.find("pg-dashboard: ").unwrap()..]
    }
}

/// A dashboard that answers.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    log: mpsc::Receiver<String>,
}

impl Running {
    #[track_caller]
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            let _ = sender.send(text);
        });
        let stdout = child.stdout.take().unwrap();
        let (sender, addresses) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("http://") {
                    let _ = sender.send(format!("http://{address}"));
                }
            }
        });
        match addresses.recv_timeout(START_LIMIT) {
            Ok(address) => Self { child, address, log },
            Err(_) => {
                let _ = child.kill();
                let log = log.recv_timeout(STOP_LIMIT);
                panic!("it did not start: {}", log.unwrap_or_default());
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for an end that nobody asked for.
    pub(crate) fn end(mut self) -> Outcome {
        let status = self.child.wait().unwrap();
        let stderr = self.log.recv_timeout(STOP_LIMIT).unwrap_or_default();
        Outcome { status, stdout: String::new(), stderr }
    }

    /// Sends a signal by name (`TERM`, `INT`, `KILL`) and waits for the end: the exit status, how long it took, and what
    /// was logged.
    #[track_caller]
    pub(crate) fn stop(mut self, signal: &str) -> (ExitStatus, Duration, String) {
        let started = Instant::now();
        let sent =
            Command::new("kill").args([format!("-{signal}"), self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        let took = started.elapsed();
        (status, took, self.log.recv_timeout(STOP_LIMIT).unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
            let _ = self.child.wait();
        }
    }
}

/// A client for a dashboard's API.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
