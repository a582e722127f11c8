//! What is kept of a reading of statements: all counters for the next one, what lies between the two, and the texts.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId,
    statements::{StatementCost, StatementInterval, StatementKey, StatementText},
};
use tokio_postgres::types::{ToSql, Type};

use crate::{
    Store, StoreError,
    open::commit,
    session::{self, Params},
};

/// Readings closer than this are kept as one interval: who looks every few seconds does not fill the disk.
const TOGETHER: TimeDelta = TimeDelta::minutes(5);
/// Texts that are kept of a connection; those not seen for longest go.
const MOST_TEXTS: i64 = 5000;
/// A text that is still there is marked so this often.
const SEEN_AGAIN: TimeDelta = TimeDelta::days(1);

const BEFORE: &str = "
select s.taken_at, s.snapshot::text as snapshot
from dashboard.statement_snapshots s
join dashboard.connections c on c.id = s.connection_id and c.deleted_at is null
where s.connection_id = $1";
const KNOWN_TEXTS: &str = "
select query_id, user_oid, database_oid, toplevel, own from dashboard.statement_texts where connection_id = $1";
const TEXTS: &str = "
select t.query_id, t.user_oid, t.database_oid, t.toplevel, t.own, t.complete, t.user_name, t.database_name, t.query
from dashboard.statement_texts t
join unnest($2::int8[], $3::oid[], $4::oid[], $5::bool[]) as k (query_id, user_oid, database_oid, toplevel)
    using (query_id, user_oid, database_oid, toplevel)
where t.connection_id = $1";

/// The connection stays what it is until all is written: neither purged nor moved elsewhere.
const PRESENT: &str = "
select 1 from dashboard.connections where id = $1 and address_version <= $2 for no key update";
/// Only if nobody has put a newer one there since the one that this was compared with.
const KEEP_SNAPSHOT: &str = "
insert into dashboard.statement_snapshots as known (connection_id, taken_at, snapshot)
values ($1, $2, $3::text::json)
on conflict (connection_id) do update set taken_at = excluded.taken_at, snapshot = excluded.snapshot
where known.taken_at < excluded.taken_at and ($5 or known.taken_at = $4)";
/// The interval that ended where this one begins, while the two together are short.
const JUST_BEFORE: &str = "
select began_at from dashboard.statement_intervals
where connection_id = $1 and not cumulative and ended_at = $2 and began_at >= $3";
const KEEP_INTERVAL: &str = "
insert into dashboard.statement_intervals as known (
    connection_id, began_at, ended_at, calls, total_ms, cumulative, began_is_known
)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (connection_id, began_at, cumulative) do update
set ended_at = excluded.ended_at, calls = known.calls + excluded.calls,
    total_ms = known.total_ms + excluded.total_ms";
const KEEP_DELTAS: &str = "
insert into dashboard.statement_deltas as known (
    connection_id, began_at, cumulative, query_id, user_oid, database_oid, toplevel, calls, total_ms, squares, rows,
    shared_hit_bytes, shared_read_bytes, temp_bytes, wal_bytes, min_ms, max_ms
)
select $1, $2, $3, *
from unnest($4::int8[], $5::oid[], $6::oid[], $7::bool[], $8::int8[], $9::float8[], $10::float8[], $11::int8[],
    $12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::float4[], $17::float4[])
on conflict (connection_id, began_at, cumulative, query_id, user_oid, database_oid, toplevel) do update
set calls = known.calls + excluded.calls, total_ms = known.total_ms + excluded.total_ms,
    squares = known.squares + excluded.squares, rows = known.rows + excluded.rows,
    shared_hit_bytes = known.shared_hit_bytes + excluded.shared_hit_bytes,
    shared_read_bytes = known.shared_read_bytes + excluded.shared_read_bytes,
    temp_bytes = known.temp_bytes + excluded.temp_bytes, wal_bytes = known.wal_bytes + excluded.wal_bytes,
    -- What is null is left out of both.
    min_ms = least(known.min_ms, excluded.min_ms), max_ms = greatest(known.max_ms, excluded.max_ms)";
