//! The dashboard's own PostgreSQL, for when `DATABASE_URL` is unset: made at the first start, kept across restarts,
//! stopped with the dashboard.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::{NewCluster, last_port, single_user, sync, write_hba};
use crate::error::{AtPath, PgServerError};
use crate::orphan::stop_orphan;
use crate::os::{self, Shutdown};
use crate::owner::Owner;
use crate::password::random_password;
use crate::process::{Launch, Running, last_lines};
use crate::role_password;
use crate::search::{Search, find};

/// The role and the database of the dashboard (a role's name cannot begin with `pg_`).
pub(crate) const NAME: &str = "dashboard";
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
    /// That it ended by itself was said.
    reported: Arc<Once>,
    password: SecretString,
    // last: the folder is free when the server is gone
    place: Place,
}

/// What a server is started from.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    /// PostgreSQL's own folder, in `folder`.
    data: PathBuf,
    secrets: PathBuf,
    binaries: Binaries,
    account: Account,
    _owner: Owner,
}

impl Embedded {
    /// Starts the server of a data folder ([`crate::data_folder`]); makes both at the first time (about two
    /// seconds). What it does is told by `tracing` lines.
    pub async fn start(data_folder: &Path, search: &Search) -> Result<Embedded, PgServerError> {
        let (folder, search) = (data_folder.to_owned(), search.clone());
        let mut embedded = launching(move |abandoned| start(&folder, search, abandoned)).await?;
        if role_password::is_refused(&embedded.url()).await {
            let restored = move |abandoned: &AtomicBool| embedded.with_the_kept_password(abandoned);
            embedded = launching(restored).await?;
        }
        embedded.report_an_unexpected_end();
        Ok(embedded)
    }

    /// `postgresql://…` with the password.
    pub fn url(&self) -> SecretString {
        let (password, port) = (self.password.expose_secret(), self.running.port());
        format!("postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}?sslmode=disable").into()
    }

    /// A folder that only the dashboard's user can enter: for keys that belong to this data.
    pub fn secrets_dir(&self) -> &Path {
        &self.place.secrets
    }

    /// `18.4`
    pub fn version(&self) -> &str {
        &self.place.binaries.version
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What the server says.
    pub fn log(&self) -> &Path {
        self.running.log()
    }

    /// Waits until the server has ended by itself, and says how; never while it runs. By then the log has its last
    /// words: whoever stops the process for it would otherwise be faster than what reports it.
    pub async fn ended(&self) -> String {
        let how = self.running.wait().await;
        report(&self.reported, &self.running, &how);
        how
    }

    /// Starts a server that has ended by itself again, where it was: on the same data and port, so that
    /// [`Embedded::url`] stays good. The folder stays ours all the while.
    pub async fn restart(self) -> Result<Embedded, PgServerError> {
        let restarted = launching(move |abandoned| self.launched_again(abandoned)).await?;
        restarted.report_an_unexpected_end();
        Ok(restarted)
    }

    /// Stops the server in order, within six seconds: whatever it still does then is cut short, and repeated from
    /// its write-ahead log at the next start.
    pub async fn stop(self) -> Result<(), PgServerError> {
        self.stopping.store(true, Ordering::SeqCst);
        let running = Arc::clone(&self.running);
        let stopped = tokio::task::spawn_blocking(move || stop_running(&running)).await.unwrap_or(false);
        if stopped {
            tracing::info!("the embedded PostgreSQL has stopped");
            return Ok(());
        }
        Err(PgServerError::Orphan { pid: self.pid(), folder: self.log().to_owned() })
    }

    /// The file in `secrets` says what the password is. After that folder, or the data, came back from a backup the
    /// role may have another one: it is given the one in the file, as in [`role_password::replace_lost`].
    fn with_the_kept_password(mut self, abandoned: &AtomicBool) -> Result<Embedded, PgServerError> {
        let Place { data, secrets, binaries, account, .. } = &self.place;
        tracing::warn!(file = %role_password::file(secrets).display(), "the embedded PostgreSQL has another password than the one that is kept (was one of them restored?); setting the kept one");
        if !stop_running(&self.running) {
            return Err(PgServerError::Orphan { pid: self.pid(), folder: data.clone() });
        }
        role_password::set(&self.password, data, binaries, account)?;
        self.running = Arc::new(launch(&self.place, abandoned)?);
        Ok(self)
    }

    fn launched_again(mut self, abandoned: &AtomicBool) -> Result<Embedded, PgServerError> {
        let port = self.running.port();
        stop_orphan(&self.place.data)?;
        self.running = Arc::new(launch(&self.place, abandoned)?);
        self.reported = Arc::new(Once::new());
        if self.running.port() == port {
            return Ok(self);
        }
        Err(PgServerError::PortTaken { port })
    }

    fn report_an_unexpected_end(&self) {
        let (running, stopping) = (Arc::clone(&self.running), Arc::clone(&self.stopping));
        let reported = Arc::clone(&self.reported);
        tokio::spawn(async move {
            let how = running.wait().await;
            if !stopping.load(Ordering::SeqCst) {
                report(&reported, &running, &how);
            }
        });
    }
}

/// Says once how the server ended; whoever comes second waits until that is said.
fn report(reported: &Once, running: &Running, how: &str) {
    reported.call_once(|| {
        let log = running.log();
        tracing::error!(how, log = %log.display(), last_lines = last_lines(log, 0), "the embedded PostgreSQL has ended by itself");
    });
}

/// Asks ever more sternly. `false`: it still runs. Blocks.
fn stop_running(running: &Running) -> bool {
    STOP.into_iter().any(|(how, within)| running.stop(how, within))
}

/// Runs what starts a server on a thread that may block. Who stops waiting for it (Ctrl-C during a long recovery)
/// leaves no server behind: a start that is not over is told to give up, and one that is over is dropped.
async fn launching<F>(launch: F) -> Result<Embedded, PgServerError>
where
    F: FnOnce(&AtomicBool) -> Result<Embedded, PgServerError> + Send + 'static,
{
    let abandoned = Abandoned::default();
    let flag = Arc::clone(&abandoned.0);
    match tokio::task::spawn_blocking(move || launch(&flag)).await {
        Ok(launched) => launched,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
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
        // the end of one that ended by itself is still to be told
        if self.running.ended().is_none() && !self.stopping.swap(true, Ordering::SeqCst) {
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
    let password = match role_password::kept(&secrets) {
        Some(password) => password,
        None => role_password::replace_lost(&secrets, &data, &binaries, &account)?,
    };
    write_hba(&data, HBA, &account)?;
    let place = Place { folder, data, secrets, binaries, account, _owner: owner };
    let running = Arc::new(launch(&place, abandoned)?);
    Ok(Embedded { running, stopping: Arc::default(), reported: Arc::new(Once::new()), password, place })
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
    role_password::keep(secrets, &password)?;
    fs::rename(&new, data).at("move the new data directory to", data)
}

fn launch(place: &Place, abandoned: &AtomicBool) -> Result<Running, PgServerError> {
    let Place { folder, data, binaries, account, .. } = place;
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
    let running = match start("pg_stat_statements") {
        Err(PgServerError::Start { last_lines, .. })
            if last_lines.contains("could not access file \"pg_stat_statements\"") =>
        {
            start("")
        }
        other => other,
    }?;
    tracing::info!(version = binaries.version, port = running.port(), folder = %folder.display(), "the embedded PostgreSQL runs");
    Ok(running)
}
