//! How the connections of a batch stand before it.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use common::ConnectionStatus;
use tokio_postgres::{Transaction, types::Type};

use super::{Read, Reading};
use crate::{
    StoreError,
    session::{self, Params},
};

/// Waits for a purge and keeps it waiting: history is never written for a connection that is gone. Two batches with
/// the same connections come one after the other, in one order, so that neither reckons from what the other is about to change.
const LOCK: &str = "
select id, address_version, paused, deleted_at is not null as hidden
from dashboard.connections
where id = any ($1)
order by id
for no key update";
/// A statement of its own: it sees what was committed while the first one waited.
const STANDING: &str = "
select wanted.id, test.checked_at as tested_at, test.ok,
    test.result ->> 'address' as address, health.checked_at as read_at,
    coalesce(health.status in ('warning', 'critical'), false) as degraded
from unnest($1::int8[]) as wanted (id)
left join dashboard.latest_tests test on test.connection_id = wanted.id
left join dashboard.latest_health health on health.connection_id = wanted.id";

/// By connection, those that are there.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<i64, Standing>);

#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// Since which version its address has been what it is.
    pub(super) address_version: i32,
    pub(super) tested_at: Option<DateTime<Utc>>,
    pub(super) read_at: Option<DateTime<Utc>>,
    /// The newest health was warning or critical.
    pub(super) degraded: bool,
    /// The newest test passed. `None`: never tested.
    pub(super) ok: Option<bool>,
    /// Which one was reached last.
    pub(super) address: Option<String>,
    pub(super) paused: bool,
    /// Deleted, and not purged yet.
    pub(super) hidden: bool,
    /// Before the batch.
    pub(super) was: ConnectionStatus,
}

impl Standing {
    /// How the connection stands, as lists show it.
    pub(super) fn status(&self) -> ConnectionStatus {
        match (self.paused, self.ok, self.degraded) {
            (true, ..) => ConnectionStatus::Paused,
            (_, None, _) => ConnectionStatus::Unknown,
            (_, Some(false), _) => ConnectionStatus::Down,
            (_, _, true) => ConnectionStatus::Degraded,
            (_, _, false) => ConnectionStatus::Up,
        }
    }
}

impl Known {
    pub(super) async fn of(
        transaction: &Transaction<'_>,
        readings: &[Reading<'_>],
    ) -> Result<Self, StoreError> {
        let ids: BTreeSet<i64> = readings.iter().map(|reading| reading.of.connection_id()).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let params: Params<'_> = &[(&ids, Type::INT8_ARRAY)];
        // One after the other on the server; asked together.
        let (locked, standing) = futures::try_join!(
            session::rows(transaction, LOCK, params),
            session::rows(transaction, STANDING, params),
        )?;
        let mut known = HashMap::with_capacity(locked.len());
        for row in &locked {
            let standing = Standing {
                address_version: row.try_get("address_version")?,
                tested_at: None,
                read_at: None,
                degraded: false,
                ok: None,
                address: None,
                paused: row.try_get("paused")?,
                hidden: row.try_get("hidden")?,
                was: ConnectionStatus::Unknown,
            };
            known.insert(row.try_get("id")?, standing);
        }
        for row in &standing {
            if let Some(standing) = known.get_mut(&row.try_get("id")?) {
                standing.tested_at = row.try_get("tested_at")?;
                standing.read_at = row.try_get("read_at")?;
                standing.degraded = row.try_get("degraded")?;
                standing.ok = row.try_get("ok")?;
                standing.address = row.try_get("address")?;
                standing.was = standing.status();
            }
        }
        Ok(Self(known))
    }

    pub(super) fn get(&self, connection_id: i64) -> Option<&Standing> {
        self.0.get(&connection_id)
    }

    pub(super) fn get_mut(&mut self, connection_id: i64) -> Option<&mut Standing> {
        self.0.get_mut(&connection_id)
    }
}

impl Read<'_> {
    pub(super) fn connection_id(&self) -> i64 {
        match self {
            Self::Test(test) => test.connection_id.0,
            Self::Health(health, _) => health.connection_id.0,
        }
    }

    pub(super) fn checked_at(&self) -> DateTime<Utc> {
        match self {
            Self::Test(test) => test.checked_at,
            Self::Health(health, _) => health.checked_at,
        }
    }
}
