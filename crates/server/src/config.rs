//! What the dashboard is told by its environment and `.env`: read once, valid or refused with all reasons together.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use common::text;
use secrecy::SecretString;
use service::{ChunkInterval, KeyRing};
use tracing_subscriber::EnvFilter;

use crate::variables::Variables;

const DEFAULT_PORT: u16 = 8000;
const DEFAULT_RETENTION_DAYS: u32 = 90;
/// A century: longer than anyone means, short enough for every interval arithmetic of PostgreSQL.
const MAX_RETENTION_DAYS: u32 = 36_500;
const DEFAULT_CHUNK_INTERVAL: &str = "7 days";
/// What Leptos traces of every render is of use to its authors only.
const DEFAULT_LOG: &str = "info,leptos=warn,tachys=warn,reactive_graph=warn";

/// Which PostgreSQL the dashboard keeps its own data in.
#[derive(Debug, Clone)]
pub enum Database {
    /// One that the dashboard starts itself.
    Embedded {
        /// `PG_BIN`: where its programs are; `None`: looked for.
        bin_dir: Option<PathBuf>,
        /// `None`: the key is made and kept in the data folder.
        keys: Option<KeyRing>,
    },
    /// The one that `DATABASE_URL` names.
    External {
        url: SecretString,
        /// `DATABASE_DIRECT_URL`: past a pooler, for migrations.
        direct_url: Option<SecretString>,
        keys: KeyRing,
    },
}

/// A configuration whose every value is valid.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: Database,
    pub retention_days: u32,
    pub chunk_interval: ChunkInterval,
    /// A loopback address.
    pub listen: SocketAddr,
    /// Absolute.
    pub data_folder: PathBuf,
    /// Which log lines are written, in the words of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// Whether monitored databases are asked by themselves.
    pub watch: bool,
    /// Where the pages' files are, when `LEPTOS_SITE_ROOT` says so.
    pub site_root: Option<PathBuf>,
}

/// One variable that needs a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub name: &'static str,
    pub message: String,
}

impl Fault {
    fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Fault>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration needs a correction:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.name, fault.message))
    }
}

impl Config {
    /// Reads and checks every variable; what is wrong is told for all of them together.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let mut faults = Faults(variables.unreadable().map(|message| Fault::new(".env", message)).collect());
        let url = faults.keep("DATABASE_URL", url(variables));
        let direct_url = faults.keep("DATABASE_DIRECT_URL", direct_url(variables));
        let keys = faults.keep("DB_PASSWORD_ENCRYPTION_KEY", keys(variables));
        let retention_days = faults.keep("TIMESCALE_RETENTION_DAYS", retention_days(variables));
        let chunk_interval = faults.keep("TIMESCALE_CHUNK_TIME_INTERVAL", chunk_interval(variables));
        let host = faults.keep("HOST", host(variables));
        let port = faults.keep("PORT", port(variables));
        let data_folder = faults.keep("PG_DASHBOARD_DATA", data_folder(variables));
        let bin_dir = faults.keep("PG_BIN", folder(variables, "PG_BIN"));
        let watch = faults.keep("WATCH", watch(variables));
        let site_root = faults.keep("LEPTOS_SITE_ROOT", folder(variables, "LEPTOS_SITE_ROOT"));
        let log = match log_filter(variables) {
            Ok(Some(filter)) => Some(filter),
            not_usable => {
                let level = faults.keep("LOG_LEVEL", log_level(variables));
                faults.keep("RUST_LOG", not_usable).and(level)
            }
        };
        let database = match (url, direct_url, keys, bin_dir) {
            (Some(Some(url)), Some(direct_url), Some(Some(keys)), Some(_)) => {
                Some(Database::External { url, direct_url, keys })
            }
            (Some(None), Some(_), Some(keys), Some(bin_dir)) => Some(Database::Embedded { bin_dir, keys }),
            _ => None,
        };
        match (database, retention_days, chunk_interval, host, port, data_folder, watch, site_root, log) {
            (
                Some(database),
                Some(retention_days),
                Some(chunk_interval),
                Some(host),
                Some(port),
                Some(data_folder),
                Some(watch),
                Some(site_root),
                Some(log),
            ) if faults.0.is_empty() => Ok(Self {
                database,
                retention_days,
                chunk_interval,
                listen: SocketAddr::new(host, port),
                data_folder,
                watch,
                log,
                site_root,
            }),
            _ => Err(ConfigError(faults.0)),
        }
    }
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn keep<T>(&mut self, name: &'static str, outcome: Result<T, String>) -> Option<T> {
        outcome.map_err(|message| self.0.push(Fault::new(name, message))).ok()
    }
}

