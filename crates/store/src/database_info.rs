//! What the dashboard says of its own database.

use common::{
    Reason, Unavailable,
    database::{DatabaseInfo, HistoryInfo, MigrationInfo},
};

use crate::{Store, StoreError, migrate, session};

const VERSION: &str = "select current_setting('server_version') as server_version";

impl Store {
    /// Where the database is, how much history it holds, and how its sessions and migrations stand.
    pub async fn database_info(&self) -> Result<DatabaseInfo, StoreError> {
        let session = self.session().await?;
        let client = session.client();
        let engine = self.engine();
        let (row, migrations, extent) = futures::try_join!(
            session::row(client, VERSION, &[]),
            migrate::info(client),
            engine.extent(client)
        )?;
        let row = row.ok_or(StoreError::Unreadable { what: "description of itself" })?;
        let history = HistoryInfo {
            engine: engine.as_str().to_owned(),
            timescaledb_version: extent.timescaledb_version,
            chunk_interval: self.chunk_interval().to_string(),
            retention_days: self.retention_days(),
            rows: extent.rows,
            size_bytes: extent.bytes,
            oldest: extent.oldest,
        };
        let mut unavailable = Unavailable::new();
        let mut missing = |field: &str, reason: &str| {
            unavailable.insert(field.to_owned(), Reason::new(reason));
        };
        missing("spool", Reason::NOT_COLLECTED);
        if history.timescaledb_version.is_none() {
            missing("history.timescaledb_version", "TimescaleDB is not used.");
        }
        if history.oldest.is_none() {
            missing("history.oldest", Reason::NOT_COLLECTED);
        }
        Ok(DatabaseInfo {
            engine: "postgresql".to_owned(),
            mode: self.mode(),
            host: self.url().host.clone(),
            port: self.url().port,
            database_name: self.url().database_name.clone(),
            server_version: row.try_get("server_version")?,
            history,
            pool: self.pool_info(),
            spool: None,
            migrations,
            unavailable,
        })
    }

    /// Which migrations the database has, and which this release knows. For readiness.
    pub async fn migrations(&self) -> Result<MigrationInfo, StoreError> {
        let session = self.session().await?;
        migrate::info(session.client()).await
    }
}
