//! How statements were planned when they were looked at last, and whose turn it is to look.

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, health::Change};
use tokio_postgres::types::Type;

use super::changes;
use crate::{
    Store, StoreError,
    open::commit,
    session::{self, Params},
};

/// Plans that are kept of a connection; those not looked at for longest go.
const MOST_PLANS: i64 = 200;

/// What is of the future was noted by a clock that has been set back since.
const TAKE_TURN: &str = "
insert into dashboard.plan_looks as known (connection_id, looked_at)
select id, $3 from dashboard.connections
where id = $1 and version = $2 and allow_statements and not paused and deleted_at is null
on conflict (connection_id) do update set looked_at = excluded.looked_at
where known.looked_at <= $4 or known.looked_at > excluded.looked_at";
/// As one text is found by its id, in that order.
const TEXTS: &str = "
select wanted.query_id, found.query
from unnest($2::int8[]) with ordinality as wanted (query_id, place)
cross join lateral (
    select t.query, t.complete
    from dashboard.statement_texts t
    where t.connection_id = $1 and t.query_id = wanted.query_id and not t.own
    order by t.complete desc, t.toplevel desc, t.seen_at desc
    limit 1
) found
where found.complete
order by wanted.place";
const SHAPES: &str = "
select known.shape
from unnest($2::int8[], $3::text[]) with ordinality as wanted (query_id, query, place)
left join dashboard.statement_plans known
    on known.connection_id = $1 and known.query_id = wanted.query_id
    and known.text_hash = sha256(convert_to(wanted.query, 'UTF8'))
order by wanted.place";
const PRESENT: &str = "
select 1 from dashboard.connections where id = $1 and address_version <= $2 for no key update";
const KEEP: &str = "
insert into dashboard.statement_plans as known (connection_id, query_id, text_hash, looked_at, shape)
select $1, looked.query_id, sha256(convert_to(looked.query, 'UTF8')), $2, looked.shape
from unnest($3::int8[], $4::text[], $5::text[]) as looked (query_id, query, shape)
on conflict (connection_id, query_id, text_hash) do update
set looked_at = excluded.looked_at, shape = excluded.shape";
const DROP_OLD: &str = "
delete from dashboard.statement_plans plan
using (
    select query_id, text_hash from dashboard.statement_plans
    where connection_id = $1
    order by looked_at desc, query_id
    offset $2
) old
where plan.connection_id = $1 and (plan.query_id, plan.text_hash) = (old.query_id, old.text_hash)";

/// A statement whose text is known whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WholeStatement {
    pub query_id: i64,
    pub query: String,
}

/// How a statement was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementShape {
    pub statement: WholeStatement,
    /// Equal for equal plans.
    pub shape: String,
}

impl Store {
    /// Whether plans of this connection, as it is at `version`, are to be looked at now: its statements may be planned,
    /// and nobody has looked for as long as `every`. Who is told so has taken the turn.
    pub async fn take_plan_turn(
        &self,
        id: ConnectionId,
        version: i32,
        now: DateTime<Utc>,
        every: TimeDelta,
    ) -> Result<bool, StoreError> {
        let params: Params<'_> = &[
            (&id.0, Type::INT8),
            (&version, Type::INT4),
            (&now, Type::TIMESTAMPTZ),
            (&(now - every), Type::TIMESTAMPTZ),
        ];
        let session = self.session().await?;
        Ok(session::execute(session.client(), TAKE_TURN, params).await? > 0)
    }

    /// Of the statements of these ids, in their order, those whose text is known whole and that the dashboard did not send.
    pub async fn whole_statements(
        &self,
        id: ConnectionId,
        query_ids: &[i64],
    ) -> Result<Vec<WholeStatement>, StoreError> {
        let params: Params<'_> = &[(&id.0, Type::INT8), (&query_ids, Type::INT8_ARRAY)];
        let session = self.session().await?;
        let rows = session::rows(session.client(), TEXTS, params).await?;
        rows.iter()
            .map(|row| {
                Ok(WholeStatement { query_id: row.try_get("query_id")?, query: row.try_get("query")? })
            })
            .collect()
    }

    /// How each of the statements was planned when it was looked at last; `None`: it never was.
    pub async fn plan_shapes(
        &self,
        id: ConnectionId,
        statements: &[&WholeStatement],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let (ids, queries) = columns(statements.iter().copied());
        let params: Params<'_> =
            &[(&id.0, Type::INT8), (&ids, Type::INT8_ARRAY), (&queries, Type::TEXT_ARRAY)];
        let session = self.session().await?;
        let rows = session::rows(session.client(), SHAPES, params).await?;
        rows.iter().map(|row| Ok(row.try_get("shape")?)).collect()
    }

    /// Keeps how statements are planned now, each once, and what changed by it. For a connection that is gone or leads
    /// elsewhere by now, nothing happens.
    pub async fn record_plans(
        &self,
        id: ConnectionId,
        version: i32,
        shapes: &[StatementShape],
        changes: &[Change],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        let present: Params<'_> = &[(&id.0, Type::INT8), (&version, Type::INT4)];
        if session::row(&transaction, PRESENT, present).await?.is_none() {
            return Ok(());
        }
        let (ids, queries) = columns(shapes.iter().map(|shape| &shape.statement));
        let kept: Vec<&str> = shapes.iter().map(|shape| shape.shape.as_str()).collect();
        let plans: Params<'_> = &[
            (&id.0, Type::INT8),
            (&now, Type::TIMESTAMPTZ),
            (&ids, Type::INT8_ARRAY),
            (&queries, Type::TEXT_ARRAY),
            (&kept, Type::TEXT_ARRAY),
        ];
        session::execute(&transaction, KEEP, plans).await?;
        session::execute(&transaction, DROP_OLD, &[(&id.0, Type::INT8), (&MOST_PLANS, Type::INT8)]).await?;
        if !changes.is_empty() {
            changes::record(&transaction, id, changes, version).await?;
        }
        commit(transaction).await
    }
}

fn columns<'a>(statements: impl Iterator<Item = &'a WholeStatement>) -> (Vec<i64>, Vec<&'a str>) {
    statements.map(|statement| (statement.query_id, statement.query.as_str())).unzip()
}
