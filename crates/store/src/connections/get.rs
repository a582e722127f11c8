//! One connection.

use chrono::{DateTime, Utc};
use common::{Connection, ConnectionId};
use tokio_postgres::types::Type;

use super::{
    heartbeats::Heartbeats,
    rows::{self, connection_columns},
};
use crate::{
    Store, StoreError,
    session::{self, Params},
};

const GET: &str = concat!(
    "select ",
    connection_columns!(),
    "
from dashboard.connections c
left join dashboard.latest_tests t on t.connection_id = c.id
left join dashboard.latest_health h on h.connection_id = c.id
where c.id = $1 and c.deleted_at is null"
);

impl Store {
    /// # Errors
    /// [`StoreError::NotFound`], also when it is deleted and could still be restored.
    pub async fn get(&self, id: ConnectionId, now: DateTime<Utc>) -> Result<Connection, StoreError> {
        let session = self.session().await?;
        let client = session.client();
        let ids = [id.0];
        let only: Params<'_> = &[(&id.0, Type::INT8)];
        let (row, heartbeats) =
            futures::try_join!(session::row(client, GET, only), Heartbeats::read(client, &ids))?;
        let connection = rows::connection(&row.ok_or(StoreError::NotFound)?, now)?;
        Ok(heartbeats.put_into(connection))
    }
}