/// How a value that holds no secret is repeated to a person.
fn shown(value: &str) -> String {
    format!("“{}”", text::clean(value, 80))
}

fn url(variables: &Variables) -> Result<Option<SecretString>, String> {
    database_url(variables, "DATABASE_URL")
}

fn direct_url(variables: &Variables) -> Result<Option<SecretString>, String> {
    match database_url(variables, "DATABASE_DIRECT_URL")? {
        Some(_) if variables.get("DATABASE_URL").is_none() => Err(
            "It is the way past the pooler that DATABASE_URL names. Set DATABASE_URL too, or leave this out."
                .to_owned(),
        ),
        url => Ok(url),
    }
}

fn database_url(variables: &Variables, name: &str) -> Result<Option<SecretString>, String> {
    let url = variables.secret(name);
    if let Some(url) = &url {
        service::check_database_url(url).map_err(|error| sentence(&error))?;
    }
    Ok(url)
}

fn keys(variables: &Variables) -> Result<Option<KeyRing>, String> {
    match variables.secret("DB_PASSWORD_ENCRYPTION_KEY") {
        Some(keys) => KeyRing::parse(&keys).map(Some).map_err(|error| sentence(&error)),
        None if variables.get("DATABASE_URL").is_some() => Err(
            "It must be set when DATABASE_URL is: passwords of connections are encrypted with it. Make one with \
             `pg-dashboard keys generate` and keep it: without it the stored passwords cannot be read."
                .to_owned(),
        ),
        None => Ok(None),
    }
}

fn retention_days(variables: &Variables) -> Result<u32, String> {
    let Some(text) = variables.get("TIMESCALE_RETENTION_DAYS") else { return Ok(DEFAULT_RETENTION_DAYS) };
    text.parse().ok().filter(|days| (1..=MAX_RETENTION_DAYS).contains(days)).ok_or_else(|| {
        format!("{} is not a number of days. Use a whole number from 1 to {MAX_RETENTION_DAYS}.", shown(text))
    })
}

fn chunk_interval(variables: &Variables) -> Result<ChunkInterval, String> {
    let text = variables.get("TIMESCALE_CHUNK_TIME_INTERVAL").unwrap_or(DEFAULT_CHUNK_INTERVAL);
    text.parse::<ChunkInterval>().map_err(|error| format!("{}: {}", shown(text), sentence(&error)))
}

fn host(variables: &Variables) -> Result<IpAddr, String> {
    let Some(text) = variables.get("HOST") else { return Ok(Ipv4Addr::LOCALHOST.into()) };
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let address: IpAddr = text.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| {
        format!("{} is not an address of this machine. Use 127.0.0.1, ::1 or localhost.", shown(text))
    })?;
    if address.is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{} would let everyone in the network use the dashboard: it has no sign-in yet, so it listens on this \
         machine only. Use 127.0.0.1 (from elsewhere: ssh -L 8000:127.0.0.1:8000).",
        shown(text)
    ))
}

fn port(variables: &Variables) -> Result<u16, String> {
    let Some(text) = variables.get("PORT") else { return Ok(DEFAULT_PORT) };
    text.parse().map_err(|_| {
        format!("{} is not a port. Use a number from 1 to 65535, or 0 for any that is free.", shown(text))
    })
}

