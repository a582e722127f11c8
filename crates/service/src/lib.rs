//! The use cases: one function for each thing that a person can do, and the one place that decides who may.
//!
//! REST handlers and server functions are thin adapters over these functions. Each takes the [`Service`], the
//! [`Principal`] who asks, and a typed input from `common`; each answers a value from `common` or a [`Problem`].
//! During server rendering a server function runs in-process, past every HTTP layer: what must hold for every
//! caller therefore stands here.
//!
//! Two things need neither a `Service` nor a `Principal`, because nobody is there yet: [`Service::open`] and
//! [`migrate`].

pub mod changes;
pub mod checks;
mod clock;
pub mod connections;
pub mod database;
pub mod events;
mod failure;
pub mod findings;
pub mod health;
pub mod history;
pub mod jobs;
pub mod load;
mod memory;
mod order;
mod patience;
mod plans;
mod principal;
mod rate_limit;
mod recording;
pub mod setup;
mod single_flight;
pub mod statements;
mod targets;
pub mod watching;

use std::{sync::Arc, time::Duration};

use common::database::MigrationInfo;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use clock::Clock;
pub use principal::{Permission, Principal};
pub use store::{
    BadChunkInterval, ChunkInterval, ConversionProgress, KeyError, KeyRing, SpoolConfig, StoreConfig,
    StoreError, check_url as check_database_url,
};

/// How long the end waits for the store to take what waits in the spool; the next start brings the rest.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// Everything a use case needs, built once in `main` and cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    store: store::Store,
    prober: probe::Prober,
    clock: Clock,
    guests: probe::Guests,
    held: probe::HeldSessions,
    tests: single_flight::Flights<targets::TargetKey, common::TestResult>,
    latencies: single_flight::Flights<(targets::TargetKey, u32), common::Latency>,
    readings: single_flight::Flights<(targets::TargetKey, bool, bool), common::Health>,
    rate: rate_limit::RateLimit,
    events: events::Events,
    jobs: jobs::Jobs,
    loads: load::Loads,
    spool: store::Spool,
    memories: memory::Memories,
    order: order::Order,
    watching: watching::Watching,
    /// Writes what waits in the spool to the store.
    _flusher: AbortOnDropHandle<()>,
    plan_looks: plans::PlanLooks,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

impl Service {
    /// Opens the dashboard's own database (connects, migrates, checks the key) and makes the use cases ready. What is
    /// measured waits in `spool` until that database has it.
    pub async fn open(config: StoreConfig, spool: SpoolConfig) -> Result<Self, StoreError> {
        Self::open_spooled(config, spool, probe::Prober::new(), Clock::system()).await
    }

    /// [`Service::open`] with a prober and a clock of one's own, and a spool in memory: for tests that need shorter
    /// limits or another time.
    pub async fn open_with(
        config: StoreConfig,
        prober: probe::Prober,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::open_spooled(config, SpoolConfig::in_folder(None), prober, clock).await
    }

    /// [`Service::open`] with a prober and a clock of one's own.
    pub async fn open_spooled(
        config: StoreConfig,
        spool: SpoolConfig,
        prober: probe::Prober,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let store = store::Store::open(config).await?;
        let spool = store::Spool::open(spool)?;
        let flusher = tokio::spawn(spool.clone().flush_into(store.clone()));
        let guests = probe::Guests::default();
        let events = events::Events::begin(store.clone());
        Ok(Self(Arc::new(Inner {
            store,
            held: prober.held(guests.clone()),
            prober,
            guests,
            tests: single_flight::Flights::default(),
            latencies: single_flight::Flights::default(),
            readings: single_flight::Flights::default(),
            rate: rate_limit::RateLimit::new(clock.clone()),
            jobs: jobs::Jobs::new(clock.clone(), events.teller()),
            events,
            loads: load::Loads::default(),
            spool,
            memories: memory::Memories::default(),
            order: order::Order::default(),
            watching: watching::Watching::default(),
            _flusher: AbortOnDropHandle::new(flusher),
            plan_looks: plans::PlanLooks::default(),
            clock,
        })))
    }

    /// Work that no person asks for (but watching, which is `watch`), until `stop` is cancelled: purges connections that
    /// were deleted more than 30 s ago, looks after the history (room, rollups, an end), and drops events that are older than
    /// they are kept. One does not wait for the other. In the end it stops what is under way, says goodbye to every monitored
    /// database, and hands what waits in the spool to the store, if that takes it at once.
    pub async fn run_background(&self, stop: CancellationToken) {
        let purging = every(connections::PURGE_EVERY, || connections::purge(self));
        let maintaining = every(history::MAINTAIN_EVERY, || history::maintain(self));
        let forgetting = every(events::FORGET_EVERY, || events::forget(self));
        let all = Box::pin(async { tokio::join!(purging, maintaining, forgetting) });
        stop.run_until_cancelled(all).await;
        // Streams would go on for ever, and be waited for.
        self.0.events.close();
        self.0.jobs.close().await;
        self.0.plan_looks.close().await;
        self.0.held.close_all().await;
        if !self.0.spool.drain(DRAIN_LIMIT).await {
            tracing::warn!(
                "measurements are left in the spool; the next start brings them into the database"
            );
        }
    }

    fn store(&self) -> &store::Store {
        &self.0.store
    }
}

/// Does `work` at once and then again and again. What takes longer than `period` is not made up for.
async fn every<F: Future<Output = ()>>(period: Duration, work: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        work().await;
    }
}

/// Brings the database to this release's migrations without starting anything else: `pg-dashboard migrate`.
pub async fn migrate(config: &StoreConfig) -> Result<MigrationInfo, StoreError> {
    store::migrate(config).await
}

/// Moves the dashboard's history from native partitions to TimescaleDB: `pg-dashboard history convert`. `said` hears how far
/// it is. Interrupted, it goes on when it is called again.
pub async fn convert_history(
    config: &StoreConfig,
    said: impl FnMut(ConversionProgress),
) -> Result<(), StoreError> {
    store::convert_history(config, Clock::system().now(), said).await
}
