//! The thread that owns the files: it writes what comes together with one sync, and says when it is safe.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::oneshot;

use super::{Kept, NotKept, SpoolConfig, folder::Folder, record, state::Shared};
use crate::Measurement;

/// How many measurements share a sync at most.
const TOGETHER: usize = 1000;
/// A disk that takes nothing is asked again no more often than this.
const ASK_DISK_AGAIN: Duration = Duration::from_secs(1);

/// A measurement on its way in.
pub(super) struct Entry {
    pub(super) measurement: Measurement,
    pub(super) payload: Vec<u8>,
    pub(super) reply: oneshot::Sender<Result<Kept, NotKept>>,
}

pub(super) enum Command {
    Append(Entry),
    /// The own writer's measurements are in the database up to here.
    Recorded(i64),
    /// The oldest writer that left something behind.
    Oldest(oneshot::Sender<Option<i64>>),
    /// That one's measurements are in the database, or nowhere.
    RemoveOldest(oneshot::Sender<()>),
    /// The files of a writer that hold something beyond a number.
    List {
        writer: i64,
        after: i64,
        reply: oneshot::Sender<Vec<PathBuf>>,
    },
    Writer(oneshot::Sender<i64>),
    /// Closes and removes what is done with.
    End(oneshot::Sender<()>),
}

pub(super) struct Files {
    config: SpoolConfig,
    writer: i64,
    own: Option<Folder>,
    /// Of writers before, oldest first.
    older: Vec<Folder>,
    failed_at: Option<Instant>,
    synced_at: Option<Instant>,
    /// Let go of last, after the locks.
    shared: Arc<Shared>,
}

impl Files {
    pub(super) fn open(config: SpoolConfig, shared: Arc<Shared>) -> Self {
        let mut files = Self {
            config,
            writer: rand::random(),
            own: None,
            older: Vec::new(),
            failed_at: None,
            synced_at: None,
            shared,
        };
        if let Some(spool) = &files.config.folder {
            match Folder::adopt_all(spool) {
                Ok(older) => files.older = older,
                Err(error) => {
                    tracing::error!(%error, "measurements that wait for the database cannot be read");
                }
            }
            for folder in &files.older {
                files.shared.found(folder.rows(), folder.bytes());
            }
            let made = files.make_folder().map(drop);
            files.told(&made);
        }
        files
    }

    /// Until nobody can send anything any more.
    pub(super) fn run(&mut self, commands: &mpsc::Receiver<Command>) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| commands.recv().ok()) {
            match command {
                Command::Append(first) => {
                    let mut together = vec![first];
                    let until = self.synced_at.map(|at| at + self.config.between_syncs);
                    while together.len() < TOGETHER {
                        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                        match commands.recv_timeout(left.unwrap_or_default()) {
                            Ok(Command::Append(entry)) => together.push(entry),
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.append(together);
                }
                Command::Recorded(seq) => self.forget(seq),
                Command::Oldest(reply) => answer(reply, self.older.first().map(|folder| folder.writer)),
                Command::RemoveOldest(reply) => {
                    if !self.older.is_empty() {
                        self.older.remove(0).remove();
                    }
                    answer(reply, ());
                }
                Command::List { writer, after, reply } => {
                    let all = self.older.iter().chain(&self.own);
                    let folder = all.into_iter().find(|folder| folder.writer == writer);
                    answer(reply, folder.map(|folder| folder.files_after(after)).unwrap_or_default());
                }
                Command::Writer(reply) => answer(reply, self.writer),
                Command::End(reply) => {
                    if let Some(own) = &mut self.own {
                        own.end_segment();
                    }
                    self.forget(self.shared.recorded_up_to());
                    answer(reply, ());
                }
            }
        }
    }

    fn append(&mut self, together: Vec<Entry>) {
        let on_disk = self.write(&together);
        for Entry { measurement, payload, reply } in together {
            let kept = self.shared.accept(measurement, record::size(&payload), on_disk);
            // Who asked may be gone.
            let _ = reply.send(kept.map(Kept).ok_or(NotKept));
        }
        self.shared.arrived.notify_one();
        if on_disk {
            self.make_room();
        }
    }

    /// Whether they are safe on disk now, and with them those that a disk which took nothing left in memory.
    fn write(&mut self, together: &[Entry]) -> bool {
        if self.config.folder.is_none() || self.failed_at.is_some_and(|at| at.elapsed() < ASK_DISK_AGAIN) {
            return false;
        }
        let (first, left) = {
            let state = self.shared.state();
            let left = state.only_in_memory();
            let first = left.first().map_or(state.last + 1, |waiting| waiting.seq);
            let left = left.iter().filter_map(|waiting| serde_json::to_vec(&waiting.measurement).ok());
            (first, left.collect::<Vec<_>>())
        };
        let new = together.iter().map(|entry| entry.payload.as_slice());
        let payloads: Vec<&[u8]> = left.iter().map(Vec::as_slice).chain(new).collect();
        let segment_bytes = self.config.segment_bytes;
        self.synced_at = Some(Instant::now());
        let written = self.make_folder().and_then(|own| own.append(first, &payloads, segment_bytes));
        if written.is_ok() && !left.is_empty() {
            self.shared.state().all_on_disk();
        }
        self.told(&written)
    }

    fn make_folder(&mut self) -> io::Result<&mut Folder> {
        match (&mut self.own, &self.config.folder) {
            (Some(_), _) => {}
            (own, Some(spool)) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let name = format!("{:014}", since.as_millis());
                *own = Some(Folder::create(spool, &name, self.writer)?);
            }
            (None, None) => {}
        }
        self.own.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Notes how the disk took it, and says so when that is news.
    fn told<T>(&mut self, outcome: &io::Result<T>) -> bool {
        let error = outcome.as_ref().err().map(words);
        self.failed_at = error.as_ref().map(|_| Instant::now());
        let mut state = self.shared.state();
        match (&error, &state.error) {
            (Some(error), None) => {
                tracing::error!(error, "measurements cannot be written to the disk; they wait in memory");
            }
            (None, Some(_)) => tracing::info!("measurements are written to the disk again"),
            _ => {}
        }
        state.error = error;
        outcome.is_ok()
    }

    /// Drops the oldest files while all together are beyond the limit.
    fn make_room(&mut self) {
        let bytes = |files: &Self| files.older.iter().chain(&files.own).map(Folder::bytes).sum::<u64>();
        while bytes(self) > self.config.limit_bytes {
            if let Some(oldest) = self.older.iter_mut().find(|folder| folder.rows() > 0)
                && let Some(lost) = oldest.drop_oldest()
            {
                let rows = lost.last - lost.first + 1;
                self.shared.gone(rows, lost.bytes, true);
                say_lost(rows);
                continue;
            }
            let Some(lost) = self.own.as_mut().and_then(Folder::drop_oldest) else { return };
            let rows = self.shared.lost(lost.first, lost.last, lost.bytes);
            if rows > 0 {
                say_lost(rows);
            }
        }
    }

    fn forget(&mut self, recorded: i64) {
        if let Some(own) = &mut self.own {
            own.forget_up_to(recorded);
        }
    }
}

fn say_lost(rows: i64) {
    tracing::error!(
        rows,
        "the spool is full: the oldest measurements that wait for the database were dropped"
    );
}

fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}

/// For a person.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "The disk is full.".to_owned()
        }
        io::ErrorKind::PermissionDenied => "The folder of the spool may not be written to.".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "The disk can only be read.".to_owned(),
        _ => format!(
            "The folder of the spool cannot be written to: {}.",
            common::text::clean(&error.to_string(), 200)
        ),
    }
}
