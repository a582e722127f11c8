//! History has an end: raw rows and changes older than the retention go.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::types::Type;

use crate::{Store, StoreError, session};

const EXPIRED_CHECKS: &str = "delete from dashboard.checks where checked_at < $1";
const EXPIRED_SAMPLES: &str = "delete from dashboard.health_samples where checked_at < $1";
const EXPIRED_CHANGES: &str = "delete from dashboard.changes where at < $1";
const EXPIRED_DELTAS: &str = "
delete from dashboard.statement_deltas d using dashboard.statement_intervals i
where i.ended_at < $1 and d.connection_id = i.connection_id and d.began_at = i.began_at
    and d.cumulative = i.cumulative";
const EXPIRED_INTERVALS: &str = "delete from dashboard.statement_intervals where ended_at < $1";
const EXPIRED_TEXTS: &str = "delete from dashboard.statement_texts where seen_at < $1";

impl Store {
    /// Removes raw rows and changes older than the configured retention. Answers how many went. Meant to run now and then.
    pub async fn expire_history(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let oldest = now - TimeDelta::days(i64::from(self.retention_days()));
        let session = self.session().await?;
        let mut gone = 0;
        let all = [
            EXPIRED_CHECKS,
            EXPIRED_SAMPLES,
            EXPIRED_CHANGES,
            EXPIRED_DELTAS,
            EXPIRED_INTERVALS,
            EXPIRED_TEXTS,
        ];
        for statement in all {
            gone += session::sweep(session.client(), statement, &[(&oldest, Type::TIMESTAMPTZ)]).await?;
        }
        Ok(gone)
    }
}
