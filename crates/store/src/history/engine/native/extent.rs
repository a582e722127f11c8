//! How much history there is.

use tokio_postgres::Client;

use super::{super::Extent, partitions};
use crate::{StoreError, session};

/// Counting millions of rows takes longer than a page may: above this the planner's estimate stands in.
const SIZE: &str = "
with part as (
    select inhrelid as oid
    from pg_inherits
    where inhparent in ('dashboard.checks'::regclass, 'dashboard.health_samples'::regclass)
),
estimate as (
    select sum(greatest(reltuples, 0))::int8 as rows from pg_class join part using (oid)
),
rollup as (
    select sum(pg_total_relation_size(oid)) as bytes
    from pg_class
    where relnamespace = 'dashboard'::regnamespace and relkind = 'r' and relname ~ '^(check|health)_rollups_'
)
select case
        when estimate.rows > 1000000 then estimate.rows
        else (select count(*) from dashboard.checks) + (select count(*) from dashboard.health_samples)
    end as rows,
    ((select sum(pg_total_relation_size(oid)) from part) + rollup.bytes)::int8 as bytes
from estimate, rollup";

pub(in super::super) async fn extent(client: &Client) -> Result<Extent, StoreError> {
    let row = session::row(client, SIZE, &[]).await?;
    let row = row.ok_or(StoreError::Unreadable { what: "size of its history" })?;
    let mut extent = Extent {
        rows: row.try_get("rows")?,
        bytes: row.try_get::<_, Option<i64>>("bytes")?.unwrap_or(0),
        oldest: None,
        timescaledb_version: None,
    };
    // There is no index by time alone: the first partition that holds anything is read, and no other.
    for slot in partitions::list(client).await? {
        let oldest = partitions::oldest_in(client, slot).await?;
        if oldest.is_some() {
            extent.oldest = oldest;
            break;
        }
    }
    Ok(extent)
}
