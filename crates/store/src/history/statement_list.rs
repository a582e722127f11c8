//! The most expensive statements over any interval, from what is kept.

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId, Reason, Unavailable,
    statements::{DEFAULT_STATEMENTS, ExpensiveStatement, StatementSource, StatementsPage, StatementsQuery},
    time::whole_micros_of_ms,
};
use tokio_postgres::{Row, types::Type};

use crate::{Store, StoreError, session};

/// Intervals count whole when they lie within the range in part: `since` says where the first one began. What the
/// server had counted before the first reading counts only where there is nothing else, and only when `$4` allows it.
/// $1 connections (null: all), $2 and $3 the range.
const LIST: &str = "
with wanted as (
    select c.id as connection_id from dashboard.connections c
    where c.deleted_at is null and ($1::int8[] is null or c.id = any ($1))
),
used as (
    select i.* from dashboard.statement_intervals i join wanted using (connection_id)
    where case
        when i.cumulative then $4 and not exists (
            select from dashboard.statement_intervals m
            where m.connection_id = i.connection_id and not m.cumulative
        )
        else i.ended_at > $2 and i.began_at < $3
    end
),
whole as (
    select connection_id, case when bool_and(began_is_known) then min(began_at) end as since,
        sum(total_ms) as total_ms
    from used group by connection_id
),
spent as (
    select d.connection_id, d.query_id, d.user_oid, d.database_oid, d.toplevel, sum(d.calls) as calls,
        sum(d.total_ms) as total_ms, sum(d.squares) as squares, sum(d.rows) as rows,
        sum(d.shared_hit_bytes) as hit_bytes, sum(d.shared_read_bytes) as read_bytes,
        sum(d.temp_bytes) as temp_bytes, sum(d.wal_bytes) as wal_bytes, min(d.min_ms) as min_ms,
        max(d.max_ms) as max_ms
    from dashboard.statement_deltas d
    join used u using (connection_id, began_at, cumulative)
    group by d.connection_id, d.query_id, d.user_oid, d.database_oid, d.toplevel
),
shown as (
    select s.*, w.since, s.total_ms / nullif(w.total_ms, 0) as share_ratio, t.query, t.user_name, t.database_name
    from spent s
    join whole w using (connection_id)
    left join dashboard.statement_texts t using (connection_id, query_id, user_oid, database_oid, toplevel)
    where t.own is not true and s.calls > 0
)
select count(*) over () as total, connection_id, query_id, query, user_name, database_name,
    least(calls, 9223372036854775807)::int8 as calls, total_ms, squares,
    least(rows, 9223372036854775807)::int8 as rows,
    hit_bytes::float8 / nullif(hit_bytes + read_bytes, 0)::float8 as hit_ratio,
    least(read_bytes, 9223372036854775807)::int8 as read_bytes,
    least(temp_bytes, 9223372036854775807)::int8 as temp_bytes,
    case when wal_bytes is not null then least(wal_bytes, 9223372036854775807)::int8 end as wal_bytes, min_ms, max_ms, since, share_ratio
from shown
order by case $5
        when 'mean' then total_ms / calls
        when 'calls' then calls
        when 'rows' then rows
        when 'blocks' then hit_bytes + read_bytes
        when 'temp' then temp_bytes
        when 'wal' then coalesce(wal_bytes, 0)
        else total_ms
    end desc, total_ms desc, connection_id, query_id, user_oid, toplevel
limit $6";

/// What the newest reading says of each connection's statements.
const SOURCES: &str = "
select c.id, h.health -> 'statements' ->> 'available' = 'true' as available,
    h.health -> 'statements' ->> 'reason' as reason, h.health -> 'statements' ->> 'fix_sql' as fix_sql
from dashboard.connections c
left join dashboard.latest_health h on h.connection_id = c.id
where c.deleted_at is null and ($1::int8[] is null or c.id = any ($1))
order by c.id";

const TEXT: &str = "
select t.query, t.complete
from dashboard.statement_texts t
join dashboard.connections c on c.id = t.connection_id and c.deleted_at is null
where t.connection_id = $1 and t.query_id = $2 and not t.own
order by t.complete desc, t.toplevel desc, t.seen_at desc
limit 1";

/// The text of a statement as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementQuery {
    pub query: String,
    /// It is what was run: neither cut nor cleaned.
    pub complete: bool,
}

