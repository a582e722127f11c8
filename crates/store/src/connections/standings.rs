//! How every connection stands, in one narrow row each: what a summary is counted from.

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionStatus};

use super::rows::{self, status_sql};
use crate::{Store, StoreError, session};

const STANDINGS: &str = concat!(
    "
select c.id, c.name, c.region, c.cloud_provider, ",
    status_sql!(),
    " as status, t.checked_at, t.server_version_num
from dashboard.connections c
left join dashboard.latest_tests t on t.connection_id = c.id
left join dashboard.latest_health h on h.connection_id = c.id
where c.deleted_at is null
order by c.id"
);

/// One connection of a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub connection_id: ConnectionId,
    pub name: String,
    pub region: Option<String>,
    pub cloud_provider: Option<String>,
    pub status: ConnectionStatus,
    /// When it was last tested.
    pub checked_at: Option<DateTime<Utc>>,
    /// The last one known: `170002`.
    pub server_version_num: Option<i32>,
}

impl Store {
    /// Every connection that is not deleted, paused ones too.
    pub async fn standings(&self) -> Result<Vec<Standing>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), STANDINGS, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Standing {
                    connection_id: ConnectionId(row.try_get("id")?),
                    name: row.try_get("name")?,
                    region: row.try_get("region")?,
                    cloud_provider: row.try_get("cloud_provider")?,
                    status: rows::status(row)?,
                    checked_at: row.try_get("checked_at")?,
                    server_version_num: row.try_get("server_version_num")?,
                })
            })
            .collect()
    }
}
