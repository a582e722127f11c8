//! Deleting: hidden at once, restorable for 30 s, then gone with its secret and history.

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, connection::UNDO_WINDOW_S, event::EventKind};
use serde_json::json;
use tokio_postgres::types::Type;

use super::naming::{as_name_taken, free_name, is_name_taken, name_key};
use crate::{
    Store, StoreError,
    events::tell,
    open::commit,
    session::{self, Params},
};

const LIVE_VERSION: &str = "
select version from dashboard.connections where id = $1 and deleted_at is null for update";
const DELETE: &str = "update dashboard.connections set deleted_at = $2 where id = $1";
const DELETED_NAME: &str = "
select name from dashboard.connections where id = $1 and deleted_at > $2 for update";
/// Under its own name the version stays, so that a page which was open before the delete can still save.
const RESTORE: &str = "
update dashboard.connections
set deleted_at = null, version = version + (case when name = $2 then 0 else 1 end), name = $2, name_key = $3,
    search_text = case when name = $2 then search_text else $3 || E'\n' || search_text end
where id = $1";
const OVERDUE: &str = "
select id from dashboard.connections where deleted_at <= $1 order by id limit 50 for update skip locked";
const PURGE_INTERVALS: &str = "delete from dashboard.statement_intervals where connection_id = any ($1)";
const PURGE_DELTAS: &str = "delete from dashboard.statement_deltas where connection_id = any ($1)";
/// Latest readings, statements' texts, findings, changes and idempotency keys go by cascade.
const PURGE: &str = "delete from dashboard.connections where id = any ($1)";
const FORGET_KEYS: &str = "delete from dashboard.idempotency_keys where created_at < $1";

fn undo_window() -> TimeDelta {
    TimeDelta::seconds(i64::from(UNDO_WINDOW_S))
}

impl Store {
    /// Hides a connection; [`Store::purge`] takes it for good after [`UNDO_WINDOW_S`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when `version` is old.
    pub async fn delete(
        &self,
        id: ConnectionId,
        version: Option<i32>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let row = session::row(&transaction, LIVE_VERSION, &[(&id.0, Type::INT8)]).await?;
        let current: i32 = row.ok_or(StoreError::NotFound)?.try_get(0)?;
        if version.is_some_and(|version| version != current) {
            return Err(StoreError::Conflict { current });
        }
        session::execute(&transaction, DELETE, &[(&id.0, Type::INT8), (&now, Type::TIMESTAMPTZ)]).await?;
        tell::of_connection(&transaction, EventKind::ConnectionDeleted, id, now, json!({})).await?;
        commit(transaction).await
    }

    /// Brings a connection back within the undo window; under a free name with ` (2)` when another took its own.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is too late, or it is not deleted.
    pub async fn restore(&self, id: ConnectionId, now: DateTime<Utc>) -> Result<(), StoreError> {
        for _ in 0..5 {
            match self.restore_once(id, now).await {
                Err(error) if is_name_taken(&error) => {}
                outcome => return outcome,
            }
        }
        self.restore_once(id, now).await.map_err(as_name_taken)
    }

    async fn restore_once(&self, id: ConnectionId, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let oldest = now - undo_window();
        let params: Params<'_> = &[(&id.0, Type::INT8), (&oldest, Type::TIMESTAMPTZ)];
        let row = session::row(&transaction, DELETED_NAME, params).await?.ok_or(StoreError::NotFound)?;
        let own: String = row.try_get(0)?;
        let name = free_name(&transaction, &own, id).await?;
        session::execute(
            &transaction,
            RESTORE,
            &[(&id.0, Type::INT8), (&name, Type::TEXT), (&name_key(&name), Type::TEXT)],
        )
        .await?;
        let restored = json!({ "restored": true });
        tell::of_connection(&transaction, EventKind::ConnectionCreated, id, now, restored).await?;
        commit(transaction).await
    }

    /// Removes for good what was deleted longer than the undo window ago: row, secret, history. Also forgets
    /// idempotency keys after 24 h. Answers how many connections went.
    pub async fn purge(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let some = self.purge_some(now).await?;
            if some == 0 {
                break;
            }
            purged += some;
        }
        let session = self.session().await?;
        let oldest = now - TimeDelta::hours(super::idempotency::KEPT_HOURS);
        session::sweep(session.client(), FORGET_KEYS, &[(&oldest, Type::TIMESTAMPTZ)]).await?;
        Ok(purged)
    }

    async fn purge_some(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let overdue = now - undo_window();
        let rows = session::rows(&transaction, OVERDUE, &[(&overdue, Type::TIMESTAMPTZ)]).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        self.engine().forget(&transaction, &ids).await?;
        for statement in [PURGE_INTERVALS, PURGE_DELTAS, PURGE] {
            session::sweep(&transaction, statement, &[(&ids, Type::INT8_ARRAY)]).await?;
        }
        commit(transaction).await?;
        Ok(ids.len() as u64)
    }
}