fn data_folder(variables: &Variables) -> Result<PathBuf, String> {
    pgserver::data_folder(variables.get("PG_DASHBOARD_DATA").map(PathBuf::from))
        .map_err(|error| sentence(&error))
}

fn watch(variables: &Variables) -> Result<bool, String> {
    let Some(text) = variables.get("WATCH") else { return Ok(true) };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{} is neither true nor false.", shown(text))),
    }
}

fn folder(variables: &Variables, name: &str) -> Result<Option<PathBuf>, String> {
    let Some(text) = variables.get(name) else { return Ok(None) };
    let path = std::path::absolute(text).map_err(|error| format!("The folder cannot be used: {error}."))?;
    if path.is_dir() { Ok(Some(path)) } else { Err(format!("{} is not a folder.", shown(text))) }
}

/// `RUST_LOG` says in full what is logged, and then nobody asks for `LOG_LEVEL`.
fn log_filter(variables: &Variables) -> Result<Option<String>, String> {
    let Some(filter) = variables.get("RUST_LOG") else { return Ok(None) };
    match EnvFilter::builder().parse(filter) {
        Ok(_) => Ok(Some(filter.to_owned())),
        Err(_) => Err(format!("{} is not a filter. Use for instance: info,service=debug.", shown(filter))),
    }
}

/// `LOG_LEVEL` says it in one word, also in those of other programs.
fn log_level(variables: &Variables) -> Result<String, String> {
    let Some(text) = variables.get("LOG_LEVEL") else { return Ok(DEFAULT_LOG.to_owned()) };
    let level = match text.to_ascii_lowercase().as_str() {
        "critical" | "fatal" | "error" => "error",
        "warning" | "warn" => "warn",
        "info" => "info",
        "debug" => "debug",
        "trace" => "trace",
        _ => {
            return Err(format!("{} is not a level. Use error, warn, info, debug or trace.", shown(text)));
        }
    };
    Ok(DEFAULT_LOG.replacen("info", level, 1))
}

