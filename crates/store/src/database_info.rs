//! What the dashboard says of its own database.

use common::{
    Reason, Unavailable,
    database::{DatabaseInfo, HistoryInfo, MigrationInfo},
};

use crate::{Store, StoreError, migrate, session};

/// Counting millions of rows takes longer than a page may: above this the planner's estimate stands in.
const READ: &str = "
with estimate as (
    select sum(greatest(reltuples, 0))::int8 as rows
    from pg_class
    where oid in ('dashboard.checks'::regclass, 'dashboard.health_samples'::regclass)
)
select current_setting('server_version') as server_version,
    case
        when estimate.rows > 1000000 then estimate.rows
        else (select count(*) from dashboard.checks) + (select count(*) from dashboard.health_samples)
    end as rows,
    pg_total_relation_size('dashboard.checks') + pg_total_relation_size('dashboard.health_samples') as bytes,
    least((select min(checked_at) from dashboard.checks),
        (select min(checked_at) from dashboard.health_samples)) as oldest
from estimate";

impl Store {
    /// Where the database is, how much history it holds, and how its sessions and migrations stand.
    pub async fn database_info(&self) -> Result<DatabaseInfo, StoreError> {
        let session = self.session().await?;
        let client = session.client();
        let (row, migrations) = futures::try_join!(session::row(client, READ, &[]), migrate::info(client))?;
        let row = row.ok_or(StoreError::Unreadable { what: "description of itself" })?;
        let history = HistoryInfo {
            engine: "native".to_owned(),
            timescaledb_version: None,
            chunk_interval: self.chunk_interval().to_string(),
            retention_days: self.retention_days(),
            rows: row.try_get("rows")?,
            size_bytes: row.try_get("bytes")?,
            oldest: row.try_get("oldest")?,
        };
        let mut unavailable = Unavailable::new();
        let mut missing = |field: &str, reason: &str| {
            unavailable.insert(field.to_owned(), Reason::new(reason));
        };
        missing("spool", Reason::NOT_COLLECTED);
        missing("history.timescaledb_version", "TimescaleDB is not used.");
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
