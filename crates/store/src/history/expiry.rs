//! History has an end: raw rows and changes older than the retention go.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::types::Type;

use crate::{Store, StoreError, session};

const EXPIRED_CHECKS: &str = "delete from dashboard.checks where checked_at < $1";
const EXPIRED_SAMPLES: &str = "delete from dashboard.health_samples where checked_at < $1";
const EXPIRED_CHANGES: &str = "delete from dashboard.changes where at < $1";

impl Store {
    /// Removes raw rows and changes older than the configured retention. Answers how many went. Meant to run now and then.
    pub async fn expire_history(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let oldest = now - TimeDelta::days(i64::from(self.retention_days()));
        let session = self.session().await?;
        let mut gone = 0;
        for statement in [EXPIRED_CHECKS, EXPIRED_SAMPLES, EXPIRED_CHANGES] {
            gone += session::sweep(session.client(), statement, &[(&oldest, Type::TIMESTAMPTZ)]).await?;
        }
        Ok(gone)
    }
}