/// An error's words as a sentence.
fn sentence(error: &dyn fmt::Display) -> String {
    let words = error.to_string();
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let home = [("PG_DASHBOARD_DATA", "/data")];
        Config::read(&Variables::from_pairs(home.into_iter().chain(pairs.iter().copied())))
    }

    fn faults_of(pairs: &[(&str, &str)]) -> Vec<&'static str> {
        read(pairs).expect_err("should be refused").0.into_iter().map(|fault| fault.name).collect()
    }

    #[test]
    fn nothing_has_to_be_set() {
        let config = read(&[]).unwrap();
        assert!(matches!(config.database, Database::Embedded { bin_dir: None, keys: None }));
        assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.retention_days, 90);
        assert_eq!(config.chunk_interval.to_string(), "7 days");
    }

    #[test]
    fn a_dotenv_with_an_unquoted_interval_and_a_comment_loads() {
        let text = "TIMESCALE_CHUNK_TIME_INTERVAL=14 days   # a comment\nPG_DASHBOARD_DATA=/data\n";
        let config = Config::read(&Variables::from_dotenv(text)).unwrap();
        assert_eq!(config.chunk_interval.to_string(), "14 days");
    }

    #[test]
    fn the_example_loads_as_it_is_and_changes_nothing() {
        let example = include_str!("../../../.env.example");
        let config =
            Config::read(&Variables::from_dotenv(&format!("{example}\nPG_DASHBOARD_DATA=/data"))).unwrap();
        let unchanged = read(&[]).unwrap();
        assert_eq!(format!("{config:?}"), format!("{unchanged:?}"));
    }

    #[test]
    fn settings_of_the_assistant_load_without_complaint() {
        read(&[
            ("OLLAMA_BASE_URL", "http://localhost:11434"),
            ("OLLAMA_MODEL", "gpt-oss"),
            ("CHAT_ENABLED", "true"),
            ("OLLAMA_API_KEY", "x"),
        ])
        .unwrap();
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        assert!(matches!(
            read(&[("DATABASE_URL", " "), ("PORT", "")]).unwrap().database,
            Database::Embedded { .. }
        ));
    }

    #[test]
    fn all_bad_values_are_told_at_once_by_name() {
        let bad = [
            ("DATABASE_URL", "postgresql://u@h:99999/d"),
            ("DATABASE_DIRECT_URL", "nonsense"),
            ("DB_PASSWORD_ENCRYPTION_KEY", "too short"),
            ("TIMESCALE_RETENTION_DAYS", "0"),
            ("TIMESCALE_CHUNK_TIME_INTERVAL", "often"),
            ("HOST", "example.com"),
            ("PORT", "70000"),
            ("PG_BIN", "/does/not/exist"),
            ("LEPTOS_SITE_ROOT", "/does/not/exist"),
            ("LOG_LEVEL", "loud"),
            ("WATCH", "sometimes"),
        ];
        let mut expected: Vec<&str> = bad.iter().map(|(name, _)| *name).collect();
        let mut told = faults_of(&bad);
        expected.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, expected);
    }

    #[test]
    fn no_message_repeats_a_secret() {
        let told =
            read(&[("DATABASE_URL", "mysql://u:hunter2@h"), ("DB_PASSWORD_ENCRYPTION_KEY", "hunter3")]);
        let message = told.expect_err("should be refused").to_string();
        assert!(!message.contains("hunter"), "{message}");
    }

    #[test]
    fn unreadable_lines_of_dotenv_are_told_with_the_rest() {
        let error = Config::read(&Variables::from_dotenv("what is this\nPORT=x\nPG_DASHBOARD_DATA=/data"))
            .expect_err("refused");
        assert_eq!(error.0.iter().map(|fault| fault.name).collect::<Vec<_>>(), [".env", "PORT"]);
        assert!(error.to_string().contains("Line 1"), "{error}");
    }

    #[test]
    fn a_database_url_without_a_key_is_refused_with_what_to_do() {
        let error = read(&[("DATABASE_URL", "postgresql://u@h/d")]).expect_err("should be refused");
        assert!(error.to_string().contains("pg-dashboard keys generate"), "{error}");
    }

    #[test]
    fn a_database_url_with_a_key_is_used() {
        let key = KeyRing::generate_key();
        let pairs = [
            ("DATABASE_URL", "postgres://u:p@h/d"),
            ("DATABASE_DIRECT_URL", "postgres://u:p@h2/d"),
            ("DB_PASSWORD_ENCRYPTION_KEY", key.expose_secret()),
        ];
        let Database::External { direct_url, .. } = read(&pairs).unwrap().database else {
            panic!("not external")
        };
        assert!(direct_url.is_some());
    }

    #[test]
    fn only_loopback_is_listened_on() {
        for host in ["0.0.0.0", "::", "192.168.1.5", "[::]"] {
            let message = read(&[("HOST", host)]).expect_err(host).to_string();
            assert!(message.contains("no sign-in"), "{message}");
        }
        for (host, listen) in
            [("localhost", "127.0.0.1:8000"), ("::1", "[::1]:8000"), ("127.0.0.9", "127.0.0.9:8000")]
        {
            assert_eq!(read(&[("HOST", host)]).unwrap().listen.to_string(), listen);
        }
    }

    #[test]
    fn it_watches_unless_told_not_to() {
        assert!(read(&[]).unwrap().watch);
        assert!(!read(&[("WATCH", "False")]).unwrap().watch);
    }

    #[test]
    fn log_levels_of_other_programs_are_understood() {
        assert!(read(&[("LOG_LEVEL", "WARNING")]).unwrap().log.starts_with("warn,"));
        assert_eq!(read(&[("LOG_LEVEL", "loud"), ("RUST_LOG", "debug")]).unwrap().log, "debug");
        assert_eq!(faults_of(&[("RUST_LOG", "a=b=c")]), ["RUST_LOG"]);
        assert_eq!(faults_of(&[("RUST_LOG", "a=b=c"), ("LOG_LEVEL", "loud")]), ["LOG_LEVEL", "RUST_LOG"]);
    }
}
