//! How large the monitored databases are together.

use crate::{Store, StoreError, session};

/// Several connections may lead to one database: where the server tells its system identifier, it counts once.
const TOTAL: &str = "
select sum(size)::int8
from (
    select distinct on (database) (h.health -> 'metrics' ->> 'database_size_bytes')::int8 as size
    from dashboard.latest_health h
    join dashboard.connections c on c.id = h.connection_id
    cross join lateral (
        select coalesce(h.health -> 'server' ->> 'system_identifier' || '/' || c.database_name, c.id::text) as database
    ) identity
    where c.deleted_at is null and h.health -> 'metrics' ->> 'database_size_bytes' is not null
    order by database, h.checked_at desc
) measured";

impl Store {
    /// The bytes of all databases whose size was read; `None` where none was.
    pub async fn measured_size_bytes(&self) -> Result<Option<i64>, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), TOTAL, &[]).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
    }
}
