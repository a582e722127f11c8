//! One way to put a statement to the dashboard's own database: unnamed, typed, within a limit.
//!
//! `query_typed` sends everything in one round trip and leaves no named statement behind, which a transaction
//! pooler would hand to someone else.

use std::time::Duration;

use tokio_postgres::{
    GenericClient, Row,
    types::{ToSql, Type},
};

use crate::StoreError;

/// Each parameter with its type.
pub(crate) type Params<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// How long one statement may take. A server that is gone without a word must not hold a request for ever.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// For what clears away much at once.
const SWEEP_LIMIT: Duration = Duration::from_secs(120);

async fn within<T>(
    limit: Duration,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, statement).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(StoreError::Timeout { limit_s: limit.as_secs() }),
    }
}

pub(crate) async fn rows(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Vec<Row>, StoreError> {
    within(STATEMENT_LIMIT, client.query_typed(sql, params)).await
}

/// The first row, if there is one.
pub(crate) async fn row(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Option<Row>, StoreError> {
    Ok(rows(client, sql, params).await?.into_iter().next())
}

/// How many rows it touched.
pub(crate) async fn execute(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<u64, StoreError> {
    within(STATEMENT_LIMIT, client.execute_typed(sql, params)).await
}

/// [`execute`] with the limit of a sweep.
pub(crate) async fn sweep(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<u64, StoreError> {
    within(SWEEP_LIMIT, client.execute_typed(sql, params)).await
}
