//! The dashboard's own PostgreSQL, for when `DATABASE_URL` is unset: made at the first start, kept across restarts,
//! stopped with the dashboard.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::{NewCluster, last_port, single_user, sync, write_hba, write_private};
use crate::error::{AtPath, PgServerError};
use crate::orphan::stop_orphan;
use crate::os::{self, Shutdown};
use crate::owner::Owner;
use crate::password::random_password;
use crate::process::{Launch, Running, last_lines};
use crate::search::{Search, find};

/// The role and the database of the dashboard (a role's name cannot begin with `pg_`).
const NAME: &str = "dashboard";
/// Over loopback, with the password; no other way in.
const HBA: &str = "host all all 127.0.0.1/32 scram-sha-256\n";
/// A log longer than this is put aside at a start.
const LONG_LOG: u64 = 10 * 1024 * 1024;
/// Replaying the write-ahead log after a crash may take this long.
const READY_WITHIN: Duration = Duration::from_secs(300);
/// Together less than six seconds: with requests that end before, the dashboard stops within ten, after which people
/// and service managers lose patience.
const STOP: [(Shutdown, Duration); 3] = [
    (Shutdown::Fast, Duration::from_secs(4)),
    (Shutdown::Immediate, Duration::from_secs(1)),
    (Shutdown::Kill, Duration::from_millis(500)),
];
/// A guest on a developer's machine: little memory, little disk, nothing in the log but what went wrong.
const SETTINGS: [(&str, &str); 12] = [
    ("cluster_name", "pg-dashboard"),
    ("unix_socket_directories", ""),
    ("max_connections", "50"),
    ("shared_buffers", "64MB"),
    ("maintenance_work_mem", "32MB"),
    ("max_wal_size", "512MB"),
    ("max_wal_senders", "0"),
    ("wal_level", "minimal"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] "),
    ("log_checkpoints", "off"),
];

/// A running PostgreSQL that belongs to this dashboard alone. Call [`Embedded::stop`] before the process ends; a
/// dropped one is asked to stop, but not waited for.
#[derive(Debug)]
pub struct Embedded {
    running: Arc<Running>,
    stopping: Arc<AtomicBool>,
    url: SecretString,
    secrets: PathBuf,
    version: String,
    // last: the folder is free when the server is gone
    _owner: Owner,
}

impl Embedded {
    /// Starts the server of a data folder ([`crate::data_folder`]); makes both at the first time (about two
    /// seconds). What it does is told by `tracing` lines.
    pub async fn start(data_folder: &Path, search: &Search) -> Result<Embedded, PgServerError> {
        let (folder, search) = (data_folder.to_owned(), search.clone());
        // who stops waiting for us (Ctrl-C during a long recovery) must not leave a server behind
        let abandoned = Abandoned::default();
        let flag = Arc::clone(&abandoned.0);
        let embedded = match tokio::task::spawn_blocking(move || start(&folder, search, &flag)).await {
            Ok(started) => started?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        embedded.report_an_unexpected_end();
        Ok(embedded)
    }

    /// `postgresql://…` with the password.
    pub fn url(&self) -> SecretString {
        self.url.clone()
    }

    /// A folder that only the dashboard's user can enter: for keys that belong to this data.
    pub fn secrets_dir(&self) -> &Path {
        &self.secrets
    }

    /// `18.4`
    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What the server says.
    pub fn log(&self) -> &Path {
        self.running.log()
    }

    /// Waits until the server has ended by itself, and says how; never while it runs.
    pub async fn ended(&self) -> String {
        self.running.wait().await
    }

    /// Stops the server in order, within six seconds: whatever it still does then is cut short, and repeated from
    /// its write-ahead log at the next start.
    pub async fn stop(self) -> Result<(), PgServerError> {
        self.stopping.store(true, Ordering::SeqCst);
        let running = Arc::clone(&self.running);
        let stop = move || STOP.into_iter().any(|(how, within)| running.stop(how, within));
        let stopped = tokio::task::spawn_blocking(stop).await.unwrap_or(false);
        if stopped {
            tracing::info!("the embedded PostgreSQL has stopped");
            return Ok(());
        }
        Err(PgServerError::Orphan { pid: self.pid(), folder: self.log().to_owned() })
    }

    fn report_an_unexpected_end(&self) {
        let (running, stopping) = (Arc::clone(&self.running), Arc::clone(&self.stopping));
        tokio::spawn(async move {
            let how = running.wait().await;
            if !stopping.load(Ordering::SeqCst) {
                let log = running.log();
                tracing::error!(how, log = %log.display(), last_lines = last_lines(log, 0), "the embedded PostgreSQL has ended by itself; restart the dashboard");
            }
        });
    }
}

/// Says to the thread that starts a server that nobody waits for it any more.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if !self.stopping.swap(true, Ordering::SeqCst) {
            self.running.stop(Shutdown::Fast, Duration::ZERO);
        }
    }
}

