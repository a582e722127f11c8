//! `DATABASE_URL`, read so that no error repeats it.
//!
//! tokio-postgres knows no verify modes, no `sslrootcert` and no `pool_size`, and its errors quote what they do not understand,
//! which may be half a password. So the two options are taken out and everything is checked before it sees the rest.

use std::{fmt, fs, sync::Arc};

use common::{SslMode, validate};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::Host;

use crate::UrlError;

const DEFAULT_POOL_SIZE: usize = 10;
const MAX_POOL_SIZE: usize = 100;

/// A database URL in parts. The password lives in `config`, which must not be printed.
#[derive(Clone)]
pub(crate) struct DatabaseUrl {
    /// A host name, an address or a socket's folder.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database_name: String,
    pub(crate) ssl_mode: SslMode,
    /// PEM.
    pub(crate) root_cert: Option<String>,
    /// The most sessions at once.
    pub(crate) pool_size: usize,
    /// User, password and startup parameters.
    pub(crate) config: tokio_postgres::Config,
}

/// Whether a database URL can be read. Nobody is asked.
pub fn check_url(url: &SecretString) -> Result<(), UrlError> {
    DatabaseUrl::parse(url).map(drop)
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({}, redacted)", self.address())
    }
}

impl DatabaseUrl {
    pub(crate) fn parse(url: &SecretString) -> Result<Self, UrlError> {
        let url = url.expose_secret().trim();
        if !(url.starts_with("postgresql://") || url.starts_with("postgres://")) {
            return Err(UrlError::Scheme);
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut options = Options::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            options.take(pair)?;
        }
        let rest = SecretString::from(match options.passed_on.is_empty() {
            true => base.to_owned(),
            false => format!("{base}?{}", options.passed_on.join("&")),
        });
        // Its error quotes the URL: dropped on purpose.
        let mut config: tokio_postgres::Config =
            rest.expose_secret().parse().map_err(|_| UrlError::Format)?;
        config.application_name("pg-dashboard");

        let host = one_host(&config)?;
        let port = match config.get_ports() {
            [] => 5432,
            [0, ..] => return Err(UrlError::BadPort),
            [port, ..] => *port,
        };
        let user = config.get_user().filter(|user| !user.is_empty()).ok_or(UrlError::NoUser)?.to_owned();
        let database_name =
            config.get_dbname().filter(|name| !name.is_empty()).map_or(user, ToOwned::to_owned);
        config.dbname(&database_name);
        Ok(Self {
            host,
            port,
            database_name,
            ssl_mode: options.ssl_mode,
            root_cert: options.root_cert,
            pool_size: options.pool_size,
            config,
        })
    }

    /// `host:port`, for people.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

struct Options {
    ssl_mode: SslMode,
    root_cert: Option<String>,
    pool_size: usize,
    passed_on: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ssl_mode: SslMode::default(),
            root_cert: None,
            pool_size: DEFAULT_POOL_SIZE,
            passed_on: Vec::new(),
        }
    }
}

impl Options {
    fn take(&mut self, pair: &str) -> Result<(), UrlError> {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "sslmode" => self.ssl_mode = ssl_mode(&decoded(value)?)?,
            "sslrootcert" => self.root_cert = root_cert(decoded(value)?)?,
            "pool_size" => self.pool_size = pool_size(value)?,
            "sslcert" | "sslkey" | "sslcrl" | "hostaddr" | "target_session_attrs" | "load_balance_hosts" => {
                return Err(UrlError::NotOffered(key.to_owned()));
            }
            "host" | "port" | "user" | "password" | "dbname" | "options" | "application_name"
            | "connect_timeout" | "keepalives" | "keepalives_idle" | "channel_binding" => {
                self.passed_on.push(pair.to_owned());
            }
            // An unencoded `?` or `&` in the password ends up here as well: only what looks like a name is repeated.
            _ if key.len() <= 40
                && key.starts_with(|c: char| c.is_ascii_lowercase())
                && pair.contains('=')
                && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                && !pair.contains('@') =>
            {
                return Err(UrlError::UnknownOption(key.to_owned()));
            }
            _ => return Err(UrlError::Format),
        }
        Ok(())
    }
}

fn decoded(value: &str) -> Result<String, UrlError> {
    percent_decode_str(value).decode_utf8().map(Into::into).map_err(|_| UrlError::Format)
}

fn pool_size(text: &str) -> Result<usize, UrlError> {
    text.parse().ok().filter(|size| (1..=MAX_POOL_SIZE).contains(size)).ok_or(UrlError::BadPoolSize)
}

