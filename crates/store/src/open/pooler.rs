//! Whether a URL leads through a transaction pooler, where an advisory lock would be taken on one server session
//! and released on another.
//!
//! Poolers do not say what they are, so this looks at what they do: two sessions that are ours must be two sessions
//! of the server, and stay the same two. Who says `pool_size=1` says that there is one session to be had: then nothing can
//! be compared.

use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::{DatabaseUrl, dial};
use crate::StoreError;

/// Where Supabase, Supavisor and others put their transaction pooler.
const POOLER_PORT: u16 = 6543;
/// With a pool of one, the second of two sessions waits for the first: so long, then that is the answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn refuse_transaction_pooler(
    setting: &'static str,
    is_direct: bool,
    url: &DatabaseUrl,
    session: &Client,
) -> Result<(), StoreError> {
    let refused = |reason| Err(StoreError::TransactionPooler { setting, reason });
    // A direct URL with this port was named on purpose; what the sessions do decides.
    if url.port == POOLER_PORT && !is_direct {
        return refused("port 6543 is a transaction pooler's");
    }
    if url.pool_size > 1 && shares_sessions(url, session).await? {
        return refused("its sessions change or share the server's session behind them");
    }
    Ok(())
}

async fn shares_sessions(url: &DatabaseUrl, session: &Client) -> Result<bool, StoreError> {
    let before = backend_pid(session).await?;
    let (other, task) = dial::dial(url).await?;
    let compared = tokio::time::timeout(PATIENCE, async {
        other.batch_execute("begin").await?;
        let held = backend_pid(&other).await?;
        let after = backend_pid(session).await?;
        Ok::<bool, tokio_postgres::Error>(held == before || after != before)
    })
    .await;
    drop(other);
    task.abort();
    match compared {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Ok(true),
    }
}

async fn backend_pid(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let messages = client.simple_query("select pg_backend_pid()").await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    }))
}
