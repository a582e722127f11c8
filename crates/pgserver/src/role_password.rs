//! The password of the dashboard's role: kept in a file, and what happens when that is lost or is not the role's.
//!
//! The file decides. Whoever owns the data directory may set any password in it, without knowing the one before, so
//! nobody is locked out of data of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{NoTls, error::SqlState};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::{single_user, sync, write_private};
use crate::embedded::NAME;
use crate::error::{AtPath, PgServerError};
use crate::password::random_password;

/// For a login over loopback at a server that is ready.
const LOGIN_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn file(secrets: &Path) -> PathBuf {
    secrets.join("postgres-password")
}

/// The password in the file, if it is one of ours.
pub(crate) fn kept(secrets: &Path) -> Option<SecretString> {
    let kept = fs::read_to_string(file(secrets)).unwrap_or_default().trim().to_owned();
    // it goes into a URL and into SQL as it is
    (!kept.is_empty() && kept.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| kept.into())
}

pub(crate) fn keep(secrets: &Path, password: &SecretString) -> Result<(), PgServerError> {
    let file = file(secrets);
    write_private(&file, password.expose_secret(), &Account::ourselves())?;
    fs::File::open(&file).and_then(|file| file.sync_all()).at("write", &file)
}

/// Sets and keeps a new password. The server must not run.
pub(crate) fn replace_lost(
    secrets: &Path,
    data: &Path,
    binaries: &Binaries,
    account: &Account,
) -> Result<SecretString, PgServerError> {
    tracing::warn!(file = %file(secrets).display(), "the embedded PostgreSQL's password is lost; setting another");
    let password = random_password();
    set(&password, data, binaries, account)?;
    keep(secrets, &password)?;
    Ok(password)
}

/// Gives the role one of our passwords (letters and digits). The server must not run.
pub(crate) fn set(
    password: &SecretString,
    data: &Path,
    binaries: &Binaries,
    account: &Account,
) -> Result<(), PgServerError> {
    let sql = format!("ALTER ROLE {NAME} PASSWORD '{}';", password.expose_secret());
    single_user(binaries, account, data, "postgres", &sql)?;
    sync(binaries, account, data)
}

/// Whether the server says that the password in `url` is not the role's. Anything else that may be wrong with it is
/// told by whoever opens the database next.
pub(crate) async fn is_refused(url: &SecretString) -> bool {
    let login = tokio_postgres::connect(url.expose_secret(), NoTls);
    match tokio::time::timeout(LOGIN_WITHIN, login).await {
        Ok(Err(error)) => error.code() == Some(&SqlState::INVALID_PASSWORD),
        Ok(Ok(_)) | Err(_) => false,
    }
}
