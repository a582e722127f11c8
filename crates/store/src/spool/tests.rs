//! The spool against a database that is played: away, slow to say yes, or refusing.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use common::{ConnectionId, Phase, TestError, TestErrorKind, TestResult};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{ConnectError, Measured};

/// What a played database does with the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    Away,
    /// Commits, and the answer is lost.
    Unclear,
}

#[derive(Clone)]
struct Played(Arc<Mutex<Database>>);

struct Database {
    mood: Mood,
    /// The numbers that were recorded, in the order of their coming.
    rows: Vec<u32>,
    batches: usize,
    marks: std::collections::HashMap<i64, i64>,
    refused: BTreeSet<u32>,
    /// More rows than this take too long.
    most: usize,
}

impl Played {
    fn new(mood: Mood) -> Self {
        Self(Arc::new(Mutex::new(Database {
            mood,
            rows: Vec::new(),
            batches: 0,
            marks: Default::default(),
            refused: BTreeSet::new(),
            most: usize::MAX,
        })))
    }

    fn get(&self) -> MutexGuard<'_, Database> {
        self.0.lock().unwrap()
    }

    fn rows(&self) -> Vec<u32> {
        self.get().rows.clone()
    }
}

fn away() -> StoreError {
    StoreError::Connect(ConnectError::Timeout { address: "nowhere".to_owned(), limit_s: 1 })
}

impl Sink for Played {
    async fn record(&self, writer: i64, up_to: i64, batch: &[Measurement]) -> Result<(), StoreError> {
        let mut database = self.get();
        let numbers: Vec<u32> = batch.iter().map(number).collect();
        if numbers.iter().any(|number| database.refused.contains(number)) {
            return Err(StoreError::Unreadable { what: "number" });
        }
        let mark = database.marks.get(&writer).copied().unwrap_or(0);
        if database.mood == Mood::Away {
            return Err(away());
        }
        if batch.len() > database.most {
            return Err(StoreError::Timeout { limit_s: 10 });
        }
        if up_to > mark {
            database.rows.extend(numbers);
            database.batches += 1;
            database.marks.insert(writer, up_to);
        }
        match database.mood {
            Mood::Unclear => {
                database.mood = Mood::Fine;
                Err(away())
            }
            _ => Ok(()),
        }
    }

    async fn recorded_up_to(&self, writer: i64) -> Result<Option<i64>, StoreError> {
        let database = self.get();
        match database.mood {
            Mood::Away => Err(away()),
            _ => Ok(database.marks.get(&writer).copied()),
        }
    }
}

/// A measurement that is known by its number.
fn measurement(number: u32) -> Measurement {
    let at: DateTime<Utc> = DateTime::from_timestamp(i64::from(number), 0).unwrap();
    let error = TestError {
        kind: TestErrorKind::Other,
        phase: Phase::Query,
        message: "m".repeat(100),
        hint: String::new(),
        sqlstate: None,
    };
    let test = TestResult::failed(ConnectionId(i64::from(number)), at, error);
    Measurement { version: 1, of: Measured::Test(Box::new(test)) }
}

fn number(measurement: &Measurement) -> u32 {
    u32::try_from(measurement.connection_id().0).unwrap()
}

fn config(folder: &Path) -> SpoolConfig {
    SpoolConfig {
        segment_bytes: 8 << 10,
        memory_bytes: 4 << 10,
        between_syncs: Duration::ZERO,
        ..SpoolConfig::in_folder(Some(folder.to_owned()))
    }
}

struct Running {
    spool: Spool,
    flusher: JoinHandle<()>,
}

impl Running {
    fn start(config: SpoolConfig, played: &Played) -> Self {
        let spool = Spool::open(config).unwrap();
        let flusher = tokio::spawn(spool.clone().flush(played.clone()));
        Self { spool, flusher }
    }

    async fn append(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<Kept> {
        let mut kept = Vec::new();
        for number in numbers {
            kept.push(self.spool.append(measurement(number)).await.unwrap());
        }
        kept
    }

    async fn drained(&self) {
        assert!(self.spool.drain(Duration::from_secs(20)).await, "{:?}", self.spool.info());
    }

    /// As a kill -9 ends it: nothing is written or said any more.
    async fn kill(self) {
        let Self { spool, flusher } = self;
        flusher.abort();
        let _ = flusher.await;
        let shared = Arc::downgrade(&spool.shared);
        drop(spool);
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_comes_together_is_recorded_together_and_in_order() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Fine);
    let running = Running::start(config(folder.path()), &played);
    let kept = running.append(1..=20).await;
    assert!(running.spool.visible(kept[19]).await);
    assert_eq!(played.rows(), (1..=20).collect::<Vec<_>>());
    assert!(played.get().batches < 20, "{}", played.get().batches);
    let info = running.spool.info();
    assert_eq!((info.rows, info.bytes, info.dropped, info.error), (0, 0, 0, None));
}

#[tokio::test]
async fn what_a_killed_dashboard_left_is_recorded_once_by_the_next() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Away);
    let running = Running::start(config(folder.path()), &played);
    // Many more than memory holds, in several files.
    running.append(1..=300).await;
    running.kill().await;
    assert_eq!(played.rows(), Vec::<u32>::new());
    let running = Running::start(config(folder.path()), &played);
    running.append(301..=310).await;
    assert_eq!(running.spool.info().rows, 310);
    running.kill().await;
    played.get().mood = Mood::Fine;
    let running = Running::start(config(folder.path()), &played);
    running.append(311..=320).await;
    running.drained().await;
    assert_eq!(played.rows(), (1..=320).collect::<Vec<_>>());
    running.kill().await;
    let again = Running::start(config(folder.path()), &played);
    again.drained().await;
    assert_eq!(played.rows().len(), 320, "nothing twice");
    assert_eq!(again.spool.info().dropped, 0);
}

