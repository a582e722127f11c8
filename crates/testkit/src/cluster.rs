//! A real PostgreSQL server for one test: up in about a tenth of a second, gone with its guard.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pgserver::{Account, Launch, Running, Shutdown, write_hba};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use crate::certs::Issued;
use crate::template::{Template, short_folder};
use crate::version::Version;
use crate::watchdog::Watchdog;

/// [`Cluster::client`] comes in by the Unix socket, whatever a test makes of the rest.
const SOCKET_HBA: &str = "local all all scram-sha-256\n";
const DEFAULT_HBA: &str = "host all all all scram-sha-256\n";

/// A running server on 127.0.0.1 and a free port. Its superuser is `postgres`, with a random password over SCRAM.
/// Everything else is as PostgreSQL comes, except that it does not wait for the disk.
#[derive(Debug)]
pub struct Cluster {
    builder: Builder,
    password: String,
    // dropped in this order, after the server has stopped
    running: Running,
    folder: TempDir,
    _watchdog: Watchdog,
}

/// A cluster that is not like the others.
#[derive(Debug, Clone)]
pub struct Builder {
    version: Version,
    settings: Vec<(String, String)>,
    preload: Vec<String>,
    hba: String,
    tls: Option<Issued>,
}

impl Builder {
    /// The server has TLS with this certificate (and still takes plain connections, unless [`Builder::hba`] says
    /// `hostssl`).
    #[must_use]
    pub fn tls(mut self, issued: &Issued) -> Builder {
        self.tls = Some(issued.clone());
        self
    }

    /// A line of `postgresql.conf`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Builder {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The lines of `pg_hba.conf` for TCP, instead of SCRAM for everybody from everywhere. A role whose password
    /// is stored as SCRAM cannot log in by `md5`; set `password_encryption` and the role's password first.
    #[must_use]
    pub fn hba(mut self, lines: &str) -> Builder {
        self.hba = format!("{lines}\n");
        self
    }

    /// A library to load at start.
    #[must_use]
    pub fn preload(mut self, library: &str) -> Builder {
        self.preload.push(library.to_owned());
        self
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Starts it.
    ///
    /// # Panics
    /// With the server's own words, when it does not start.
    pub async fn start(self) -> Cluster {
        tokio::task::spawn_blocking(move || self.start_blocking()).await.expect("the start did not panic")
    }

    /// For tests without an async runtime.
    pub fn start_blocking(self) -> Cluster {
        let account = Account::for_servers().unwrap_or_else(|error| panic!("{error}"));
        let template = Template::get(self.version, &account);
        let folder = short_folder("pgt-");
        account.make_private_folder(folder.path()).unwrap();
        let data = folder.path().join("data");
        template.copy_to(&data, &account);
        self.start_in(folder, &template, &account)
    }

    /// Starts a server on the data directory that is in `folder`.
    pub(crate) fn start_in(self, folder: TempDir, template: &Template, account: &Account) -> Cluster {
        let data = folder.path().join("data");
        write_hba(&data, &format!("{SOCKET_HBA}{}", self.hba), account).unwrap();
        let settings = self.settings(folder.path(), &data, account);
        let running = self.launch(folder.path(), None, settings, template, account);
        let watchdog = Watchdog::over(running.pid(), folder.path()).unwrap();
        let password = template.password.clone();
        Cluster { builder: self, password, running, folder, _watchdog: watchdog }
    }

    fn launch(
        &self,
        folder: &Path,
        port: Option<u16>,
        settings: Vec<(String, String)>,
        template: &Template,
        account: &Account,
    ) -> Running {
        let launch = Launch {
            binaries: &template.binaries,
            account,
            data: &folder.join("data"),
            log: &folder.join("log"),
            port,
            settings,
            ready_within: Duration::from_secs(30),
            abandoned: &AtomicBool::new(false),
        };
        launch.start().unwrap_or_else(|error| panic!("{}: {error}", self.version))
    }

    fn settings(&self, folder: &Path, data: &Path, account: &Account) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = [
            ("synchronous_commit", "off"),
            ("shared_buffers", "32MB"),
            ("unix_socket_directories", &folder.to_string_lossy()),
            ("shared_preload_libraries", &self.preload.join(",")),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        if let Some(issued) = &self.tls {
            for (name, pem) in [("server.crt", &issued.cert_pem), ("server.key", &issued.key_pem)] {
                let file = data.join(name);
                fs::write(&file, pem).unwrap();
                private(&file);
                account.give(&file).unwrap();
            }
            settings.push(("ssl".to_owned(), "on".to_owned()));
        }
        settings.extend_from_slice(&self.settings);
        settings
    }
}

impl Cluster {
    pub async fn start(version: Version) -> Cluster {
        Cluster::builder(version).start().await
    }

