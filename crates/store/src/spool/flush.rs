//! From the spool into the database: in order, in batches, each exactly once.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::{
    select,
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{
    LINGER,
    files::Command,
    is_of_the_measurement, record,
    state::{Shared, Waiting},
};
use crate::{Measurement, Store, StoreError};

const MOST_ROWS: usize = 1000;
const MOST_BYTES: u64 = 4 << 20;
/// Between attempts while the database is away: doubled from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Where batches go: the store.
pub(super) trait Sink: Send + Sync {
    fn record(
        &self,
        writer: i64,
        up_to: i64,
        batch: &[Measurement],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn recorded_up_to(&self, writer: i64) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;
}

impl Sink for Store {
    async fn record(&self, writer: i64, up_to: i64, batch: &[Measurement]) -> Result<(), StoreError> {
        Box::pin(self.record_batch(writer, up_to, batch)).await
    }

    async fn recorded_up_to(&self, writer: i64) -> Result<Option<i64>, StoreError> {
        Store::recorded_up_to(self, writer).await
    }
}

pub(super) struct Flusher<S> {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    sink: S,
}

/// Measurements of one writer that follow each other.
struct Batch {
    writer: i64,
    is_own: bool,
    seqs: Vec<i64>,
    items: Vec<Measurement>,
    bytes: u64,
    /// At least that of the last item.
    up_to: i64,
    /// Could not be read.
    unreadable: i64,
}

/// The spool is gone.
struct Gone;

impl<S: Sink> Flusher<S> {
    pub(super) fn new(shared: Arc<Shared>, commands: mpsc::Sender<Command>, sink: S) -> Self {
        Self { shared, commands, sink }
    }

    /// For ever.
    pub(super) async fn run(self) {
        let _: Result<(), Gone> = async {
            self.replay().await?;
            let writer = self.ask(Command::Writer).await?;
            loop {
                let batch = self.next(writer).await?;
                self.record(batch).await?;
            }
        }
        .await;
    }

    /// What was left behind, writer by writer.
    async fn replay(&self) -> Result<(), Gone> {
        while let Some(writer) = self.ask(Command::Oldest).await? {
            let mut after = self.mark(writer).await.unwrap_or(0);
            let mut replayed = 0;
            while let Some(batch) = self.read_files(writer, false, after, i64::MAX).await? {
                after = batch.up_to;
                replayed += batch.items.len();
                self.record(batch).await?;
            }
            self.ask(Command::RemoveOldest).await?;
            if replayed > 0 {
                tracing::info!(replayed, "measurements of an earlier start are in the database now");
            }
        }
        // What was recorded before the end is not among those that were replayed.
        let (waiting, own) = {
            let state = self.shared.state();
            (state.info().rows, state.last - state.taken_up_to)
        };
        self.shared.gone((waiting - own).max(0), 0, false);
        Ok(())
    }

    /// The next measurements of our own, when there are some.
    async fn next(&self, writer: i64) -> Result<Batch, Gone> {
        loop {
            self.linger().await;
            // Under one lock: what is let go of meanwhile must not be skipped.
            let (on_disk, waiting) = {
                let mut state = self.shared.state();
                match state.on_disk_only() {
                    Some(range) => (Some(range), Vec::new()),
                    None => (None, state.take_recent(MOST_ROWS, MOST_BYTES)),
                }
            };
            let batch = match on_disk {
                None => Batch::of(writer, waiting),
                Some((after, up_to)) => {
                    let batch = self.read_files(writer, true, after, up_to).await?;
                    // None: dropped for want of room.
                    let (seqs, up_to) =
                        batch.as_ref().map_or((&[][..], up_to), |batch| (&batch.seqs, batch.up_to));
                    self.shared.take_read(seqs, up_to);
                    batch
                }
            };
            if let Some(batch) = batch {
                return Ok(batch);
            }
        }
    }

    /// Until something waits, and then a little longer for what may come with it.
    async fn linger(&self) {
        loop {
            let (waits, enough) = {
                let state = self.shared.state();
                let on_disk = state.on_disk_only().is_some();
                (on_disk || state.has_recent(), on_disk || state.recent_rows() >= MOST_ROWS)
            };
            match (waits, enough || self.shared.is_urgent()) {
                (false, _) => self.shared.arrived.notified().await,
                (true, true) => return,
                (true, false) => {
                    let _ = timeout(LINGER, self.shared.hurry.notified()).await;
                    return;
                }
            }
        }
    }

    /// What the files hold of a writer beyond `after` and up to `up_to`, as much as fits a batch.
    async fn read_files(
        &self,
        writer: i64,
        is_own: bool,
        after: i64,
        up_to: i64,
    ) -> Result<Option<Batch>, Gone> {
        let files = self.ask(|reply| Command::List { writer, after, reply }).await?;
        let read = tokio::task::spawn_blocking(move || read(&files, writer, is_own, after, up_to));
        let batch = read.await.map_err(|_| Gone)?;
        Ok((!batch.seqs.is_empty() || batch.unreadable > 0).then_some(batch))
    }

