//! What history needs now and then: room for what is to come, rollups, and an end.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::types::Type;

use crate::{Store, StoreError, session};

/// Replicas share the work: whoever moves the mark does it. A mark in the future is that of a clock that was wrong.
const CLAIM_SWEEP: &str = "
update dashboard.history_rollup set swept_at = $1
where swept_at <= $1 - interval '1 hour' or swept_at > $1";
/// Of statements, changes and writers there is little: rows are deleted.
const EXPIRED_CHANGES: &str = "delete from dashboard.changes where at < $1";
const EXPIRED_DELTAS: &str = "
delete from dashboard.statement_deltas d using dashboard.statement_intervals i
where i.ended_at < $1 and d.connection_id = i.connection_id and d.began_at = i.began_at
    and d.cumulative = i.cumulative";
const EXPIRED_INTERVALS: &str = "delete from dashboard.statement_intervals where ended_at < $1";
const EXPIRED_TEXTS: &str = "delete from dashboard.statement_texts where seen_at < $1";
const EXPIRED_WRITERS: &str = "delete from dashboard.history_writers where at < $1";

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintenance {
    pub partitions_made: u64,
    pub partitions_dropped: u64,
    /// Buckets of rollups that were written.
    pub buckets: u64,
    /// Rows that were too old.
    pub rows_dropped: u64,
}

impl Store {
    /// Makes room for what is to come and rolls up what has come; once an hour it also drops what is older than it is kept.
    /// Meant to run every minute; whatever was missed is made up for.
    pub async fn maintain_history(&self, now: DateTime<Utc>) -> Result<Maintenance, StoreError> {
        let mut done = Maintenance::default();
        let engine = self.engine();
        engine.keep_up(self, now, &mut done).await?;
        if self.claim_sweep(now).await? {
            engine.expire(self, now, &mut done).await?;
            let session = self.session().await?;
            let oldest = now - TimeDelta::days(i64::from(self.retention_days()));
            let all = [EXPIRED_CHANGES, EXPIRED_DELTAS, EXPIRED_INTERVALS, EXPIRED_TEXTS, EXPIRED_WRITERS];
            for statement in all {
                done.rows_dropped +=
                    session::sweep(session.client(), statement, &[(&oldest, Type::TIMESTAMPTZ)]).await?;
            }
        }
        Ok(done)
    }

    /// Gives its session back before the work begins: there may be one only.
    async fn claim_sweep(&self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let session = self.session().await?;
        let claimed = session::execute(session.client(), CLAIM_SWEEP, &[(&now, Type::TIMESTAMPTZ)]).await?;
        Ok(claimed == 1)
    }
}
