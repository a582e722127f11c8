//! What every connection is called, and nothing else of it: for choosing one, and beside what was read of many.

use common::{ConnectionId, connection::ConnectionName};

use crate::{Store, StoreError, session};

const NAMES: &str = "
select id, name from dashboard.connections
where deleted_at is null
order by name_key, id";

impl Store {
    /// Of every connection that is not deleted, in the order of their names.
    pub async fn connection_names(&self) -> Result<Vec<ConnectionName>, StoreError> {
        let session = self.session().await?;
        let rows = session::rows(session.client(), NAMES, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(ConnectionName { id: ConnectionId(row.try_get("id")?), name: row.try_get("name")? })
            })
            .collect()
    }
}
