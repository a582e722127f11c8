//! Running other programs: quietly with their output in a log, or with their output shown.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::duration;
use crate::paths;
use crate::say;
use crate::stop::{Outcome, Stop, While};

/// What is shown of a log when its program failed.
const LINES_SHOWN_ON_FAILURE: usize = 40;

/// A program with our PATH, in the workspace's root.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(paths::root()).env("PATH", paths::search_path());
    // Passed on by `cargo run`; a cargo below would take them for its own.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn cargo() -> Command {
    let mut command = program("cargo");
    command.env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

/// npm is a script on Windows, which `Command` finds only by its full name.
pub(crate) fn npm() -> Command {
    program(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// Standard output of a program that answers at once, such as `node --version`; `None` when it is missing or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs with the terminal given to the program: for what people want to read as it happens.
pub(crate) fn shown(command: &mut Command) -> Outcome {
    let name = name_of(command);
    let status = command.status().doing(format_args!("starting {name}"))?;
    if status.success() { Ok(()) } else { Err(Stop::new(format!("{name} failed ({status})"))) }
}

/// Runs with everything printed going to `target/xtask/<log>.log`. Meanwhile the last line is shown from time to time,
/// and on failure the end of the log.
pub(crate) fn logged(command: &mut Command, log: &str) -> Outcome {
    let name = name_of(command);
    let log_path = paths::logs().join(format!("{log}.log"));
    std::fs::create_dir_all(paths::logs()).doing("making the folder target/xtask")?;
    let mut log_file = File::create(&log_path).doing(format_args!("writing {}", log_path.display()))?;
    writeln!(log_file, "$ {command:?}").doing("writing the log")?;

    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing(format_args!("starting {name}"))?;
    let (sender, lines) = mpsc::channel();
    forward(child.stdout.take(), sender.clone());
    forward(child.stderr.take(), sender);

    let mut heartbeat = Heartbeat::new();
    loop {
        match lines.recv_timeout(Duration::from_millis(500)) {
            Ok(line) => {
                writeln!(log_file, "{line}").doing("writing the log")?;
                heartbeat.heard(&line);
            }
            Err(RecvTimeoutError::Timeout) => heartbeat.beat(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    heartbeat.clear();
    let status = child.wait().doing(format_args!("waiting for {name}"))?;
    if status.success() { Ok(()) } else { Err(failure(&name, &log_path)) }
}

fn forward(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        // By bytes: a compiler may quote a source that is not UTF-8.
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(1..)) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

fn failure(name: &str, log_path: &Path) -> Stop {
    let log = std::fs::read_to_string(log_path).unwrap_or_default();
    let shown: String = telling_lines(&log).iter().map(|line| format!("      | {line}\n")).collect();
    Stop::new(format!("{name} failed. It said:\n{shown}      All of it: {}", log_path.display()))
}

/// From the first error that a compiler told, or the end where none did.
fn telling_lines(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    let first_error =
        lines.iter().position(|line| line.starts_with("error") && !line.starts_with("error: could not"));
    let from = first_error.unwrap_or(lines.len().saturating_sub(LINES_SHOWN_ON_FAILURE));
    lines.into_iter().skip(from).take(LINES_SHOWN_ON_FAILURE).collect()
}

/// `cargo build` of `cargo build --package …`: enough to know what failed.
fn name_of(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let arguments = command.get_args().take(2).map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Shows that work goes on: in place on a terminal, and a line every half minute in a log.
struct Heartbeat {
    started: Instant,
    shown: Instant,
    last_line: String,
    compiled: u32,
    terminal: bool,
}

impl Heartbeat {
    fn new() -> Self {
        let now = Instant::now();
        let terminal = std::io::stdout().is_terminal();
        Self { started: now, shown: now, last_line: String::new(), compiled: 0, terminal }
    }

    fn heard(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if line.trim_start().starts_with("Compiling ") || line.trim_start().starts_with("Checking ") {
            self.compiled += 1;
        }
        self.last_line = line.trim().chars().filter(|character| !character.is_control()).take(70).collect();
        self.beat();
    }

    fn beat(&mut self) {
        let pause = Duration::from_secs(if self.terminal { 1 } else { 30 });
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let elapsed = duration::words(self.started.elapsed());
        let count =
            if self.compiled > 0 { format!(", {} crates so far", self.compiled) } else { String::new() };
        let line = format!("      {elapsed}{count}: {}", self.last_line);
        if self.terminal {
            say::print(&format!("\r\x1b[2K{line}"));
        } else {
            say!("{line}");
        }
    }

    fn clear(&self) {
        if self.terminal {
            say::print("\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told_and_otherwise_the_end() {
        let chatter = "   Compiling x\n".repeat(100);
        let told = format!("{chatter}error[E0308]: mismatched types\n --> a.rs\n{chatter}");
        assert_eq!(telling_lines(&told)[..2], ["error[E0308]: mismatched types", " --> a.rs"]);
        assert_eq!(telling_lines(&format!("{chatter}killed"))[LINES_SHOWN_ON_FAILURE - 1], "killed");
    }
}