const DROP_CUMULATIVE_DELTAS: &str =
    "delete from dashboard.statement_deltas where connection_id = $1 and cumulative";
const DROP_CUMULATIVE: &str =
    "delete from dashboard.statement_intervals where connection_id = $1 and cumulative";
const KEEP_TEXTS: &str = "
insert into dashboard.statement_texts (
    connection_id, seen_at, query_id, user_oid, database_oid, toplevel, own, complete, user_name, database_name, query
)
select $1, $2, *
from unnest($3::int8[], $4::oid[], $5::oid[], $6::bool[], $7::bool[], $8::bool[], $9::text[], $10::text[],
    $11::text[])
on conflict do nothing";
const SEEN: &str = "
update dashboard.statement_texts t set seen_at = $2
from unnest($4::int8[], $5::oid[], $6::oid[], $7::bool[]) as k (query_id, user_oid, database_oid, toplevel)
where t.connection_id = $1 and t.seen_at < $3
    and (t.query_id, t.user_oid, t.database_oid, t.toplevel)
        = (k.query_id, k.user_oid, k.database_oid, k.toplevel)";
const DROP_OLD_TEXTS: &str = "
delete from dashboard.statement_texts t
using (
    select query_id, user_oid, database_oid, toplevel from dashboard.statement_texts
    where connection_id = $1
    order by seen_at desc, query_id
    offset $2
) old
where t.connection_id = $1
    and (t.query_id, t.user_oid, t.database_oid, t.toplevel)
        = (old.query_id, old.user_oid, old.database_oid, old.toplevel)";

/// What the next reading of statements starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementsBefore {
    pub taken_at: DateTime<Utc>,
    /// As it was given to [`Store::record_statements`].
    pub snapshot: String,
    /// Whose text is known, and whether the dashboard sent it.
    pub texts: HashMap<StatementKey, bool>,
}

/// One reading of statements, to be kept.
#[derive(Debug, Clone)]
pub struct StatementsReading {
    pub connection_id: ConnectionId,
    pub taken_at: DateTime<Utc>,
    /// JSON, for the next reading.
    pub snapshot: String,
    /// [`StatementsBefore::taken_at`] of the one that it was compared with.
    pub compared_with: Option<DateTime<Utc>>,
    pub interval: Option<StatementInterval>,
    pub texts: Vec<StatementText>,
}

