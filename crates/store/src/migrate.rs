//! Brings the schema up to this release, one dashboard at a time.
//!
//! refinery takes no lock, so one is taken here, on a session of its own that ends with the migration. Each file
//! works with the release before it, and an older replica that meets newer migrations keeps running.

use std::time::Duration;

use common::database::MigrationInfo;
use tokio_postgres::{Client, error::SqlState, types::Type};

use crate::{
    StoreConfig, StoreError,
    history::engine::Engine,
    key_check,
    open::{dial, migration_url, refuse_transaction_pooler},
    session,
};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

const TABLE: &str = "dashboard.schema_migrations";
/// Any number that nobody else uses: "pgdash" in ASCII.
const LOCK: i64 = 0x7067_6461_7368;
const LOCK_LIMIT: Duration = Duration::from_secs(60);
const OLDEST_SERVER: i32 = 150_000;

const SERVER_VERSION: &str =
    "select current_setting('server_version_num')::int4, current_setting('server_version')";
const SCHEMA_EXISTS: &str = "select to_regnamespace('dashboard') is not null";
const TRY_LOCK: &str = "select pg_try_advisory_lock($1)";
const APPLIED: &str = "select max(version) from dashboard.schema_migrations";

/// Migrates and answers what is applied now. Runs at every start and by `pg-dashboard migrate`.
pub async fn migrate(config: &StoreConfig) -> Result<MigrationInfo, StoreError> {
    migrate_and_choose(config).await.map(|(info, _)| info)
}

/// [`migrate`], with the engine that keeps history.
pub(crate) async fn migrate_and_choose(config: &StoreConfig) -> Result<(MigrationInfo, Engine), StoreError> {
    let (setting, url) = migration_url(config)?;
    let (mut client, task) = dial(&url).await?;
    refuse_old_server(&client).await?;
    refuse_transaction_pooler(setting, config.direct_url.is_some(), &url, &client).await?;
    let outcome = migrate_alone(&mut client, config).await;
    // Ends the session, and with it the lock.
    drop(client);
    let _ = task.await;
    outcome
}

async fn migrate_alone(
    client: &mut Client,
    config: &StoreConfig,
) -> Result<(MigrationInfo, Engine), StoreError> {
    lock(client).await?;
    key_check::refuse_wrong_key(client, &config.keys).await?;
    // CREATE SCHEMA IF NOT EXISTS wants the right to create even where it exists.
    if !is_true(client, SCHEMA_EXISTS).await? {
        client.batch_execute("create schema dashboard").await?;
    }
    let mut runner = embedded::migrations::runner().set_abort_missing(false);
    runner.set_migration_table_name(TABLE);
    let report = runner.run_async(client).await?;
    for migration in report.applied_migrations() {
        tracing::info!(version = migration.version(), name = migration.name(), "migrated the database");
    }
    key_check::write_once(client, &config.keys).await?;
    let engine = Engine::choose(client, config).await?;
    Ok((info(client).await?, engine))
}

/// Which migrations the database has, and which this release knows.
pub(crate) async fn info(client: &Client) -> Result<MigrationInfo, StoreError> {
    let applied = session::row(client, APPLIED, &[]).await?.and_then(|row| row.get::<_, Option<i32>>(0));
    Ok(MigrationInfo { applied: applied.unwrap_or(0), latest: latest() })
}

fn latest() -> i32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| migration.version())
        .max()
        .unwrap_or(0)
}

/// The session is the only one that migrates, until it ends.
pub(crate) async fn lock(client: &Client) -> Result<(), StoreError> {
    let attempt = session::row(client, TRY_LOCK, &[(&LOCK, Type::INT8)]).await?;
    if attempt.is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    tracing::info!(
        "another dashboard is migrating the same database; waiting up to {} s",
        LOCK_LIMIT.as_secs()
    );
    // lock_timeout covers advisory locks too (PostgreSQL: Client Connection Defaults).
    let wait = format!(
        "set lock_timeout = '{} s'; select pg_advisory_lock({LOCK}); reset lock_timeout",
        LOCK_LIMIT.as_secs()
    );
    match client.batch_execute(&wait).await {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            Err(StoreError::MigrationLock { limit_s: LOCK_LIMIT.as_secs() })
        }
        outcome => Ok(outcome?),
    }
}

async fn refuse_old_server(client: &Client) -> Result<(), StoreError> {
    match session::row(client, SERVER_VERSION, &[]).await? {
        Some(row) if row.get::<_, i32>(0) < OLDEST_SERVER => {
            Err(StoreError::ServerTooOld { version: common::text::clean(row.get(1), 40) })
        }
        _ => Ok(()),
    }
}

async fn is_true(client: &Client, sql: &str) -> Result<bool, StoreError> {
    Ok(session::row(client, sql, &[]).await?.is_some_and(|row| row.get(0)))
}
