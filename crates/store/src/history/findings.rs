//! Since when something has been wrong without a break, as far as was measured.

use chrono::{DateTime, Utc};
use common::ConnectionId;
use tokio_postgres::types::Type;

use super::CONNECTION_FINDING;
use crate::{Store, StoreError, session};

const ONE: &str = "
select since from dashboard.finding_spans where connection_id = $1 and check_id = $2";
const ALL: &str = "
select s.connection_id, s.check_id, s.since
from dashboard.finding_spans s
join dashboard.connections c on c.id = s.connection_id
where c.deleted_at is null and ($1::int8 is null or c.id = $1)
order by s.connection_id, s.check_id";

/// One finding and its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingSpan {
    pub connection_id: ConnectionId,
    /// The id of the check, or [`CONNECTION_FINDING`] for a test that fails.
    pub check_id: String,
    pub since: DateTime<Utc>,
}

impl Store {
    /// Since when a check has been beyond its limit; `None` when it is not.
    pub async fn finding_since(
        &self,
        id: ConnectionId,
        check_id: &str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let session = self.session().await?;
        let check_id = check_id.replace('\0', "\u{1}");
        let row =
            session::row(session.client(), ONE, &[(&id.0, Type::INT8), (&check_id, Type::TEXT)]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Since when tests have been failing; `None` when the last one passed.
    pub async fn failing_since(&self, id: ConnectionId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.finding_since(id, CONNECTION_FINDING).await
    }

    /// All findings' beginnings, or those of one connection.
    pub async fn finding_spans(&self, only: Option<ConnectionId>) -> Result<Vec<FindingSpan>, StoreError> {
        let session = self.session().await?;
        let only = only.map(|id| id.0);
        let rows = session::rows(session.client(), ALL, &[(&only, Type::INT8)]).await?;
        rows.iter()
            .map(|row| {
                Ok(FindingSpan {
                    connection_id: ConnectionId(row.try_get(0)?),
                    check_id: row.try_get(1)?,
                    since: row.try_get(2)?,
                })
            })
            .collect()
    }
}
