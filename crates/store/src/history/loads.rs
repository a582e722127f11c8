//! The last load tests of each connection, and the way around (or through) the pooler to the same database.

use common::{
    ConnectionId,
    load::{LoadMode, LoadReport, OtherWay},
};
use tokio_postgres::{
    Row,
    types::{Json, Type},
};

use super::json::to_jsonb;
use crate::{Store, StoreError, session};

/// Twenty are kept of each connection: the new one and the 19 before it. One of an address that the connection has left
/// since says nothing of the one that it has now.
const RECORD: &str = "
with present as (
    select id from dashboard.connections where id = $1 and address_version <= $5 for key share
),
old as (
    delete from dashboard.load_reports old
    using (
        select started_at
        from dashboard.load_reports
        where connection_id = $1 and started_at <> $2
        order by started_at desc
        offset 19
    ) beyond
    where old.connection_id = $1 and old.started_at = beyond.started_at
)
insert into dashboard.load_reports (connection_id, started_at, mode, report)
select present.id, $2, $3, $4 from present
on conflict do nothing";
const LATEST: &str = "
select l.report
from dashboard.load_reports l
join dashboard.connections c on c.id = l.connection_id
where c.id = $1 and c.deleted_at is null
order by l.started_at desc
limit 2";
/// Two connections lead to the same database when the server tells the same system identifier, under the same name of
/// the database. Of several, the one that was load tested last.
const OTHER_WAY: &str = "
with ways as (
    select c.id, c.name, c.database_name, h.health->'server'->>'system_identifier' as system_identifier,
        coalesce(jsonb_typeof(h.health->'server'->'pooler') = 'object', false) as pooler
    from dashboard.connections c
    join dashboard.latest_health h on h.connection_id = c.id
    where c.deleted_at is null
)
select other.id, other.name, other.pooler, l.report
from ways here
join ways other on other.system_identifier = here.system_identifier
    and other.database_name = here.database_name and other.pooler <> here.pooler
left join lateral (
    select started_at, report
    from dashboard.load_reports
    where connection_id = other.id and ($2::text is null or mode = $2)
    order by started_at desc
    limit 1
) l on true
where here.id = $1
order by l.started_at desc nulls last, other.id
limit 1";

impl Store {
    /// Keeps a load test; `version` is that of the target that was asked. For a connection that is gone, nothing happens.
    pub async fn record_load(&self, report: &LoadReport, version: i32) -> Result<(), StoreError> {
        let session = self.session().await?;
        let json = to_jsonb("load report", report)?;
        let params: session::Params<'_> = &[
            (&report.connection_id.0, Type::INT8),
            (&report.started_at, Type::TIMESTAMPTZ),
            (&report.mode.as_str(), Type::TEXT),
            (&json, Type::JSONB),
            (&version, Type::INT4),
        ];
        session::execute(session.client(), RECORD, params).await?;
        Ok(())
    }

    /// The last load test of a connection and the one before it, newest first.
    pub async fn latest_loads(&self, id: ConnectionId) -> Result<Vec<LoadReport>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), LATEST, &[(&id.0, Type::INT8)]).await?;
        Ok(rows.iter().filter_map(|row| report(row, 0)).collect())
    }

    /// Another connection that leads to the same database with a pooler where this one has none, or without one where
    /// this one has; with its last load test of this kind.
    pub async fn other_way(
        &self,
        id: ConnectionId,
        mode: Option<LoadMode>,
    ) -> Result<Option<OtherWay>, StoreError> {
        let session = self.session().await?;
        let params: session::Params<'_> = &[(&id.0, Type::INT8), (&mode.map(LoadMode::as_str), Type::TEXT)];
        let Some(row) = session::row(session.client(), OTHER_WAY, params).await? else { return Ok(None) };
        Ok(Some(OtherWay {
            connection_id: ConnectionId(row.try_get(0)?),
            connection_name: row.try_get(1)?,
            pooler: row.try_get(2)?,
            report: report(&row, 3),
        }))
    }
}

/// A newer replica may have written what this release cannot read: then there is none, rather than an error.
fn report(row: &Row, column: usize) -> Option<LoadReport> {
    match row.try_get::<_, Option<Json<LoadReport>>>(column) {
        Ok(report) => report.map(|Json(report)| report),
        Err(error) => {
            tracing::warn!(%error, "a load report was written by another release");
            None
        }
    }
}