fn ssl_mode(text: &str) -> Result<SslMode, UrlError> {
    match text.parse::<SslMode>() {
        Ok(mode) if mode.is_offered() => Ok(mode),
        Ok(mode) => Err(UrlError::SslMode(mode.to_string())),
        Err(_) => Err(UrlError::SslMode(common::text::clean(text, 20))),
    }
}

/// libpq's `sslrootcert=system` means the system's roots, which are used without the option as well.
fn root_cert(path: String) -> Result<Option<String>, UrlError> {
    if path.is_empty() || path == "system" {
        return Ok(None);
    }
    match fs::read_to_string(&path) {
        Ok(pem) => Ok(Some(pem)),
        Err(source) => Err(UrlError::RootCert { path, source: Arc::new(source.into()) }),
    }
}

fn one_host(config: &tokio_postgres::Config) -> Result<String, UrlError> {
    let host = match config.get_hosts() {
        [] => return Err(UrlError::NoHost),
        [Host::Tcp(host)] => host.clone(),
        [Host::Unix(folder)] => folder.to_str().ok_or(UrlError::BadHost)?.to_owned(),
        _ => return Err(UrlError::SeveralHosts),
    };
    match host.as_str() {
        "" => Err(UrlError::NoHost),
        name => validate::host(name).map_err(|_| UrlError::BadHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, UrlError> {
        DatabaseUrl::parse(&SecretString::from(url.to_owned()))
    }

    fn error_of(url: &str) -> UrlError {
        match parse(url) {
            Ok(_) => panic!("{url} should be refused"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_url_comes_apart() {
        let url =
            parse("postgresql://us%40er:p%40ss@db.example.com:6432/orders?sslmode=verify-full").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.database_name.as_str()),
            ("db.example.com", 6432, "orders")
        );
        assert_eq!((url.config.get_user(), url.ssl_mode), (Some("us@er"), SslMode::VerifyFull));
        assert_eq!(url.config.get_password(), Some(&b"p@ss"[..]));
        let least = parse("postgres://app@db").unwrap();
        assert_eq!((least.port, least.database_name.as_str(), least.ssl_mode), (5432, "app", SslMode::Auto));
        assert_eq!((least.pool_size, parse("postgres://app@db?pool_size=1").unwrap().pool_size), (10, 1));
        assert_eq!(parse("postgres://app@[::1]:5433/x").unwrap().address(), "[::1]:5433");
        assert_eq!(parse("postgres://app@%2Frun%2Fpg/x").unwrap().host, "/run/pg");
        assert_eq!(parse("postgres://app@/x?host=/run/pg&port=5433").unwrap().address(), "/run/pg:5433");
    }

    #[test]
    fn each_fault_has_its_own_words() {
        for (url, error) in [
            ("mysql://h/d", UrlError::Scheme),
            ("host=localhost", UrlError::Scheme),
            ("postgres://app@h:99999/d", UrlError::Format),
            ("postgres://app@h:0/d", UrlError::BadPort),
            ("postgres://h/d", UrlError::NoUser),
            ("postgres:///d?user=app", UrlError::NoHost),
            ("postgres://app@a,b/d", UrlError::SeveralHosts),
            ("postgres://app@h/d?sslmode=prefer", UrlError::SslMode("prefer".to_owned())),
            ("postgres://app@h/d?sslmode=yes", UrlError::SslMode("yes".to_owned())),
            ("postgres://app@h/d?colour=red", UrlError::UnknownOption("colour".to_owned())),
            ("postgres://app@h/d?pool_size=0", UrlError::BadPoolSize),
            ("postgres://app@h/d?pool_size=many", UrlError::BadPoolSize),
            ("postgres://app@h/d?sslkey=x", UrlError::NotOffered("sslkey".to_owned())),
        ] {
            assert_eq!(error_of(url), error, "{url}");
        }
        let missing = error_of("postgres://app@h/d?sslrootcert=/no/such.pem");
        assert!(
            missing.to_string().starts_with("sslrootcert /no/such.pem cannot be read: No such file"),
            "{missing}"
        );
    }

    #[test]
    fn no_fault_repeats_any_part_of_the_password() {
        for url in [
            "postgres://app:hun@ter2@h/d",
            "postgres://app:hun?ter2@h/d",
            "postgres://app:hun?ter=2@h/d",
            "postgres://app:hun/ter2@h:x/d",
            "postgres://app:hun#ter2@h:x/d",
            "postgres://app:hun ter2@h:99999/d",
            "app:hunter2@h",
        ] {
            let error = error_of(url);
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hun") && !shown.contains("ter2"), "{url}: {shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,80}") {
            let _ = parse(&format!("postgres://{text}"));
            let _ = parse(&format!("postgres://u@h/d?{text}"));
        }
    }
}
