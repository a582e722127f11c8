//! What was measured waits here until the dashboard's own database has it: on disk, so that neither a database that is away
//! nor a dashboard that is killed loses any.
//!
//! A measurement is acknowledged once it is synced to a file (several that come together share one sync). From there a
//! flusher records it, normally straight from memory within [`LINGER`], in batches that count exactly once
//! ([`Store::record_batch`]). While the database is away, files grow up to a limit; then the oldest goes and is counted.
//! A disk that takes nothing any more is told ([`Spool::info`]): what is on it stays, a little waits in memory, and the rest
//! is counted as dropped.

mod files;
mod flush;
mod folder;
mod record;
mod state;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use common::database::SpoolInfo;
use tokio::sync::oneshot;

use self::{
    files::{Command, Entry, Files},
    flush::{Flusher, Sink},
    state::Shared,
};
use crate::{Measurement, Store, StoreError};

/// How long a measurement may wait for others to be recorded together with it.
const LINGER: Duration = Duration::from_millis(100);
/// How long somebody who wants to see a measurement in the database waits for it: while the database answers, and while it is
/// known to be away.
const VISIBLE_LIMIT: Duration = Duration::from_secs(5);
const VISIBLE_LIMIT_AWAY: Duration = Duration::from_millis(250);

/// Where measurements wait, and how many.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// A folder of the spool's own; it is made when it is not there. `None`: they wait in memory only.
    pub folder: Option<PathBuf>,
    /// All files together. An hour of 1,000 databases that are asked every 10 s is about 1 GB.
    pub limit_bytes: u64,
    pub segment_bytes: u64,
    /// What is held in memory beside that, so that it need not be read back.
    pub memory_bytes: u64,
    /// Between two syncs at least: what comes in between shares the next one. The first after a while does not wait.
    pub between_syncs: Duration,
}

impl SpoolConfig {
    /// With the usual bounds.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            limit_bytes: 1 << 30,
            segment_bytes: 4 << 20,
            memory_bytes: 4 << 20,
            between_syncs: Duration::from_millis(25),
        }
    }
}

/// Takes measurements. Cheap to clone.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

/// A measurement that is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept(i64);

/// Neither disk nor memory had room, or the dashboard has stopped; the measurement is counted as dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for a measurement that waits for the database")]
pub struct NotKept;

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spool")
    }
}

impl Spool {
    /// Adopts what earlier dashboards left behind. A folder that cannot be used is told by [`Spool::info`], and
    /// measurements wait in memory.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn open(config: SpoolConfig) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(config.memory_bytes));
        let (commands, received) = mpsc::channel();
        let mut files = Files::open(config, Arc::clone(&shared));
        std::thread::Builder::new().name("spool".to_owned()).spawn(move || files.run(&received))?;
        Ok(Self { shared, commands })
    }

    /// Records what comes, and what was left behind, in `store`, for ever.
    pub async fn flush_into(self, store: Store) {
        self.flush(store).await;
    }

    async fn flush(self, sink: impl Sink) {
        Flusher::new(self.shared, self.commands, sink).run().await;
    }

    /// Keeps a measurement: when this answers, it is on disk (or in memory, where there is no disk).
    ///
    /// # Errors
    /// It is lost.
    pub async fn append(&self, measurement: Measurement) -> Result<Kept, NotKept> {
        let Ok(payload) = serde_json::to_vec(&measurement) else {
            self.shared.state().dropped += 1;
            return Err(NotKept);
        };
        let (reply, answer) = oneshot::channel();
        let entry = Entry { measurement, payload, reply };
        if self.commands.send(Command::Append(entry)).is_err() {
            self.shared.state().dropped += 1;
            return Err(NotKept);
        }
        answer.await.unwrap_or(Err(NotKept))
    }

    /// Waits until the database has what was kept; not for long, and hardly at all while the database is away. Whether it has.
    pub async fn visible(&self, kept: Kept) -> bool {
        let limit = if self.shared.is_away() { VISIBLE_LIMIT_AWAY } else { VISIBLE_LIMIT };
        let _urgent = self.shared.urgently();
        let mut recorded = self.shared.recorded();
        tokio::time::timeout(limit, recorded.wait_for(|recorded| *recorded >= kept.0)).await.is_ok()
    }

    /// Waits until everything is in the database, for at most `limit`, and then removes the files that are done with.
    /// Whether everything is.
    pub async fn drain(&self, limit: Duration) -> bool {
        let _urgent = self.shared.urgently();
        let empty = tokio::time::timeout(limit, self.shared.emptied()).await.is_ok();
        let (reply, ended) = oneshot::channel();
        if self.commands.send(Command::End(reply)).is_ok() {
            let _ = ended.await;
        }
        empty
    }

    /// Whether the database did not take what it was given last.
    pub fn is_away(&self) -> bool {
        self.shared.is_away()
    }

    /// What waits for the database, what was lost, and what is wrong with the disk.
    pub fn info(&self) -> SpoolInfo {
        self.shared.state().info()
    }
}

/// Errors that lie in a measurement itself: it would never be recorded, and whatever stands behind it neither.
fn is_of_the_measurement(error: &StoreError) -> bool {
    match error {
        StoreError::Json { .. } | StoreError::Unreadable { .. } => true,
        // Data exception, integrity constraint violation.
        StoreError::Query(error) => {
            error.code().is_some_and(|code| code.code().starts_with("22") || code.code().starts_with("23"))
        }
        _ => false,
    }
}