impl Store {
    /// The snapshot of the reading before. A row that cannot be read counts as none.
    pub async fn statements_before(&self, id: ConnectionId) -> Result<Option<StatementsBefore>, StoreError> {
        let session = self.session().await?;
        let only: Params<'_> = &[(&id.0, Type::INT8)];
        let client = session.client();
        let (row, texts) =
            futures::try_join!(session::row(client, BEFORE, only), session::rows(client, KNOWN_TEXTS, only))?;
        let Some(row) = row else { return Ok(None) };
        let texts = texts
            .iter()
            .map(|row| Ok((key(row)?, row.try_get("own")?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Some(StatementsBefore {
            taken_at: row.try_get("taken_at")?,
            snapshot: row.try_get("snapshot")?,
            texts,
        }))
    }

    /// The texts that are known of `keys`.
    pub async fn statement_texts(
        &self,
        id: ConnectionId,
        keys: &[StatementKey],
    ) -> Result<HashMap<StatementKey, StatementText>, StoreError> {
        let Keys { queries, users, databases, toplevel } = Keys::of(keys.iter());
        let params: [(&(dyn ToSql + Sync), Type); 5] = [
            (&id.0, Type::INT8),
            (&queries, Type::INT8_ARRAY),
            (&users, Type::OID_ARRAY),
            (&databases, Type::OID_ARRAY),
            (&toplevel, Type::BOOL_ARRAY),
        ];
        let session = self.session().await?;
        let rows = session::rows(session.client(), TEXTS, &params).await?;
        rows.iter()
            .map(|row| {
                let text = StatementText {
                    key: key(row)?,
                    user: row.try_get("user_name")?,
                    database: row.try_get("database_name")?,
                    query: row.try_get("query")?,
                    complete: row.try_get("complete")?,
                    own: row.try_get("own")?,
                };
                Ok((text.key, text))
            })
            .collect()
    }

    /// Keeps a reading of statements of the target at `version`. When another reading of the same connection came
    /// between the two that it compares, or the connection leads elsewhere by now, nothing is kept: what lies between
    /// is never counted twice. Answers whether it was kept.
    pub async fn record_statements(
        &self,
        reading: &StatementsReading,
        version: i32,
    ) -> Result<bool, StoreError> {
        let id = reading.connection_id.0;
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let present: Params<'_> = &[(&id, Type::INT8), (&version, Type::INT4)];
        if session::row(&transaction, PRESENT, present).await?.is_none() {
            return Ok(false);
        }
        // One that was compared with nothing because what was kept cannot be read: it takes that one's place.
        let anew = reading.interval.as_ref().is_none_or(|interval| interval.cumulative);
        let kept = session::execute(
            &transaction,
            KEEP_SNAPSHOT,
            &[
                (&id, Type::INT8),
                (&reading.taken_at, Type::TIMESTAMPTZ),
                (&reading.snapshot, Type::TEXT),
                (&reading.compared_with, Type::TIMESTAMPTZ),
                (&anew, Type::BOOL),
            ],
        )
        .await?;
        if kept == 0 {
            return Ok(false);
        }
        if let Some(interval) = &reading.interval {
            keep_interval(&transaction, reading, interval).await?;
        }
        keep_texts(&transaction, reading).await?;
        commit(transaction).await?;
        Ok(true)
    }
}

fn key(row: &tokio_postgres::Row) -> Result<StatementKey, StoreError> {
    Ok(StatementKey {
        database_oid: row.try_get("database_oid")?,
        user_oid: row.try_get("user_oid")?,
        query_id: row.try_get("query_id")?,
        toplevel: row.try_get("toplevel")?,
    })
}

async fn keep_interval(
    transaction: &tokio_postgres::Transaction<'_>,
    reading: &StatementsReading,
    interval: &StatementInterval,
) -> Result<(), StoreError> {
    let id = reading.connection_id.0;
    let mut began_at = interval.began_at.unwrap_or(interval.ended_at);
    if interval.cumulative {
        // There is one: the newest.
        for drop in [DROP_CUMULATIVE_DELTAS, DROP_CUMULATIVE] {
            session::execute(transaction, drop, &[(&id, Type::INT8)]).await?;
        }
    } else {
        let earliest = interval.ended_at - TOGETHER;
        let just_before: Params<'_> =
            &[(&id, Type::INT8), (&began_at, Type::TIMESTAMPTZ), (&earliest, Type::TIMESTAMPTZ)];
        if let Some(row) = session::row(transaction, JUST_BEFORE, just_before).await? {
            began_at = row.try_get(0)?;
        }
    }
    session::execute(
        transaction,
        KEEP_INTERVAL,
        &[
            (&id, Type::INT8),
            (&began_at, Type::TIMESTAMPTZ),
            (&interval.ended_at, Type::TIMESTAMPTZ),
            (&interval.calls, Type::INT8),
            (&interval.total_ms, Type::FLOAT8),
            (&interval.cumulative, Type::BOOL),
            (&interval.began_at.is_some(), Type::BOOL),
        ],
    )
    .await?;
    let all = &interval.statements;
    let Keys { queries, users, databases, toplevel } = Keys::of(all.iter().map(|(key, _)| key));
    fn column<T>(all: &[(StatementKey, StatementCost)], of: impl Fn(&StatementCost) -> T) -> Vec<T> {
        all.iter().map(|(_, cost)| of(cost)).collect()
    }
    let short = |ms: Option<f64>| ms.map(|ms| ms as f32);
    let deltas: [(&(dyn ToSql + Sync), Type); 17] = [
        (&id, Type::INT8),
        (&began_at, Type::TIMESTAMPTZ),
        (&interval.cumulative, Type::BOOL),
        (&queries, Type::INT8_ARRAY),
        (&users, Type::OID_ARRAY),
        (&databases, Type::OID_ARRAY),
        (&toplevel, Type::BOOL_ARRAY),
        (&column(all, |cost| cost.calls), Type::INT8_ARRAY),
        (&column(all, |cost| cost.total_ms), Type::FLOAT8_ARRAY),
        (&column(all, |cost| cost.squares), Type::FLOAT8_ARRAY),
        (&column(all, |cost| cost.rows), Type::INT8_ARRAY),
        (&column(all, |cost| cost.shared_hit_bytes), Type::INT8_ARRAY),
        (&column(all, |cost| cost.shared_read_bytes), Type::INT8_ARRAY),
        (&column(all, |cost| cost.temp_bytes), Type::INT8_ARRAY),
        (&column(all, |cost| cost.wal_bytes), Type::INT8_ARRAY),
        (&column(all, |cost| short(cost.min_ms)), Type::FLOAT4_ARRAY),
        (&column(all, |cost| short(cost.max_ms)), Type::FLOAT4_ARRAY),
    ];
    session::execute(transaction, KEEP_DELTAS, &deltas).await?;
    let stale = reading.taken_at - SEEN_AGAIN;
    let seen: [(&(dyn ToSql + Sync), Type); 7] = [
        (&id, Type::INT8),
        (&reading.taken_at, Type::TIMESTAMPTZ),
        (&stale, Type::TIMESTAMPTZ),
        (&queries, Type::INT8_ARRAY),
        (&users, Type::OID_ARRAY),
        (&databases, Type::OID_ARRAY),
        (&toplevel, Type::BOOL_ARRAY),
    ];
    session::execute(transaction, SEEN, &seen).await?;
    Ok(())
}

async fn keep_texts(
    transaction: &tokio_postgres::Transaction<'_>,
    reading: &StatementsReading,
) -> Result<(), StoreError> {
    let texts = &reading.texts;
    if texts.is_empty() {
        return Ok(());
    }
    let id = reading.connection_id.0;
    let Keys { queries, users, databases, toplevel } = Keys::of(texts.iter().map(|text| &text.key));
    let own: Vec<bool> = texts.iter().map(|text| text.own).collect();
    let complete: Vec<bool> = texts.iter().map(|text| text.complete).collect();
    let user_names: Vec<&str> = texts.iter().map(|text| text.user.as_str()).collect();
    let database_names: Vec<&str> = texts.iter().map(|text| text.database.as_str()).collect();
    let shown: Vec<&str> = texts.iter().map(|text| text.query.as_str()).collect();
    let params: [(&(dyn ToSql + Sync), Type); 11] = [
        (&id, Type::INT8),
        (&reading.taken_at, Type::TIMESTAMPTZ),
        (&queries, Type::INT8_ARRAY),
        (&users, Type::OID_ARRAY),
        (&databases, Type::OID_ARRAY),
        (&toplevel, Type::BOOL_ARRAY),
        (&own, Type::BOOL_ARRAY),
        (&complete, Type::BOOL_ARRAY),
        (&user_names, Type::TEXT_ARRAY),
        (&database_names, Type::TEXT_ARRAY),
        (&shown, Type::TEXT_ARRAY),
    ];
    session::execute(transaction, KEEP_TEXTS, &params).await?;
    session::execute(transaction, DROP_OLD_TEXTS, &[(&id, Type::INT8), (&MOST_TEXTS, Type::INT8)]).await?;
    Ok(())
}

/// Keys by column.
#[derive(Default)]
struct Keys {
    queries: Vec<i64>,
    users: Vec<u32>,
    databases: Vec<u32>,
    toplevel: Vec<bool>,
}

impl Keys {
    fn of<'a>(keys: impl Iterator<Item = &'a StatementKey>) -> Self {
        let mut columns = Self::default();
        for key in keys {
            columns.queries.push(key.query_id);
            columns.users.push(key.user_oid);
            columns.databases.push(key.database_oid);
            columns.toplevel.push(key.toplevel);
        }
        columns
    }
}