impl Store {
    /// The most expensive statements over the range that the query names; see [`StatementsQuery`].
    pub async fn expensive_statements(
        &self,
        query: &StatementsQuery,
        now: DateTime<Utc>,
    ) -> Result<StatementsPage, StoreError> {
        let from = query.from.unwrap_or(query.to.unwrap_or(now) - TimeDelta::hours(24));
        // A clock that was set back since the newest reading hides nothing.
        let to = query.to.unwrap_or(now + TimeDelta::days(36_500));
        let anything = query.from.is_none() && query.to.is_none();
        let wanted: Vec<i64> = query.connection_ids.iter().map(|id| id.0).collect();
        let wanted = (!wanted.is_empty()).then_some(wanted);
        let limit = i64::from(query.limit.unwrap_or(DEFAULT_STATEMENTS));
        let session = self.session().await?;
        let client = session.client();
        let list: session::Params<'_> = &[
            (&wanted, Type::INT8_ARRAY),
            (&from, Type::TIMESTAMPTZ),
            (&to, Type::TIMESTAMPTZ),
            (&anything, Type::BOOL),
            (&query.order_by.as_str(), Type::TEXT),
            (&limit, Type::INT8),
        ];
        let only: session::Params<'_> = &[(&wanted, Type::INT8_ARRAY)];
        let (items, sources) =
            futures::try_join!(session::rows(client, LIST, list), session::rows(client, SOURCES, only))?;
        let total: i64 = items.first().map(|row| row.try_get("total")).transpose()?.unwrap_or(0);
        Ok(StatementsPage {
            items: items.iter().map(statement).collect::<Result<_, _>>()?,
            total: total.unsigned_abs(),
            next: None,
            sources: sources.iter().map(source).collect::<Result<_, _>>()?,
        })
    }

    /// The text of a statement that was among the most expensive of a connection.
    pub async fn statement_text(
        &self,
        id: ConnectionId,
        query_id: i64,
    ) -> Result<Option<StatementQuery>, StoreError> {
        let session = self.session().await?;
        let params: session::Params<'_> = &[(&id.0, Type::INT8), (&query_id, Type::INT8)];
        let row = session::row(session.client(), TEXT, params).await?;
        row.map(|row| Ok(StatementQuery { query: row.try_get("query")?, complete: row.try_get("complete")? }))
            .transpose()
    }
}

fn statement(row: &Row) -> Result<ExpensiveStatement, StoreError> {
    let calls: i64 = row.try_get("calls")?;
    let total_ms: f64 = row.try_get("total_ms")?;
    let mean_ms = total_ms / calls as f64;
    let variance = row.try_get::<_, f64>("squares")? / calls as f64 - mean_ms * mean_ms;
    // Below what the arithmetic can tell apart from nothing.
    let stddev_ms = if variance > mean_ms * mean_ms * 1e-12 { variance.sqrt() } else { 0.0 };
    let ms = |column: &str| -> Result<Option<f64>, StoreError> {
        Ok(row.try_get::<_, Option<f32>>(column)?.map(|ms| whole_micros_of_ms(f64::from(ms))))
    };
    let mut statement = ExpensiveStatement {
        connection_id: ConnectionId(row.try_get("connection_id")?),
        query_id: row.try_get::<_, i64>("query_id")?.to_string(),
        query: row.try_get("query")?,
        user: row.try_get("user_name")?,
        database: row.try_get("database_name")?,
        calls,
        total_ms: whole_micros_of_ms(total_ms),
        mean_ms: whole_micros_of_ms(mean_ms),
        min_ms: ms("min_ms")?,
        max_ms: ms("max_ms")?,
        stddev_ms: whole_micros_of_ms(stddev_ms),
        rows: row.try_get("rows")?,
        share_ratio: row.try_get("share_ratio")?,
        shared_hit_ratio: row.try_get("hit_ratio")?,
        shared_read_bytes: row.try_get("read_bytes")?,
        temp_bytes: row.try_get("temp_bytes")?,
        wal_bytes: row.try_get("wal_bytes")?,
        since: row.try_get("since")?,
        unavailable: Unavailable::new(),
    };
    statement.unavailable = missing(&statement);
    Ok(statement)
}

fn missing(statement: &ExpensiveStatement) -> Unavailable {
    let extreme = "The server keeps it since its counters began; it was not reached in this interval.";
    let fields = [
        ("query", statement.query.is_none(), "The server had dropped its text before it could be read."),
        ("user", statement.user.is_none(), "The server had dropped its text before it could be read."),
        (
            "database",
            statement.database.is_none(),
            "The server had dropped its text before it could be read.",
        ),
        ("min_ms", statement.min_ms.is_none(), extreme),
        ("max_ms", statement.max_ms.is_none(), extreme),
        ("share_ratio", statement.share_ratio.is_none(), "All statements together took no time."),
        ("shared_hit_ratio", statement.shared_hit_ratio.is_none(), "It read no blocks."),
        ("wal_bytes", statement.wal_bytes.is_none(), "The extension counts it from version 1.8 on."),
        ("since", statement.since.is_none(), "The server does not say since when it counts."),
    ];
    fields
        .into_iter()
        .filter(|(_, missing, _)| *missing)
        .map(|(field, _, why)| (field.to_owned(), Reason::new(why)))
        .collect()
}

fn source(row: &Row) -> Result<StatementSource, StoreError> {
    let available: Option<bool> = row.try_get("available")?;
    let reason: Option<String> = row.try_get("reason")?;
    Ok(StatementSource {
        connection_id: ConnectionId(row.try_get("id")?),
        available: available.unwrap_or(false),
        reason: match available {
            None => Some(Reason::NOT_COLLECTED.to_owned()),
            Some(_) => reason,
        },
        fix_sql: row.try_get("fix_sql")?,
    })
}

#[cfg(test)]
mod tests {
    use common::statements::StatementOrder;

    use super::*;

    #[test]
    fn the_statement_knows_every_order() {
        for order in StatementOrder::ALL {
            // The first one is what the others fall back on.
            let named = LIST.contains(&format!("when '{order}'"));
            assert!(named || order == StatementOrder::default(), "{order}");
        }
    }
}
