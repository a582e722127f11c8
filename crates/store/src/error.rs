//! What can go wrong with the dashboard's own database. No variant carries a secret: not a password, not a key,
//! not a URL.

use common::{ConnectionId, FieldError};
use tokio_postgres::error::{DbError, SqlState};

use crate::KeyError;

/// What is wrong with `DATABASE_URL`, without repeating it: it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("it must begin with postgresql:// (or postgres://)")]
    Scheme,
    #[error(
        "it cannot be read: expected postgresql://user:password@host:port/database, with special characters in \
         user and password percent-encoded (@ is %40, / is %2F, # is %23)"
    )]
    Format,
    #[error("it names no host")]
    NoHost,
    #[error("it names several hosts; name one")]
    SeveralHosts,
    #[error(
        "its host is not a host name; are special characters in the password percent-encoded (@ is %40)?"
    )]
    BadHost,
    #[error("it names no user")]
    NoUser,
    #[error("its port must be from 1 to 65535")]
    BadPort,
    #[error("its pool_size must be from 1 to 100")]
    BadPoolSize,
    #[error("sslmode={0} is not offered; use auto, verify-full, require or disable")]
    SslMode(String),
    #[error("its option {0} is not known")]
    UnknownOption(String),
    #[error("its option {0} is not offered")]
    NotOffered(String),
    #[error("sslrootcert {path} cannot be read: {source}")]
    RootCert {
        path: String,
        #[source]
        source: std::sync::Arc<IoSource>,
    },
}

/// An I/O error that compares by its kind, so that [`UrlError`] can be compared.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IoSource(#[from] pub std::io::Error);

impl PartialEq for IoSource {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind() == other.0.kind()
    }
}

impl Eq for IoSource {}

/// Why a session on the dashboard's own database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{address} cannot be reached: {}", chain(source))]
    Reach {
        /// `host:port` as configured.
        address: String,
        #[source]
        source: Box<egress::ConnectError>,
    },
    #[error("{address} refused the session: {}", words(source))]
    SignIn {
        address: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("{address} did not answer within {limit_s} s")]
    Timeout { address: String, limit_s: u64 },
}

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{setting}: {source}")]
    Url {
        /// `DATABASE_URL` or `DATABASE_DIRECT_URL`.
        setting: &'static str,
        #[source]
        source: UrlError,
    },
    #[error("the dashboard's own database: {0}")]
    Connect(#[from] ConnectError),
    #[error("the dashboard's own database gave no free session within {limit_s} s")]
    PoolTimeout { limit_s: u64 },
    #[error("the dashboard's own database did not answer within {limit_s} s")]
    Timeout { limit_s: u64 },
    #[error("the dashboard's own database: {}", words(.0))]
    Query(#[from] tokio_postgres::Error),
    #[error("the dashboard's own database is PostgreSQL {version}; it must be 15 or newer")]
    ServerTooOld { version: String },
    #[error(
        "{setting} leads through a transaction pooler ({reason}). Migrations need a session of their own: set \
         DATABASE_DIRECT_URL to an address of the same database without the pooler"
    )]
    TransactionPooler {
        setting: &'static str,
        /// How it was recognised.
        reason: &'static str,
    },
    #[error("DATABASE_DIRECT_URL and DATABASE_URL lead to different databases; they must be the same one")]
    DifferentDatabases,
    #[error(
        "another dashboard has been migrating the same database for {limit_s} s. Start again when it is done; if \
         there is none, look for a session that holds an advisory lock in pg_locks"
    )]
    MigrationLock { limit_s: u64 },
    #[error("history cannot be moved to TimescaleDB: {reason}")]
    NoTimescaledb { reason: String },
    #[error(
        "a dashboard is running on this database. Stop it (all of them, where there are several), convert the history, and start \
         it again: it may run as soon as the conversion says that the first part was moved"
    )]
    DashboardRuns,
    #[error("the dashboard's own database could not be migrated: {0}")]
    Migration(#[from] refinery::Error),
    #[error(
        "DB_PASSWORD_ENCRYPTION_KEY is not the key that this database was first used with. Nothing was changed. \
         Set the right key, or put it behind the new one, separated by a comma"
    )]
    WrongKey,
    #[error("DB_PASSWORD_ENCRYPTION_KEY: {0}")]
    Key(#[from] KeyError),

    #[error("there is no such connection")]
    NotFound,
    #[error("another connection has this name")]
    NameTaken,
    /// The change was made from an old version.
    #[error("the connection has changed in the meantime; it is at version {current} now")]
    Conflict { current: i32 },
    /// The caller's guard refused the change; nothing was stored.
    #[error("{}: {}", .0.field, .0.message)]
    Refused(FieldError),
    /// The same `Idempotency-Key` came with another request.
    #[error("this Idempotency-Key was used for a different request")]
    IdempotencyKeyReused,
    /// The cursor is none of ours, or of another order.
    #[error("the cursor does not belong to this list")]
    BadCursor,
    #[error("the stored password of connection {connection_id} cannot be read with the keys at hand")]
    Secret { connection_id: ConnectionId },
    /// A row says something that this release does not understand.
    #[error("the dashboard's own database holds a {what} that this release does not understand")]
    Unreadable { what: &'static str },
    #[error("the system gives no thread for the spool: {0}")]
    Spool(#[from] std::io::Error),
    #[error("a {what} could not be written as JSON")]
    Json {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl StoreError {
    /// Whether the database is away or overloaded, so that the same request may succeed later (503).
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::PoolTimeout { .. } | Self::Timeout { .. } => true,
            Self::Query(error) => match error.code() {
                // No SQLSTATE: the session broke, not the statement.
                None => {
                    error.is_closed()
                        || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
                }
                Some(code) => {
                    matches!(
                        *code,
                        SqlState::ADMIN_SHUTDOWN
                            | SqlState::CRASH_SHUTDOWN
                            | SqlState::CANNOT_CONNECT_NOW
                            | SqlState::IDLE_SESSION_TIMEOUT
                            | SqlState::READ_ONLY_SQL_TRANSACTION
                    ) || code.code().starts_with("08")
                        || code.code().starts_with("53")
                }
            },
            _ => false,
        }
    }
}

/// The server's own words where there are any, made safe to log; otherwise the client's.
fn words(error: &tokio_postgres::Error) -> String {
    let text = match error.as_db_error() {
        Some(db) => db_words(db),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    };
    common::text::clean_server_text(&text)
}

/// An error with its causes, each said once: "the connection failed: Connection refused (os error 111)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    common::text::clean_server_text(&text)
}

fn db_words(error: &DbError) -> String {
    format!("{} (SQLSTATE {})", error.message(), error.code().code())
}
