//! One running server process: started, waited for, watched, stopped.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::text::clean;
use tokio::sync::watch;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::write_settings;
use crate::error::{AtPath, PgServerError};
use crate::os::{self, Shutdown};
use crate::postmaster_pid::PostmasterPid;

/// How often a starting or stopping process is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How many ports are tried: another program may take a free one before PostgreSQL does.
const PORTS_TRIED: u32 = 10;
/// How long the remains of a killed server (its sessions, its shared memory) may take to go.
const REMAINS_GO_WITHIN: Duration = Duration::from_secs(10);

/// How to start a server on 127.0.0.1.
#[derive(Debug)]
pub struct Launch<'a> {
    pub binaries: &'a Binaries,
    pub account: &'a Account,
    /// The data directory.
    pub data: &'a Path,
    /// What the server says is appended here.
    pub log: &'a Path,
    /// The port to try first.
    pub port: Option<u16>,
    pub settings: Vec<(String, String)>,
    /// After a crash a start replays the write-ahead log first: minutes, if there is much of it.
    pub ready_within: Duration,
    /// Becomes true when nobody waits for the start any more; the server is stopped again.
    pub abandoned: &'a AtomicBool,
}

impl Launch<'_> {
    /// Starts the server and waits until it takes logins. Blocks.
    pub fn start(self) -> Result<Running, PgServerError> {
        let mut port = self.port;
        let mut ports_left = PORTS_TRIED;
        let remains_until = Instant::now() + REMAINS_GO_WITHIN;
        loop {
            let chosen = match port.take() {
                Some(port) if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() => port,
                _ => free_port()?,
            };
            match self.start_on(chosen) {
                Err(PgServerError::Start { last_lines, .. })
                    if ports_left > 1 && last_lines.contains("could not bind") =>
                {
                    ports_left -= 1;
                }
                Err(PgServerError::Start { last_lines, .. })
                    if last_lines.contains("pre-existing shared memory block")
                        && Instant::now() < remains_until =>
                {
                    port = Some(chosen);
                    thread::sleep(Duration::from_millis(200));
                }
                other => return other,
            }
        }
    }

    fn start_on(&self, port: u16) -> Result<Running, PgServerError> {
        let mut settings = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), port.to_string()),
            // a log file of ours takes what it says
            ("logging_collector".to_owned(), "off".to_owned()),
            ("log_destination".to_owned(), "stderr".to_owned()),
        ];
        settings.extend_from_slice(&self.settings);
        write_settings(self.data, &settings, self.account)?;
        let log = OpenOptions::new().create(true).append(true).open(self.log).at("open", self.log)?;
        // statements that failed stand in it
        os::set_mode(self.log, 0o600).at("set the permissions of", self.log)?;
        let log_starts_at = log.metadata().at("look at", self.log)?.len();
        let errors = log.try_clone().at("open", self.log)?;
        let mut command = self.account.command(&self.binaries.postgres(), self.data);
        command.arg("-D").arg(self.data).stdin(Stdio::null()).stdout(log).stderr(errors);
        os::own_group(&mut command);
        let child = command.spawn().map_err(|error| PgServerError::Unreachable {
            account: self.account.name().to_owned(),
            path: self.data.to_owned(),
            reason: error.to_string(),
        })?;
        let running = Running::watch(child, port, self.log)?;
        running.wait_until_ready(self, log_starts_at).inspect_err(|_| {
            running.stop(Shutdown::Immediate, Duration::from_secs(5));
        })?;
        Ok(running)
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
pub fn free_port() -> Result<u16, PgServerError> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    Ok(address.at("listen on", Path::new("127.0.0.1"))?.port())
}

/// A server that we started. Dropping it leaves the process alone: call [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    pid: u32,
    port: u16,
    log: PathBuf,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Running {
    /// A thread waits for the process, so that its end is noticed at once and leaves no zombie, whatever async
    /// runtime there is or is no more.
    fn watch(mut child: Child, port: u16, log: &Path) -> Result<Running, PgServerError> {
        let pid = child.id();
        let (ended, exit) = watch::channel(None);
        let wait = move || {
            ended.send_replace(child.wait().ok());
        };
        thread::Builder::new().name(format!("postgres-{pid}")).spawn(wait).at("start a thread for", log)?;
        Ok(Running { pid, port, log: log.to_owned(), exit })
    }

    fn wait_until_ready(&self, launch: &Launch<'_>, log_starts_at: u64) -> Result<(), PgServerError> {
        let started = Instant::now();
        let failed = |why: String| PgServerError::Start {
            why,
            log: self.log.clone(),
            last_lines: last_lines(&self.log, log_starts_at),
        };
        let mut told = Duration::from_secs(5);
        loop {
            if PostmasterPid::read(launch.data).is_some_and(|file| file.pid == self.pid && file.ready) {
                return Ok(());
            }
            if let Some(status) = self.ended() {
                return Err(failed(status));
            }
            if launch.abandoned.load(Ordering::SeqCst) {
                return Err(failed("it was interrupted".to_owned()));
            }
            if started.elapsed() > launch.ready_within {
                return Err(failed(format!("not ready after {} s", launch.ready_within.as_secs())));
            }
            if started.elapsed() > told {
                told += Duration::from_secs(10);
                tracing::info!(
                    seconds = started.elapsed().as_secs(),
                    "PostgreSQL is still starting (after a crash it repeats its log first)"
                );
            }
            thread::sleep(LOOK);
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How the process ended, in words, if it has.
    pub fn ended(&self) -> Option<String> {
        if let Some(status) = *self.exit.borrow() {
            return Some(status.to_string());
        }
        self.exit.has_changed().is_err().then(|| "it ended".to_owned())
    }

    /// Waits for the process to end, and says how.
    pub async fn wait(&self) -> String {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => status.map(|status| status.to_string()).unwrap_or_default(),
            Err(_) => "it ended".to_owned(),
        }
    }

    /// Asks the process to end and waits. `false`: it still runs. Blocks.
    pub fn stop(&self, how: Shutdown, within: Duration) -> bool {
        if self.ended().is_some() {
            return true;
        }
        // it may have ended just now: then the wait below sees it
        let _ = os::signal(self.pid, how);
        let until = Instant::now() + within;
        while self.ended().is_none() {
            if Instant::now() >= until {
                return false;
            }
            thread::sleep(LOOK);
        }
        true
    }
}

/// The end of what the server said since this start, made safe to show.
pub(crate) fn last_lines(log: &Path, from: u64) -> String {
    const MOST: u64 = 4_096;
    let read = || -> std::io::Result<String> {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(MOST))))?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "(it is empty)".to_owned();
    }
    lines[lines.len().saturating_sub(8)..].iter().map(|line| clean(line, 300)).collect::<Vec<_>>().join(" | ")
}
