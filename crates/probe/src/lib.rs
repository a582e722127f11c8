//! Asks a monitored PostgreSQL: can it be reached and how fast ([`Prober::test`], [`Prober::latency`]), and is it
//! healthy ([`Prober::health`]).
//!
//! A polite guest: one session at a time, or one that is held and a second to look whether new ones are let in (`held`);
//! at most two on a server, whoever asks (`guests`); everything read in read-only transactions with a statement and a lock
//! timeout, no lock stronger than ACCESS SHARE, nothing left open. It works through PgBouncer in transaction mode:
//! simple protocol only, settings only by `SET LOCAL`, no startup parameter that it refuses.
//!
//! A careful one: what the server sends is hostile until shown otherwise. The gate of `egress` reads along before
//! `tokio-postgres` does and bounds what a session may send; what is shown of it is cleaned and cut.
//!
//! It never fails: a failure is part of the answer, in plain words with what to do next (`words`).

mod checks;
mod connect_test;
mod facts;
mod guests;
mod health;
mod held;
mod latency;
mod limits;
mod load;
mod measured;
mod pooler;
mod rights;
mod rows;
mod session;
pub mod setup;
mod sql;
mod statements;
pub mod stats;
mod target;
mod words;

use chrono::{DateTime, Utc};
use common::{
    Latency, TestResult,
    load::{LoadReport, LoadRequest},
};
use tokio_util::sync::CancellationToken;

pub use checks::Thresholds;
pub use guests::{Guests, Place};
pub use health::{HealthReading, Memory};
pub use held::{Asked, BackingOff, HeldSessions, Keeping};
pub use limits::Limits;
pub use load::{BeyondTheDatabase, LoadAdmission, LoadRefusal, SessionLimit};
pub use statements::{
    PlanError, PlanRefusal, Snapshot, StatementsBefore, StatementsReading, is_plannable, plan_shape,
};
pub use target::Target;

/// Asks databases, on a session of each question's own; [`Prober::held`] keeps sessions. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Prober {
    limits: Limits,
}

impl Prober {
    pub fn new() -> Self {
        Self::default()
    }

    /// With other time limits than the usual ones.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }

    /// A place where sessions are kept open between questions, as many on a server as `guests` lets in.
    pub fn held(&self, guests: Guests) -> HeldSessions {
        self.held_with(guests, Keeping::default(), rand::random::<f64>)
    }

    /// [`Prober::held`] with times and chance (from 0 to 1) of one's own.
    pub fn held_with(
        &self,
        guests: Guests,
        keeping: Keeping,
        random: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> HeldSessions {
        HeldSessions::new(self.limits.clone(), keeping, guests, random)
    }

    /// Connects anew, phase by phase, and asks `select 1`. A failure is in [`TestResult::error`].
    pub async fn test(&self, target: &Target) -> TestResult {
        Box::pin(connect_test::run(target, &self.limits)).await
    }

    /// Connects once and asks `select 1` `rounds` times. A failure half-way comes with the rounds so far.
    pub async fn latency(&self, target: &Target, rounds: u32) -> Latency {
        Box::pin(latency::run(target, rounds, &self.limits)).await
    }

    /// Connects and asks for the plan that `query` would get, whatever its parameters: a whole text that
    /// `pg_stat_statements` of this server told. Never runs it.
    ///
    /// # Errors
    /// It is refused, or the server's answer is an error.
    pub async fn plan(&self, target: &Target, query: &str) -> Result<String, PlanError> {
        Box::pin(statements::plan(target, query, &self.limits)).await
    }

    /// [`Prober::plan`] of several on one session: an outcome for each, in order. What holds for all of them ends it.
    pub async fn plans(&self, target: &Target, queries: &[&str]) -> Vec<Result<String, PlanError>> {
        Box::pin(statements::plans(target, queries, &self.limits)).await
    }

    /// Connects and reads the health. Rates are over the interval since `previous`; with `two_readings`, two are
    /// taken a second apart instead.
    pub async fn health(
        &self,
        target: &Target,
        previous: Option<&Memory>,
        two_readings: bool,
    ) -> HealthReading {
        Box::pin(health::run(target, previous, two_readings, &self.limits)).await
    }

    /// Whether the reading after `memory`, taken `now`, is to read the counters of statements again, and wants
    /// [`Memory::with_statements`] for it. They are large, and cost a server more than the rest of a reading.
    pub fn statements_due(&self, memory: &Memory, now: DateTime<Utc>) -> bool {
        memory.statements_due(now, self.limits.statements_every)
    }

    /// Asks whether a load test may begin: the target must have enough free sessions, and a statement of somebody's own
    /// must be fit to be run there. `request` is valid.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn load_admission(
        &self,
        target: &Target,
        request: &LoadRequest,
    ) -> Result<LoadAdmission, LoadRefusal> {
        Box::pin(load::admission(target, request, &self.limits)).await
    }

    /// Runs a load test that was admitted just now. `progress` is called with what was measured after each second. When
    /// `stop` is cancelled the test ends within seconds, and the report is what was measured until then. No session is
    /// left when it returns.
    pub async fn load(
        &self,
        target: &Target,
        request: &LoadRequest,
        admitted: LoadAdmission,
        stop: &CancellationToken,
        progress: impl FnMut(LoadReport) + Send,
    ) -> LoadReport {
        Box::pin(load::run(target, request, admitted, &self.limits, stop, progress)).await
    }
}
