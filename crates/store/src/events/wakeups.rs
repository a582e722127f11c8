//! Being woken when an event is written.
//!
//! LISTEN belongs to a session, so it goes where migrations go: past any transaction pooler. What is heard is only that
//! there is something to read.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinHandle};
use tokio_postgres::Client;

use crate::{Store, StoreError, open::dial_listener};

const LISTEN: &str = "listen pg_dashboard_events";
/// For a session that should answer at once.
const LIMIT: Duration = Duration::from_secs(5);

/// A session that listens for as long as this lives.
pub struct Wakeups {
    client: Client,
    task: JoinHandle<()>,
    heard: Arc<Notify>,
}

impl fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wakeups")
    }
}

impl Wakeups {
    /// Resolves when something was written since the last time, or the session has ended.
    pub async fn next(&self) {
        self.heard.notified().await;
    }

    /// Whether the session still answers. A network that was dropped says nothing by itself.
    pub async fn is_alive(&self) -> bool {
        let asked = tokio::time::timeout(LIMIT, self.client.simple_query("")).await;
        matches!(asked, Ok(Ok(_)))
    }
}

impl Drop for Wakeups {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Store {
    /// Listens for events.
    pub async fn event_wakeups(&self) -> Result<Wakeups, StoreError> {
        let heard = Arc::new(Notify::new());
        let (client, task) = dial_listener(self.direct_url(), heard.clone()).await?;
        let wakeups = Wakeups { client, task, heard };
        match tokio::time::timeout(LIMIT, wakeups.client.batch_execute(LISTEN)).await {
            Ok(listening) => listening?,
            Err(_) => return Err(StoreError::Timeout { limit_s: LIMIT.as_secs() }),
        }
        Ok(wakeups)
    }
}
