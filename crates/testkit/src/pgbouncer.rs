//! A real PgBouncer before a cluster: Debian's package, as most people run it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgserver::Account;
use tempfile::TempDir;

use crate::certs::Issued;
use crate::cluster::Cluster;
use crate::template::short_folder;
use crate::watchdog::Watchdog;

/// When a server session goes back to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    Transaction,
    Session,
}

/// A running PgBouncer on 127.0.0.1 and a free port. It takes the cluster's superuser by SCRAM, who is its
/// administrator as well (database `pgbouncer`), and knows every database of the cluster.
#[derive(Debug)]
pub struct Bouncer {
    port: u16,
    process: Child,
    folder: TempDir,
    _watchdog: Watchdog,
}

/// A PgBouncer that is not like the others.
#[derive(Debug)]
pub struct Builder<'a> {
    cluster: &'a Cluster,
    mode: PoolMode,
    logins: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    tls: Option<Issued>,
}

impl Bouncer {
    /// Whether the program is there: not on every system that runs the tests.
    pub fn is_installed() -> bool {
        program().is_some()
    }

    /// # Panics
    /// When the program is not installed, or does not start.
    pub async fn start(cluster: &Cluster, mode: PoolMode) -> Bouncer {
        Bouncer::builder(cluster, mode).start().await
    }

    pub fn builder(cluster: &Cluster, mode: PoolMode) -> Builder<'_> {
        let logins = vec![(cluster.user().to_owned(), cluster.password().to_owned())];
        Builder { cluster, mode, logins, settings: Vec::new(), tls: None }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> String {
        fs::read_to_string(log_file(self.folder.path())).unwrap_or_default()
    }
}

impl Builder<'_> {
    /// One more role that may log in.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.logins.push((user.to_owned(), password.to_owned()));
        self
    }

    /// A role that may look into the console, and not change anything there.
    #[must_use]
    pub fn stats_user(self, user: &str) -> Self {
        self.setting("stats_users", user)
    }

    /// A line of the section `[pgbouncer]`; it replaces one of ours.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Offers TLS to its clients.
    #[must_use]
    pub fn tls(mut self, issued: &Issued) -> Self {
        self.tls = Some(issued.clone());
        self
    }

    pub async fn start(self) -> Bouncer {
        let program =
            program().expect("no pgbouncer on this system: install it (Debian: `apt install pgbouncer`)");
        let account = Account::for_servers().unwrap_or_else(|error| panic!("{error}"));
        let folder = short_folder("pgt-pool-");
        account.make_private_folder(folder.path()).unwrap();
        // another program may take the port before PgBouncer does
        for _ in 0..5 {
            let port = pgserver::free_port().unwrap();
            let ini = self.write_files(folder.path(), port, &account);
            let mut process = run(&program, &ini, folder.path(), &account);
            if takes_connections(&mut process, port).await {
                let watchdog = Watchdog::over(process.id(), folder.path()).unwrap();
                return Bouncer { port, process, folder, _watchdog: watchdog };
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        panic!(
            "pgbouncer does not start: {}",
            fs::read_to_string(log_file(folder.path())).unwrap_or_default()
        );
    }

    fn write_files(&self, folder: &Path, port: u16, account: &Account) -> PathBuf {
        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            fs::write(&file, text).unwrap();
            crate::cluster::private(&file);
            account.give(&file).unwrap();
            file
        };
        let quote = |text: &str| text.replace('"', "\"\"");
        let logins: String = self
            .logins
            .iter()
            .map(|(user, password)| format!("\"{}\" \"{}\"\n", quote(user), quote(password)))
            .collect();
        let logins = write("logins", &logins);
        let mut settings: Vec<(String, String)> = [
            ("listen_addr", "127.0.0.1".to_owned()),
            ("listen_port", port.to_string()),
            ("unix_socket_dir", String::new()),
            ("auth_type", "scram-sha-256".to_owned()),
            ("auth_file", logins.display().to_string()),
            ("admin_users", self.cluster.user().to_owned()),
            (
                "pool_mode",
                if self.mode == PoolMode::Transaction { "transaction" } else { "session" }.to_owned(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        if let Some(issued) = &self.tls {
            let (cert, key) = (write("cert.pem", &issued.cert_pem), write("key.pem", &issued.key_pem));
            settings.push(("client_tls_sslmode".to_owned(), "allow".to_owned()));
            settings.push(("client_tls_cert_file".to_owned(), cert.display().to_string()));
            settings.push(("client_tls_key_file".to_owned(), key.display().to_string()));
        }
        for (name, value) in &self.settings {
            settings.retain(|(ours, _)| ours != name);
            settings.push((name.clone(), value.clone()));
        }
        let lines: String = settings.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let (host, server_port) = (self.cluster.host(), self.cluster.port());
        write(
            "pgbouncer.ini",
            &format!("[databases]\n* = host={host} port={server_port}\n\n[pgbouncer]\n{lines}"),
        )
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join("pgbouncer"))
        .find(|file| file.is_file())
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn run(program: &Path, ini: &Path, folder: &Path, account: &Account) -> Child {
    let log = File::create(log_file(folder)).unwrap();
    let errors = log.try_clone().unwrap();
    let mut command = account.command(program, folder);
    command.arg(ini).stdin(Stdio::null()).stdout(log).stderr(errors);
    #[cfg(unix)]
    {
        // a runner that times out kills the test's whole process group; the watchdog ends this one in order
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Waits until it listens. `false`: it ended instead.
async fn takes_connections(process: &mut Child, port: u16) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let answered: io::Result<TcpStream> = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        if !matches!(process.try_wait(), Ok(None)) {
            return false;
        }
        if answered.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}
