//! How far each writer has come: what makes a batch that is sent again change nothing.

use tokio_postgres::{Transaction, types::Type};

use crate::{Store, StoreError, session};

/// The row stays locked until the batch is committed: the same batch, sent twice at once, waits and then finds its mark.
const ADVANCE: &str = "
insert into dashboard.history_writers as known (writer, up_to)
values ($1, $2)
on conflict (writer) do update set up_to = excluded.up_to, at = now()
where known.up_to < excluded.up_to";
const READ: &str = "select up_to from dashboard.history_writers where writer = $1";

/// How far a writer is with a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) writer: i64,
    pub(super) up_to: i64,
}

impl Mark {
    /// Whether the batch that ends here is new.
    pub(super) async fn advance(self, transaction: &Transaction<'_>) -> Result<bool, StoreError> {
        let params = &[(&self.writer as _, Type::INT8), (&self.up_to as _, Type::INT8)];
        Ok(session::execute(transaction, ADVANCE, params).await? == 1)
    }
}

impl Store {
    /// The mark of a writer: the last measurement of it that is kept; `None` where none is. To be read after a commit
    /// whose outcome is not known.
    pub async fn recorded_up_to(&self, writer: i64) -> Result<Option<i64>, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), READ, &[(&writer, Type::INT8)]).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }
}
