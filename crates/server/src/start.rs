//! From a configuration to a running dashboard, and from a running one to a stopped one.
//!
//! The order matters: the port is taken first, because that fails fastest; then the database is started and opened;
//! only then is a request answered, and anything watched. Stopping goes the other way, each step with a limit, 10 s in all (the embedded
//! PostgreSQL has 6 of them).

mod own_database;

use std::{
    future::Future,
    io,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use common::database::MigrationInfo;
use pgserver::PgServerError;
use service::{ConversionProgress, Service, SpoolConfig, StoreError};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, ConfigError},
    encryption_key::KeyFileError,
    http::{self, AppState},
    leptos_toml::{self, LeptosTomlError},
    logging, shutdown,
    start::own_database::OwnDatabase,
    variables::Variables,
};

/// Requests that run when the signal comes may finish within this time.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// Load tests close their sessions meanwhile, and cancel what runs there.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(3);
/// Threads that still work for a task that was given up: one may be stopping a PostgreSQL that was just starting.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(2);

/// Why the dashboard did not start, or did not go on. Each is one message for a person.
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
    #[error(
        "the embedded PostgreSQL keeps ending by itself (the last time: {how}), although it was started again {restarts} \
         times within {minutes} minutes. Its log should say why: {}", .log.display()
    )]
    EmbeddedKeepsEnding { how: String, restarts: usize, minutes: u64, log: PathBuf },
    #[error(
        "the embedded PostgreSQL ended by itself ({how}) and cannot be started again: {source}. Its log is {}",
        .log.display()
    )]
    EmbeddedLost { how: String, source: PgServerError, log: PathBuf },
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
    let Some((mut database, store)) = OwnDatabase::start(&config, &stop).await? else { return Ok(()) };

    let spool = SpoolConfig::in_folder(Some(config.data_folder.join("spool")));
    let served = match stop.run_until_cancelled(Service::open(store, spool)).await {
        None => Ok(()),
        Some(Err(error)) => Err(database.explain(error)),
        Some(Ok(service)) => {
            let watching = config.watch.then(|| service.clone());
            let state = AppState::new(service.clone(), leptos, address);
            let keeping_up = async {
                let kept_up = database.keep_up(&stop).await;
                stop.cancel();
                kept_up
            };
            let serving = serve_until(stop.clone(), listener, address, service, watching, state);
            let (kept_up, served) = tokio::join!(keeping_up, serving);
            kept_up.and(served)
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

/// `pg-dashboard history convert`.
pub async fn convert_history(config: Config) -> Result<(), StartError> {
    let stop = shutdown::on_signal().map_err(StartError::System)?;
    let Some((database, store)) = OwnDatabase::start(&config, &stop).await? else { return Ok(()) };
    let converting = service::convert_history(&store, |progress| say(&words(progress)));
    let converted = match stop.run_until_cancelled(Box::pin(converting)).await {
        None => {
            say("Interrupted. What was moved is moved; run the command again for the rest.");
            Ok(())
        }
        Some(outcome) => outcome.map_err(|error| database.explain(error)),
    };
    database.stop().await;
    converted
}

fn words(progress: ConversionProgress) -> String {
    match progress {
        ConversionProgress::Already => {
            "The history is in TimescaleDB, and there is nothing to move.".to_owned()
        }
        ConversionProgress::Moved { rows, left } => {
            format!("Moved {rows} rows; parts still to be moved: {left}.")
        }
        ConversionProgress::RollingUp => "All rows are moved. Rolling them up …".to_owned(),
        ConversionProgress::Done => "The history is in TimescaleDB.".to_owned(),
    }
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
    watching: Option<Service>,
    state: AppState,
) -> Result<(), StartError> {
    let background: JoinHandle<()> = {
        let stop = stop.clone();
        tokio::spawn(async move {
            // What the last looks measure is still to be kept.
            let watched = CancellationToken::new();
            let watch = async {
                match watching {
                    Some(service) => watch::run(&service, stop).await,
                    None => stop.cancelled().await,
                }
                watched.cancel();
            };
            tokio::join!(Box::pin(watch), Box::pin(service.run_background(watched.clone())));
        })
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
