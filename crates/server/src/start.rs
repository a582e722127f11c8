//! From a configuration to a running dashboard, and from a running one to a stopped one.
//!
//! The order matters: the port is taken first, because that fails fastest; then the database is started and opened;
//! only then is a request answered. Stopping goes the other way, each step with a limit, 10 s in all (the embedded
//! PostgreSQL has 6 of them).

use std::{future::Future, io, io::Write, net::SocketAddr, path::Path, time::Duration};

use common::database::{DatabaseMode, MigrationInfo};
use pgserver::{Embedded, PgServerError, Search};
use secrecy::SecretString;
use service::{KeyRing, Service, StoreConfig, StoreError};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, ConfigError, Database},
    encryption_key::{KeyFile, KeyFileError},
    http::{self, AppState},
    leptos_toml::{self, LeptosTomlError},
    logging, shutdown,
    variables::Variables,
};

/// Requests that run when the signal comes may finish within this time.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
const BACKGROUND_LIMIT: Duration = Duration::from_millis(500);
/// Threads that still work for a task that was given up: one may be stopping a PostgreSQL that was just starting.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(2);

/// Why the dashboard did not start. Each is one message for a person.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    LeptosToml(#[from] LeptosTomlError),
    #[error(
        "{address} is in use: does a dashboard run already? Stop that program, or set PORT to another number"
    )]
    AddressInUse { address: SocketAddr },
    #[error("{address} cannot be listened on: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Embedded(#[from] PgServerError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(
        "the passwords in this data folder were encrypted with another key, and its key file {path} was gone. Put that \
         file back from a backup, or set DB_PASSWORD_ENCRYPTION_KEY. What is stored was not changed"
    )]
    KeyFileLost { path: String },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the system refuses to start threads or to listen for signals: {0}")]
    System(io::Error),
    #[error("requests could not be served any more: {0}")]
    Serve(io::Error),
    #[error("the answer could not be written: {0}")]
    Print(io::Error),
}

/// Reads the environment and `.env`, and begins to log.
pub fn configured() -> Result<Config, StartError> {
    let folder = std::env::current_dir().unwrap_or_default();
    let config = Config::read(&Variables::of_process(&folder))?;
    logging::begin(&config.log);
    Ok(config)
}

/// Runs a command to its end.
pub fn run(command: impl Future<Output = Result<(), StartError>>) -> Result<(), StartError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::System)?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(LEFTOVER_LIMIT);
    outcome
}

/// `pg-dashboard serve`: until a signal says stop.
pub async fn serve(config: Config) -> Result<(), StartError> {
    let stop = shutdown::on_signal().map_err(StartError::System)?;
    let listener = listen(config.listen).await?;
    let address = listener.local_addr().map_err(StartError::System)?;
    let leptos = leptos_toml::options(address, config.site_root.as_deref())?;
    if !Path::new(&*leptos.site_root).is_dir() {
        tracing::warn!(
            folder = &*leptos.site_root,
            "the pages' files are not there: pages have no style and no script. `cargo xtask serve` builds them; LEPTOS_SITE_ROOT says where they are"
        );
    }
    let Some((database, store)) = OwnDatabase::start(&config, &stop).await? else { return Ok(()) };

    let served = match stop.run_until_cancelled(Service::open(store)).await {
        None => Ok(()),
        Some(Err(error)) => Err(database.explain(error)),
        Some(Ok(service)) => {
            let state = AppState::new(service.clone(), leptos, address);
            serve_until(stop, listener, address, service, state).await
        }
    };
    database.stop().await;
    served
}

/// `pg-dashboard migrate`.
pub async fn migrate(config: Config) -> Result<(), StartError> {
    let stop = shutdown::on_signal().map_err(StartError::System)?;
    let Some((database, store)) = OwnDatabase::start(&config, &stop).await? else { return Ok(()) };
    let migrated = match stop.run_until_cancelled(service::migrate(&store)).await {
        None => Ok(()),
        Some(Err(error)) => Err(database.explain(error)),
        Some(Ok(MigrationInfo { applied, latest })) => {
            say(&format!("The database is ready: migration {applied} of {latest}."));
            Ok(())
        }
    };
    database.stop().await;
    migrated
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
        _ => StartError::Listen { address, source },
    })
}