#[tokio::test]
async fn a_commit_that_nobody_confirmed_counts_once() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Unclear);
    let running = Running::start(config(folder.path()), &played);
    running.append(1..=3).await;
    running.drained().await;
    running.append(4..=5).await;
    running.drained().await;
    assert_eq!(played.rows(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_was_recorded_just_before_the_kill_is_not_recorded_again() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Fine);
    let running = Running::start(config(folder.path()), &played);
    let kept = running.append(1..=10).await;
    assert!(running.spool.visible(kept[9]).await);
    played.get().mood = Mood::Away;
    running.append(11..=12).await;
    running.kill().await;
    played.get().mood = Mood::Fine;
    let running = Running::start(config(folder.path()), &played);
    running.drained().await;
    assert_eq!(played.rows(), (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_the_database_refuses_does_not_hold_up_the_others() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Away);
    played.get().refused.insert(5);
    let running = Running::start(config(folder.path()), &played);
    running.append(1..=9).await;
    played.get().mood = Mood::Fine;
    running.drained().await;
    assert_eq!(played.rows(), [1, 2, 3, 4, 6, 7, 8, 9]);
    assert_eq!(running.spool.info().dropped, 1);
}

#[tokio::test]
async fn a_database_that_is_too_slow_for_much_at_once_gets_less() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Away);
    played.get().most = 3;
    let running = Running::start(config(folder.path()), &played);
    running.append(1..=20).await;
    played.get().mood = Mood::Fine;
    running.drained().await;
    assert_eq!(played.rows(), (1..=20).collect::<Vec<_>>());
    assert_eq!(running.spool.info().dropped, 0);
}

#[tokio::test]
async fn beyond_its_limit_the_oldest_go_and_are_counted() {
    let folder = TempDir::new().unwrap();
    let played = Played::new(Mood::Away);
    let running = Running::start(SpoolConfig { limit_bytes: 40 << 10, ..config(folder.path()) }, &played);
    running.append(1..=500).await;
    let info = running.spool.info();
    assert!(info.dropped > 0 && info.rows + info.dropped == 500, "{info:?}");
    assert_eq!(info.error, None);
    played.get().mood = Mood::Fine;
    running.drained().await;
    let rows = played.rows();
    assert_eq!(rows.len() as i64 + running.spool.info().dropped, 500);
    assert_eq!(rows.last(), Some(&500), "the newest are there");
    assert!(rows.windows(2).all(|two| two[0] < two[1]), "in order, none twice");
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_told_and_what_is_on_it_stays() {
    let folder = TempDir::new().unwrap();
    let spool = folder.path().join("spool");
    let played = Played::new(Mood::Away);
    let running = Running::start(SpoolConfig { segment_bytes: 1, ..config(&spool) }, &played);
    running.append(1..=10).await;
    // Each is in a file of its own, and there is no place for another.
    let aside = folder.path().join("aside");
    std::fs::rename(&spool, &aside).unwrap();
    std::fs::write(&spool, "in the way").unwrap();
    let mut kept = 10;
    for number in 11..=100 {
        kept += u32::from(running.spool.append(measurement(number)).await.is_ok());
    }
    let info = running.spool.info();
    assert!(info.error.is_some());
    assert!(kept < 100, "memory is bounded as well");
    assert_eq!((info.rows, info.dropped), (i64::from(kept), i64::from(100 - kept)));
    std::fs::remove_file(&spool).unwrap();
    std::fs::rename(&aside, &spool).unwrap();
    played.get().mood = Mood::Fine;
    running.drained().await;
    assert_eq!(played.rows(), (1..=kept).collect::<Vec<_>>(), "the oldest were kept");
}

#[tokio::test]
async fn what_waited_in_memory_goes_to_the_disk_when_that_takes_it_again() {
    let folder = TempDir::new().unwrap();
    let spool = folder.path().join("spool");
    std::fs::write(&spool, "in the way").unwrap();
    // Nobody flushes yet: what a flusher has in hand stays in memory.
    let waiting = Spool::open(SpoolConfig { memory_bytes: 64 << 10, ..config(&spool) }).unwrap();
    for number in 1..=5 {
        waiting.append(measurement(number)).await.unwrap();
    }
    assert!(waiting.info().error.is_some());
    std::fs::remove_file(&spool).unwrap();
    // It is asked again after a while.
    let mut number = 5;
    while waiting.info().error.is_some() {
        number += 1;
        let _ = waiting.append(measurement(number)).await;
    }
    let all = number - u32::try_from(waiting.info().dropped).unwrap();
    let shared = Arc::downgrade(&waiting.shared);
    drop(waiting);
    while shared.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    let played = Played::new(Mood::Fine);
    let next = Running::start(config(&spool), &played);
    next.drained().await;
    assert_eq!(played.rows().len(), all as usize);
    assert_eq!(played.rows()[..5], [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn without_a_folder_they_wait_in_memory() {
    let played = Played::new(Mood::Away);
    let running = Running::start(SpoolConfig::in_folder(None), &played);
    let kept = running.append(1..=3).await;
    assert!(!running.spool.visible(kept[2]).await, "nobody waits long for a database that is away");
    played.get().mood = Mood::Fine;
    running.drained().await;
    assert_eq!(played.rows(), [1, 2, 3]);
}