    /// Records a batch, however long it takes.
    async fn record(&self, batch: Batch) -> Result<(), Gone> {
        let mut left = VecDeque::from([batch]);
        let mut wait = FIRST_WAIT;
        while let Some(batch) = left.front_mut() {
            let outcome = match batch.items.is_empty() {
                true => Ok(()),
                false => self.sink.record(batch.writer, batch.up_to, &batch.items).await,
            };
            match outcome {
                Ok(()) => {
                    self.has_come_back();
                    wait = FIRST_WAIT;
                    self.done(batch, false);
                    left.pop_front();
                }
                Err(error) if is_of_the_measurement(&error) && batch.items.len() == 1 => {
                    tracing::error!(%error, "the database refuses a measurement: it is dropped");
                    self.done(batch, true);
                    left.pop_front();
                }
                Err(error) if is_of_the_measurement(&error) => {
                    // One of them; the others are to be recorded.
                    let second = batch.split();
                    left.insert(1, second);
                }
                Err(error) => {
                    if self.shared.set_away(true) {
                        tracing::warn!(%error, "measurements wait for the dashboard's own database");
                    }
                    self.wait(wait).await;
                    wait = (wait * 2).min(LAST_WAIT);
                    let is_slow = matches!(error, StoreError::Timeout { .. });
                    match self.sink.recorded_up_to(batch.writer).await {
                        // It was recorded, although nobody said so.
                        Ok(mark) if mark >= Some(batch.up_to) => {
                            self.has_come_back();
                            self.done(batch, false);
                            left.pop_front();
                        }
                        // So much at once takes longer than it may.
                        Ok(_) if is_slow && batch.items.len() > 1 => {
                            let second = batch.split();
                            left.insert(1, second);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn has_come_back(&self) {
        if self.shared.set_away(false) {
            tracing::info!("the dashboard's own database takes measurements again");
        }
    }

    fn done(&self, batch: &Batch, dropped: bool) {
        let rows = batch.items.len() as i64;
        self.shared.gone(rows, batch.bytes, dropped);
        self.shared.gone(batch.unreadable, 0, true);
        if batch.is_own {
            self.shared.record_up_to(batch.up_to);
            let _ = self.commands.send(Command::Recorded(batch.up_to));
        }
    }

    /// How far the database is with a writer, asked until it says so.
    async fn mark(&self, writer: i64) -> Option<i64> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.sink.recorded_up_to(writer).await {
                Ok(mark) => return mark,
                Err(error) => {
                    if self.shared.set_away(true) {
                        tracing::warn!(%error, "measurements wait for the dashboard's own database");
                    }
                    self.wait(wait).await;
                    wait = (wait * 2).min(LAST_WAIT);
                }
            }
        }
    }

    /// Less when somebody begins to wait for a measurement, but never nothing.
    async fn wait(&self, wait: Duration) {
        sleep(FIRST_WAIT).await;
        select! {
            () = sleep(wait) => {}
            () = self.shared.hurry.notified() => {}
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

impl Batch {
    fn empty(writer: i64, is_own: bool, up_to: i64) -> Self {
        Self { writer, is_own, seqs: Vec::new(), items: Vec::new(), bytes: 0, up_to, unreadable: 0 }
    }

    /// Of what was in memory.
    fn of(writer: i64, waiting: Vec<Waiting>) -> Option<Self> {
        let last = waiting.last()?.seq;
        let mut batch = Self::empty(writer, true, last);
        for Waiting { seq, measurement, bytes, .. } in waiting {
            batch.seqs.push(seq);
            batch.items.push(measurement);
            batch.bytes += bytes;
        }
        Some(batch)
    }

    /// Leaves the first half, and answers the second.
    fn split(&mut self) -> Self {
        let half = self.items.len() / 2;
        let second = Self {
            seqs: self.seqs.split_off(half),
            items: self.items.split_off(half),
            bytes: self.bytes / 2,
            ..*self
        };
        self.bytes -= second.bytes;
        self.unreadable = 0;
        self.up_to = self.seqs.last().copied().unwrap_or(self.up_to);
        second
    }
}

fn read(files: &[PathBuf], writer: i64, is_own: bool, after: i64, up_to: i64) -> Batch {
    let mut batch = Batch::empty(writer, is_own, after);
    'files: for file in files {
        // Dropped for want of room meanwhile.
        let Ok(content) = fs::read(file) else { continue };
        let (records, _) = record::read(&content);
        for found in records.iter().filter(|record| record.seq > after) {
            if found.seq > up_to || batch.items.len() == MOST_ROWS || batch.bytes >= MOST_BYTES {
                break 'files;
            }
            match serde_json::from_slice(found.payload) {
                Ok(measurement) => {
                    batch.seqs.push(found.seq);
                    batch.items.push(measurement);
                    batch.bytes += record::size(found.payload);
                }
                Err(error) => {
                    tracing::error!(%error, "a measurement was written by another release: it is dropped");
                    batch.unreadable += 1;
                }
            }
            batch.up_to = found.seq;
        }
    }
    batch
}