async fn serve_until(
    stop: CancellationToken,
    listener: TcpListener,
    address: SocketAddr,
    service: Service,
    state: AppState,
) -> Result<(), StartError> {
    let background: JoinHandle<()> = {
        let stop = stop.clone();
        tokio::spawn(async move { service.run_background(stop).await })
    };
    let draining = stop.clone();
    let serving = axum::serve(listener, http::router(state))
        .with_graceful_shutdown(async move { draining.cancelled().await })
        .into_future();
    say(&format!("The dashboard is at http://{address}"));

    let limit = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    let served = tokio::select! {
        served = serving => served.map_err(StartError::Serve),
        () = limit => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
    };
    stop.cancel();
    if tokio::time::timeout(BACKGROUND_LIMIT, background).await.is_err() {
        tracing::warn!("work in the background did not end in time and was cut off");
    }
    served
}

/// A line for the person (or the program) that started the dashboard. Nobody may read it any more: that is fine.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn store_config(config: &Config, url: SecretString, mode: DatabaseMode, keys: KeyRing) -> StoreConfig {
    StoreConfig {
        url,
        direct_url: None,
        mode,
        keys,
        retention_days: config.retention_days,
        chunk_interval: config.chunk_interval.clone(),
    }
}

/// The dashboard's own database as long as the dashboard runs.
struct OwnDatabase {
    embedded: Option<Embedded>,
    key_file: Option<KeyFile>,
}

impl OwnDatabase {
    /// Starts the embedded server, or only says where the configured one is. `None`: a signal came first.
    async fn start(
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<Option<(Self, StoreConfig)>, StartError> {
        let (bin_dir, given) = match &config.database {
            Database::External { url, direct_url, keys } => {
                let store = StoreConfig {
                    direct_url: direct_url.clone(),
                    ..store_config(config, url.clone(), DatabaseMode::External, keys.clone())
                };
                return Ok(Some((Self { embedded: None, key_file: None }, store)));
            }
            Database::Embedded { bin_dir, keys } => (bin_dir, keys),
        };
        let search = Search::usual(bin_dir.clone());
        let Some(embedded) = stop.run_until_cancelled(Embedded::start(&config.data_folder, &search)).await
        else {
            return Ok(None);
        };
        let embedded = embedded?;
        let (url, secrets) = (embedded.url(), embedded.secrets_dir().to_owned());
        let mut database = Self { embedded: Some(embedded), key_file: None };
        let keys = match given {
            Some(keys) => Ok(keys.clone()),
            None => database.own_key(&secrets),
        };
        match keys {
            Ok(keys) => Ok(Some((database, store_config(config, url, DatabaseMode::Embedded, keys)))),
            Err(error) => {
                database.stop().await;
                Err(error)
            }
        }
    }

    /// The key in the data folder, which the embedded server's lock makes ours alone.
    fn own_key(&mut self, secrets: &Path) -> Result<KeyRing, StartError> {
        let key_file = KeyFile::open(secrets)?;
        if key_file.is_new {
            tracing::info!(
                path = %key_file.path.display(),
                "made a key for the passwords of connections; keep it with your backups"
            );
        }
        let keys = key_file.keys.clone();
        self.key_file = Some(key_file);
        Ok(keys)
    }

    /// An error of opening the database, in the words that fit where the key came from.
    fn explain(&self, error: StoreError) -> StartError {
        match (&error, &self.key_file) {
            (StoreError::WrongKey, Some(key_file)) if key_file.is_new => {
                key_file.discard();
                StartError::KeyFileLost { path: key_file.path.display().to_string() }
            }
            _ => StartError::Store(error),
        }
    }

    async fn stop(self) {
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop().await
        {
            tracing::error!(%error, "the embedded PostgreSQL did not stop");
        }
    }
}
