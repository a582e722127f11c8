//! Which targets this dashboard watches, where several share the database: each target has one watcher at a time, a
//! watcher that is gone is followed by another, and all have about as many.

use std::time::Duration;

use common::ConnectionId;
use tokio_postgres::types::Type;

use crate::{Store, StoreError, open::commit, session};

/// Any number that nobody else uses: "pgwatch" in ASCII. For one transaction, which a pooler keeps together.
const LOCK: i64 = 0x0070_6777_6174_6368;

/// One after another, so that nobody takes a watcher for gone whose row they do not see yet. A beat that a crash of the
/// database forgets is soon followed by another: nobody needs to wait for the disk.
const BEGIN: &str = "
select pg_advisory_xact_lock($1), set_config('synchronous_commit', 'off', true)";
const LIVE: &str = "
insert into dashboard.watchers (id, expires_at) values ($1, statement_timestamp() + $2 * interval '1 millisecond')
on conflict (id) do update set expires_at = excluded.expires_at";
const BURY: &str =
    "delete from dashboard.watchers where expires_at < statement_timestamp() - interval '1 hour'";
/// Takes what is free, up to a fair share; gives back what is beyond it. The shares together are all: nothing stays free.
/// `0` is nobody.
const SHARE: &str = "
with live as (
    select id from dashboard.watchers where expires_at > statement_timestamp()
),
standing as (
    select target.id, lease.watcher_id = $1 as is_mine, lease.watcher_id in (select id from live) as is_held
    from dashboard.connections target
    left join dashboard.leases lease on lease.connection_id = target.id
    where target.deleted_at is null and not target.paused and not target.let_sleep
),
watchers as (
    select greatest(count(*), 1) as number, count(*) filter (where id < $1) as before_me from live
),
share as (
    select count(*) / number + (case when before_me < count(*) % number then 1 else 0 end)
        - count(*) filter (where is_mine) as more
    from standing
    cross join watchers
    group by number, before_me
),
given_back as (
    update dashboard.leases
    set watcher_id = 0, epoch = epoch + 1
    where connection_id in (
        select id from standing where is_mine order by id desc limit (select greatest(-more, 0) from share)
    )
)
insert into dashboard.leases as known (connection_id, watcher_id)
select id, $1 from standing
where is_held is not true
order by id
limit (select greatest(more, 0) from share)
on conflict (connection_id) do update set watcher_id = excluded.watcher_id, epoch = known.epoch + 1";
const MINE: &str = "
select target.id, target.version, target.check_interval_s, lease.epoch
from dashboard.leases lease
join dashboard.connections target on target.id = lease.connection_id
where lease.watcher_id = $1 and target.deleted_at is null and not target.paused and not target.let_sleep
order by target.id";
const LEAVE: &str = "delete from dashboard.watchers where id = $1";

/// A target that is one's own to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub connection_id: ConnectionId,
    /// Of the connection.
    pub version: i32,
    pub check_interval_s: i32,
    /// Which holder of this target one is.
    pub epoch: i64,
}

impl Store {
    /// Says that `watcher` (a random number of a process) lives for another `ttl`, takes its share of the targets, and
    /// answers all that it has: neither deleted nor paused, and none that should sleep.
    pub async fn lease_targets(&self, watcher: i64, ttl: Duration) -> Result<Vec<Lease>, StoreError> {
        let ttl_ms = ttl.as_secs_f64() * 1000.0;
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let me = (&watcher as _, Type::INT8);
        session::row(&transaction, BEGIN, &[(&LOCK, Type::INT8)]).await?;
        session::execute(&transaction, LIVE, &[me.clone(), (&ttl_ms, Type::FLOAT8)]).await?;
        session::execute(&transaction, BURY, &[]).await?;
        session::execute(&transaction, SHARE, std::slice::from_ref(&me)).await?;
        let rows = session::rows(&transaction, MINE, &[me]).await?;
        commit(transaction).await?;
        rows.iter()
            .map(|row| {
                Ok(Lease {
                    connection_id: ConnectionId(row.try_get(0)?),
                    version: row.try_get(1)?,
                    check_interval_s: row.try_get(2)?,
                    epoch: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Gives all of a watcher's targets back, so that others need not wait until it counts as gone.
    pub async fn release_targets(&self, watcher: i64) -> Result<(), StoreError> {
        let session = self.session().await?;
        session::execute(session.client(), LEAVE, &[(&watcher, Type::INT8)]).await?;
        Ok(())
    }
}