fn start(folder: &Path, search: Search, abandoned: &AtomicBool) -> Result<Embedded, PgServerError> {
    if !os::EMBEDDED_WORKS {
        return Err(PgServerError::Unsupported);
    }
    let folder = std::path::absolute(folder).at("make absolute", folder)?;
    let data = folder.join("postgres");
    let account = Account::for_data(&data)?;
    make_data_folder(&folder, &account)?;
    let owner = Owner::claim(&folder)?;
    account.check_reach(&folder)?;
    let secrets = folder.join("secrets");
    Account::ourselves().make_private_folder(&secrets)?;

    let major = major_of(&data);
    let binaries = find(&Search { major, ..search })?.reachable_by(&account, &shelf(&folder)?)?;
    if major.is_some() {
        stop_orphan(&data)?;
    } else {
        make(&data, &secrets, &binaries, &account)?;
    }
    let password = password(&secrets, &data, &binaries, &account)?;
    write_hba(&data, HBA, &account)?;
    let running = launch(&folder, &data, &binaries, &account, abandoned)?;
    tracing::info!(version = binaries.version, port = running.port(), folder = %folder.display(), "the embedded PostgreSQL runs");
    let url = format!(
        "postgresql://{NAME}:{}@127.0.0.1:{}/{NAME}?sslmode=disable",
        password.expose_secret(),
        running.port()
    );
    Ok(Embedded {
        running: Arc::new(running),
        stopping: Arc::default(),
        url: url.into(),
        secrets,
        version: binaries.version,
        _owner: owner,
    })
}

/// Ours alone; but PostgreSQL's user, where that is another, must be able to pass through to its own folder.
fn make_data_folder(folder: &Path, account: &Account) -> Result<(), PgServerError> {
    if !folder.is_dir() {
        fs::create_dir_all(folder).at("make the folder", folder)?;
        os::set_mode(folder, 0o700).at("set the permissions of", folder)?;
    }
    if account.is_another() {
        os::let_others_pass(folder).at("set the permissions of", folder)?;
    }
    Ok(())
}

/// Where binaries are copied to when PostgreSQL's user cannot reach them.
fn shelf(folder: &Path) -> Result<PathBuf, PgServerError> {
    let shelf = folder.join("programs");
    fs::create_dir_all(&shelf).at("make the folder", &shelf)?;
    os::set_mode(&shelf, 0o755).at("set the permissions of", &shelf)?;
    Ok(shelf)
}

fn major_of(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Makes the data directory beside its place and moves it there when it is whole, so that a start that was
/// interrupted leaves nothing that looks like data.
fn make(data: &Path, secrets: &Path, binaries: &Binaries, account: &Account) -> Result<(), PgServerError> {
    tracing::info!(version = binaries.version, folder = %data.display(), user = account.name(), "making the data directory of the embedded PostgreSQL");
    let new = data.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new).at("remove", &new)?;
    }
    let password = random_password();
    let options = ["--data-checksums", "--no-sync"];
    NewCluster { data: &new, superuser: NAME, password: &password, options: &options }
        .make(binaries, account)?;
    single_user(binaries, account, &new, "postgres", &format!("CREATE DATABASE {NAME};"))?;
    if let Err(error) = single_user(binaries, account, &new, NAME, "CREATE EXTENSION pg_stat_statements;") {
        tracing::warn!(%error, "the embedded PostgreSQL has no statement statistics: its installation lacks pg_stat_statements");
    }
    sync(binaries, account, &new)?;
    keep_password(secrets, &password)?;
    fs::rename(&new, data).at("move the new data directory to", data)
}

fn password_file(secrets: &Path) -> PathBuf {
    secrets.join("postgres-password")
}

/// The role's password; a lost one is replaced, because whoever owns the data directory may.
fn password(
    secrets: &Path,
    data: &Path,
    binaries: &Binaries,
    account: &Account,
) -> Result<SecretString, PgServerError> {
    let file = password_file(secrets);
    let kept = fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
    // it goes into a URL as it is
    if !kept.is_empty() && kept.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(kept.into());
    }
    tracing::warn!(file = %file.display(), "the embedded PostgreSQL's password is lost; setting another");
    let password = random_password();
    let sql = format!("ALTER ROLE {NAME} PASSWORD '{}';", password.expose_secret());
    single_user(binaries, account, data, "postgres", &sql)?;
    sync(binaries, account, data)?;
    keep_password(secrets, &password)?;
    Ok(password)
}

fn keep_password(secrets: &Path, password: &SecretString) -> Result<(), PgServerError> {
    let file = password_file(secrets);
    write_private(&file, password.expose_secret(), &Account::ourselves())?;
    fs::File::open(&file).and_then(|file| file.sync_all()).at("write", &file)
}

fn launch(
    folder: &Path,
    data: &Path,
    binaries: &Binaries,
    account: &Account,
    abandoned: &AtomicBool,
) -> Result<Running, PgServerError> {
    let log = folder.join("postgres.log");
    if fs::metadata(&log).is_ok_and(|log| log.len() > LONG_LOG) {
        fs::rename(&log, folder.join("postgres.log.old")).at("put aside", &log)?;
    }
    let start = |preload: &str| {
        let mut settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        settings.push(("shared_preload_libraries".to_owned(), preload.to_owned()));
        let port = last_port(data);
        let ready_within = READY_WITHIN;
        Launch { binaries, account, data, log: &log, port, settings, ready_within, abandoned }.start()
    };
    match start("pg_stat_statements") {
        Err(PgServerError::Start { last_lines, .. })
            if last_lines.contains("could not access file \"pg_stat_statements\"") =>
        {
            start("")
        }
        other => other,
    }
}