    pub fn builder(version: Version) -> Builder {
        Builder { version, settings: Vec::new(), preload: Vec::new(), hba: DEFAULT_HBA.to_owned(), tls: None }
    }

    pub fn version(&self) -> Version {
        self.builder.version
    }

    /// How it was made.
    pub(crate) fn builder_of(&self) -> &Builder {
        &self.builder
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    pub fn port(&self) -> u16 {
        self.running.port()
    }

    /// The folder of its Unix socket, owned by the server's user (mode 0700).
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// A superuser.
    pub fn user(&self) -> &'static str {
        "postgres"
    }

    pub fn password(&self) -> &str {
        &self.password
    }

    /// `postgresql://postgres:…@127.0.0.1:port/database`.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{}:{}@{}:{}/{database}", self.user(), self.password, self.host(), self.port())
    }

    /// The process id of the server's first process.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.running.log()).unwrap_or_default()
    }

    /// A session of the superuser, over the Unix socket, so that no TLS or `pg_hba.conf` of the test is in the way.
    /// Its connection runs in a task until the client is dropped.
    pub async fn client(&self, database: &str) -> Client {
        self.client_as(self.user(), &self.password, database).await
    }

    /// The same for another role.
    pub async fn client_as(&self, user: &str, password: &str, database: &str) -> Client {
        let mut config = Config::new();
        config.host_path(self.folder.path()).port(self.port()).user(user).password(password).dbname(database);
        let (client, connection) =
            config.connect(NoTls).await.unwrap_or_else(|error| panic!("{}: {error:?}", self.version()));
        tokio::spawn(async move {
            // the test that holds the client sees what goes wrong
            let _ = connection.await;
        });
        client
    }

    pub async fn create_database(&self, name: &str) {
        let quoted = name.replace('"', "\"\"");
        let client = self.client("postgres").await;
        client.batch_execute(&format!("CREATE DATABASE \"{quoted}\"")).await.unwrap();
    }

    /// Stops the server as an administrator would, ending all sessions, until [`Cluster::resume`]. Blocks.
    pub fn halt(&self) {
        self.running.stop(Shutdown::Fast, Duration::from_secs(10));
    }

    /// Starts the server that was halted, with its data and on its port. Blocks.
    pub fn resume(&mut self) {
        let account = Account::for_servers().unwrap_or_else(|error| panic!("{error}"));
        let template = Template::get(self.builder.version, &account);
        let settings = self.builder.settings(self.folder.path(), &self.data(), &account);
        let port = self.port();
        self.running = self.builder.launch(self.folder.path(), Some(port), settings, &template, &account);
        self._watchdog = Watchdog::over(self.running.pid(), self.folder.path()).unwrap();
    }

    /// Stops the server as an administrator would, ending all sessions; the guard still cleans up.
    pub async fn stop(self) {
        tokio::task::spawn_blocking(move || {
            self.running.stop(Shutdown::Fast, Duration::from_secs(10));
        })
        .await
        .expect("the stop did not panic");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.running.stop(Shutdown::Immediate, Duration::from_secs(10)) {
            self.running.stop(Shutdown::Kill, Duration::from_secs(5));
        }
    }
}

pub(crate) fn private(file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    #[cfg(not(unix))]
    {
        let _ = file;
    }
}
