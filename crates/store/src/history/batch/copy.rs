//! Many rows by COPY, which takes a fraction of the time of any INSERT.
//!
//! It knows no ON CONFLICT. Rows that are there already are rare (the marks of writers see to that), so COPY is tried within
//! a savepoint, and what it refuses is inserted in the other way.

use std::time::Duration;

use tokio_postgres::{
    Transaction,
    binary_copy::BinaryCopyInWriter,
    error::SqlState,
    types::{ToSql, Type},
};

use crate::StoreError;

/// From how many rows on the round trips of a COPY are worth it.
const WORTH_IT: usize = 100;
const LIMIT: Duration = Duration::from_secs(120);

/// Whether these rows were copied. If not, they are few, or some of them are there already, and none was.
///
/// The statement is prepared for as long as it runs, and closed before the transaction ends: a pooler keeps the server for that
/// long.
pub(super) async fn copied<'r, const N: usize>(
    transaction: &Transaction<'_>,
    sql: &str,
    types: &[Type; N],
    rows: usize,
    row: impl Fn(usize) -> [&'r (dyn ToSql + Sync); N],
) -> Result<bool, StoreError> {
    if rows < WORTH_IT {
        return Ok(false);
    }
    let copying = async {
        transaction.batch_execute("savepoint copied").await?;
        match copy(transaction, sql, types, rows, row).await {
            Ok(()) => {
                transaction.batch_execute("release savepoint copied").await?;
                Ok(true)
            }
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                transaction.batch_execute("rollback to savepoint copied").await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    };
    match tokio::time::timeout(LIMIT, copying).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(StoreError::Timeout { limit_s: LIMIT.as_secs() }),
    }
}

async fn copy<'r, const N: usize>(
    transaction: &Transaction<'_>,
    sql: &str,
    types: &[Type; N],
    rows: usize,
    row: impl Fn(usize) -> [&'r (dyn ToSql + Sync); N],
) -> Result<(), tokio_postgres::Error> {
    let sink = transaction.copy_in(sql).await?;
    let mut writer = Box::pin(BinaryCopyInWriter::new(sink, types));
    for at in 0..rows {
        writer.as_mut().write(&row(at)).await?;
    }
    writer.as_mut().finish().await?;
    Ok(())
}
