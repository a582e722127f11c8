//! What the scheduler (`watch`) needs: which targets are this dashboard's to watch, and one look at one of them.
//!
//! Nobody waits for what it does here, and none of it ends because the dashboard's own database is away: what is known of
//! the targets stays known, and what is measured waits in the spool.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{ConnectionId, Problem, TestResult};
use store::Lease;
use tokio::sync::watch;

use crate::{Permission, Principal, Service, failure, health, recording, targets};

/// A watcher that has not been heard of for this long is gone, and others take its targets. With an interval of 5 s (the
/// shortest) they are asked again within two intervals.
pub const LEASE: Duration = Duration::from_secs(6);
/// How often a watcher says that it is there, and looks whether there is more or less to watch.
pub const RENEW: Duration = Duration::from_secs(2);

/// A target that this dashboard watches, as it was when it was last looked up. Cheap to clone.
#[derive(Clone)]
pub struct Watched {
    loaded: Arc<targets::Loaded>,
    interval: Duration,
    epoch: i64,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({} at {})", self.id(), self.version())
    }
}

impl Watched {
    pub fn id(&self) -> ConnectionId {
        self.loaded.key.id
    }

    /// Of the connection: a changed one is another target.
    pub fn version(&self) -> i32 {
        self.loaded.key.version
    }

    /// From one check to the next.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Grows when another watcher takes over, and when this one takes it back.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// What is asked of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Whether it can be reached, and how fast.
    Test,
    /// That, and its health.
    Health,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    pub ok: bool,
    /// It failed a moment ago and was not asked again, which is kept as another failure.
    pub left_alone: bool,
}

/// How much was watched since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WatchCounts {
    pub looks: u64,
    pub failed: u64,
    pub left_alone: u64,
    /// Turns that were left out, because the look before was not over yet.
    pub missed: u64,
}

/// What the watcher of this process is known by, and what it counts.
pub(crate) struct Watching {
    watcher: i64,
    changed: watch::Sender<u64>,
    looks: AtomicU64,
    failed: AtomicU64,
    left_alone: AtomicU64,
    missed: AtomicU64,
}

impl Default for Watching {
    fn default() -> Self {
        // 0 is nobody.
        Self {
            watcher: rand::random::<i64>() | 1,
            changed: watch::Sender::new(0),
            looks: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            left_alone: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        }
    }
}

impl Watching {
    /// Connections were added, changed or deleted here.
    pub(crate) fn note_change(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}

/// Says that this dashboard watches, and answers every target that is its own now: of all connections that are neither paused,
/// nor deleted, nor to be let asleep (those are asked only when somebody says so), its share among the dashboards on this
/// database. `known` are those of the time before; what has not changed since is not read again.
pub async fn targets(
    service: &Service,
    who: &Principal,
    known: &HashMap<ConnectionId, Watched>,
) -> Result<Vec<Watched>, Problem> {
    who.require(Permission::Test)?;
    let store = service.store();
    let leases = store.lease_targets(service.0.watching.watcher, LEASE).await.map_err(failure::from_store)?;
    let is_known =
        |lease: &Lease| known.get(&lease.connection_id).filter(|known| known.version() == lease.version);
    let unknown: Vec<ConnectionId> =
        leases.iter().filter(|lease| is_known(lease).is_none()).map(|lease| lease.connection_id).collect();
    let loaded = match unknown.is_empty() {
        true => HashMap::new(),
        false => targets::some(service, &unknown).await?,
    };
    let watched = leases.iter().filter_map(|lease| {
        let loaded = match is_known(lease) {
            Some(known) => Arc::clone(&known.loaded),
            // Deleted meanwhile, otherwise.
            None => Arc::clone(loaded.get(&lease.connection_id)?),
        };
        let seconds = u64::try_from(lease.check_interval_s).unwrap_or(60).max(1);
        Some(Watched { loaded, interval: Duration::from_secs(seconds), epoch: lease.epoch })
    });
    Ok(watched.collect())
}

/// Gives all targets back: this dashboard stops.
pub async fn release(service: &Service, who: &Principal) -> Result<(), Problem> {
    who.require(Permission::Test)?;
    service.store().release_targets(service.0.watching.watcher).await.map_err(failure::from_store)
}

/// Counts the changes to connections that were made through this dashboard: the targets may be others now.
pub fn changes(service: &Service) -> watch::Receiver<u64> {
    service.0.watching.changed.subscribe()
}

/// Looks at a target on the session that is held for it, and keeps what it finds: when this answers, it is safe. A database
/// that failed and is left alone for a while is kept as failed all the same: every turn of a target is a row. `next` is
/// when its next turn comes.
pub async fn look(
    service: &Service,
    who: &Principal,
    target: &Watched,
    look: Look,
    next: Duration,
) -> Result<Looked, Problem> {
    who.require(Permission::Test)?;
    let loaded = &*target.loaded;
    let looked = match look {
        Look::Health => {
            let health::WatchedHealth { ok, left_alone } = health::watch(service, loaded, next).await;
            Looked { ok, left_alone }
        }
        Look::Test => test(service, loaded, next).await,
    };
    let counts = &service.0.watching;
    counts.looks.fetch_add(1, Ordering::Relaxed);
    counts.failed.fetch_add(u64::from(!looked.ok), Ordering::Relaxed);
    counts.left_alone.fetch_add(u64::from(looked.left_alone), Ordering::Relaxed);
    Ok(looked)
}

async fn test(service: &Service, loaded: &targets::Loaded, next: Duration) -> Looked {
    let (result, left_alone) = match &loaded.target {
        Err(error) => (targets::not_begun(service, loaded.id(), error.clone()), false),
        Ok(target) => {
            let asked =
                probe::Asked { target, version: loaded.key.version, keep: loaded.keep, now: false, next };
            match Box::pin(service.0.held.test(asked)).await {
                Ok(result) => (result, false),
                Err(left_alone) => (still_failing(service, loaded.id(), &left_alone), true),
            }
        }
    };
    let ok = result.ok;
    recording::test_unseen(service, &loaded.key, result).await;
    Looked { ok, left_alone }
}

/// The failure of a database that is left alone, as the result of this turn.
pub(crate) fn still_failing(
    service: &Service,
    id: ConnectionId,
    left_alone: &probe::BackingOff,
) -> TestResult {
    match &left_alone.last.error {
        Some(error) => TestResult::failed(id, service.0.clock.now(), error.clone()),
        None => TestResult { checked_at: service.0.clock.now(), ..(*left_alone.last).clone() },
    }
}

/// So many turns of a target were left out, because the look before was not over yet.
pub fn missed(service: &Service, target: &Watched, turns: u32) {
    service.0.watching.missed.fetch_add(u64::from(turns), Ordering::Relaxed);
    tracing::debug!(id = %target.id(), turns, "turns of a target were missed");
}

/// How much was watched since the start.
pub fn counts(service: &Service) -> WatchCounts {
    let counts = &service.0.watching;
    let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
    WatchCounts {
        looks: get(&counts.looks),
        failed: get(&counts.failed),
        left_alone: get(&counts.left_alone),
        missed: get(&counts.missed),
    }
}
