//! What the spool knows in memory: the newest measurements, how far the database is, and how many wait.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use common::database::SpoolInfo;
use tokio::sync::{Notify, watch};

use crate::Measurement;

/// Shared by who appends, the thread that owns the files, and the flusher.
pub(super) struct Shared {
    state: Mutex<State>,
    memory_bytes: u64,
    /// Something waits.
    pub(super) arrived: Notify,
    /// Somebody wants to see what waits.
    pub(super) hurry: Notify,
    urgent: AtomicUsize,
    away: AtomicBool,
    recorded: watch::Sender<i64>,
    /// How many wait; of older writers as well.
    waiting: watch::Sender<i64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The newest, by number and without gaps. Those in front may be on disk only ([`State::on_disk_up_to`]).
    recent: VecDeque<Waiting>,
    recent_bytes: u64,
    /// Up to here, what is not recorded yet has to be read from disk.
    pub(super) on_disk_up_to: i64,
    /// Up to here the flusher has taken it.
    pub(super) taken_up_to: i64,
    /// Up to here, what the flusher had not taken was counted as lost with its files.
    lost_up_to: i64,
    /// The last number given.
    pub(super) last: i64,
    rows: i64,
    bytes: u64,
    pub(super) dropped: i64,
    /// Why the disk takes nothing.
    pub(super) error: Option<String>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) seq: i64,
    pub(super) measurement: Measurement,
    pub(super) bytes: u64,
    pub(super) on_disk: bool,
}

impl Shared {
    pub(super) fn new(memory_bytes: u64) -> Self {
        Self {
            state: Mutex::default(),
            memory_bytes,
            arrived: Notify::new(),
            hurry: Notify::new(),
            urgent: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            recorded: watch::Sender::new(0),
            waiting: watch::Sender::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers and remembers a measurement; `None`: there is no room, and it is counted.
    pub(super) fn accept(&self, measurement: Measurement, bytes: u64, on_disk: bool) -> Option<i64> {
        let mut state = self.state();
        if !on_disk {
            state.evict(self.memory_bytes.saturating_sub(bytes));
            if state.recent_bytes + bytes > self.memory_bytes {
                state.dropped += 1;
                return None;
            }
        }
        let seq = state.last + 1;
        state.last = seq;
        state.recent.push_back(Waiting { seq, measurement, bytes, on_disk });
        state.recent_bytes += bytes;
        state.rows += 1;
        state.bytes += bytes;
        state.evict(self.memory_bytes);
        let rows = state.rows;
        drop(state);
        self.waiting.send_replace(rows);
        Some(seq)
    }

    /// What an earlier writer left.
    pub(super) fn found(&self, rows: i64, bytes: u64) {
        let mut state = self.state();
        state.rows += rows;
        state.bytes += bytes;
        self.waiting.send_replace(state.rows);
    }

    /// So many wait no longer: they are recorded, or (`dropped`) lost.
    pub(super) fn gone(&self, rows: i64, bytes: u64, dropped: bool) {
        let mut state = self.state();
        state.gone(rows, bytes, dropped);
        self.waiting.send_replace(state.rows);
    }

    /// A file of ours with these numbers is gone. What is recorded, under way or in memory is not lost with it. Answers how
    /// many are.
    pub(super) fn lost(&self, first: i64, last: i64, bytes: u64) -> i64 {
        let recorded = self.recorded_up_to();
        let mut state = self.state();
        let last = last.min(state.on_disk_up_to);
        let rows = last - state.taken_up_to.max(recorded).max(first - 1);
        if rows <= 0 {
            return 0;
        }
        state.lost_up_to = last;
        state.gone(rows, bytes, true);
        self.waiting.send_replace(state.rows);
        rows
    }

    /// The flusher has read these from disk, and takes all up to a number. A file that went while it read had them counted as
    /// lost: they are not.
    pub(super) fn take_read(&self, seqs: &[i64], up_to: i64) {
        let mut state = self.state();
        let found = seqs.iter().filter(|seq| **seq <= state.lost_up_to).count() as i64;
        state.dropped -= found;
        state.rows += found;
        state.taken_up_to = up_to;
        self.waiting.send_replace(state.rows);
    }

    pub(super) fn record_up_to(&self, seq: i64) {
        self.recorded.send_replace(seq);
    }

    pub(super) fn recorded(&self) -> watch::Receiver<i64> {
        self.recorded.subscribe()
    }

    pub(super) fn recorded_up_to(&self) -> i64 {
        *self.recorded.borrow()
    }

    pub(super) async fn emptied(&self) {
        // The sender is in `self`: it does not end before.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting == 0).await;
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Whether that is news.
    pub(super) fn set_away(&self, away: bool) -> bool {
        self.away.swap(away, Ordering::Relaxed) != away
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::SeqCst) > 0
    }

    /// Nobody lingers while this is held.
    pub(super) fn urgently(&self) -> Urgent<'_> {
        self.urgent.fetch_add(1, Ordering::SeqCst);
        self.hurry.notify_one();
        Urgent(self)
    }
}

pub(super) struct Urgent<'a>(&'a Shared);

impl Drop for Urgent<'_> {
    fn drop(&mut self) {
        self.0.urgent.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    fn gone(&mut self, rows: i64, bytes: u64, dropped: bool) {
        self.rows = (self.rows - rows).max(0);
        self.bytes = if self.rows == 0 { 0 } else { self.bytes.saturating_sub(bytes) };
        if dropped {
            self.dropped += rows;
        }
    }

    /// Lets go, from the oldest on, of what is on disk as well, until no more than `bytes` are held.
    fn evict(&mut self, bytes: u64) {
        while self.recent_bytes > bytes
            && self.recent.front().is_some_and(|front| front.on_disk)
            && let Some(front) = self.recent.pop_front()
        {
            self.recent_bytes -= front.bytes;
            self.on_disk_up_to = front.seq;
        }
    }

    pub(super) fn has_recent(&self) -> bool {
        !self.recent.is_empty()
    }

    /// What the flusher has not taken yet and has to read from disk: beyond the first number, up to the second.
    pub(super) fn on_disk_only(&self) -> Option<(i64, i64)> {
        (self.on_disk_up_to > self.taken_up_to).then_some((self.taken_up_to, self.on_disk_up_to))
    }

    pub(super) fn recent_rows(&self) -> usize {
        self.recent.len()
    }

    /// Takes the oldest out of memory: so many rows, about so many bytes.
    pub(super) fn take_recent(&mut self, most: usize, most_bytes: u64) -> Vec<Waiting> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < most
            && bytes < most_bytes
            && let Some(front) = self.recent.pop_front()
        {
            bytes += front.bytes;
            self.taken_up_to = front.seq;
            taken.push(front);
        }
        self.recent_bytes -= bytes;
        taken
    }

    /// Those that a disk which took nothing left in memory only: nothing after them is on disk.
    pub(super) fn only_in_memory(&self) -> Vec<&Waiting> {
        let only = self.recent.iter().rev().take_while(|waiting| !waiting.on_disk);
        let mut only: Vec<&Waiting> = only.collect();
        only.reverse();
        only
    }

    pub(super) fn all_on_disk(&mut self) {
        for waiting in self.recent.iter_mut().rev().take_while(|waiting| !waiting.on_disk) {
            waiting.on_disk = true;
        }
    }

    pub(super) fn info(&self) -> SpoolInfo {
        SpoolInfo {
            rows: self.rows,
            bytes: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            dropped: self.dropped,
            error: self.error.clone(),
        }
    }
}
