//! Whether the keys at hand are those of this database.
//!
//! The first start seals a known text; a later start with other keys cannot open it and stops before it changes
//! anything. Without this, a wrong key would show only when a password is needed, after others were sealed with it.

use tokio_postgres::{Client, types::Type};

use crate::{KeyRing, StoreError, session};

const KEY: &str = "key_check";
const PLAIN: &[u8] = br#"{"v":1,"purpose":"key_check"}"#;

const TABLE_EXISTS: &str = "select to_regclass('dashboard.settings') is not null";
const READ: &str = "select value from dashboard.settings where key = $1";
const WRITE: &str =
    "insert into dashboard.settings (key, value) values ($1, $2) on conflict (key) do nothing";
/// The newest secret: it was sealed with a key that must be at hand.
const ANY_SECRET: &str = "select password_token from dashboard.connections where password_token is not null order by id desc limit 1";

/// Refuses keys that do not fit. A database that was never used fits any.
pub(crate) async fn refuse_wrong_key(client: &Client, keys: &KeyRing) -> Result<(), StoreError> {
    let exists = session::row(client, TABLE_EXISTS, &[]).await?;
    if !exists.is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    let sealed: Option<String> = match token(client).await? {
        Some(token) => Some(token),
        // The check is gone (a partial restore, say), but there may be secrets.
        None => session::row(client, ANY_SECRET, &[]).await?.map(|row| row.get(0)),
    };
    match sealed {
        Some(token) if keys.decrypt(&token).is_none() => Err(StoreError::WrongKey),
        _ => Ok(()),
    }
}

/// Seals the known text, unless an earlier start has.
pub(crate) async fn write_once(client: &Client, keys: &KeyRing) -> Result<(), StoreError> {
    let token = keys.encrypt(PLAIN);
    session::execute(client, WRITE, &[(&KEY, Type::TEXT), (&token, Type::TEXT)]).await?;
    Ok(())
}

/// Whether the sealed text is there and opens.
pub(crate) async fn passes(client: &Client, keys: &KeyRing) -> Result<bool, StoreError> {
    let exists = session::row(client, TABLE_EXISTS, &[]).await?;
    if !exists.is_some_and(|row| row.get(0)) {
        return Ok(false);
    }
    Ok(token(client).await?.is_some_and(|token| keys.decrypt(&token).is_some()))
}

async fn token(client: &Client) -> Result<Option<String>, StoreError> {
    Ok(session::row(client, READ, &[(&KEY, Type::TEXT)]).await?.map(|row| row.get(0)))
}
