//! How long the dashboard waits for a monitored database, and what it takes for a finding there.

use std::time::Duration;

use crate::Thresholds;

/// The limits of a [`crate::Prober`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the start of a connect to its first answer, all phases together.
    pub connect: Duration,
    /// One `select 1` of a latency test.
    pub round: Duration,
    /// All queries of a health reading together.
    pub health: Duration,
    /// On top of `connect`, for a server that said nothing at all: whether it is something other than PostgreSQL.
    pub second_look: Duration,
    /// What the server itself allows a query: `statement_timeout`.
    pub statement: Duration,
    /// What the server itself allows a wait for a lock: `lock_timeout`.
    pub lock: Duration,
    /// After this much of one reading no further check of the slow tier is begun: a person waits.
    pub slow_reading: Duration,
    /// After this much of the server's time within an hour neither.
    pub slow_hour: Duration,
    /// What the server itself allows one check of the slow tier.
    pub slow_statement: Duration,
    /// How often the counters of statements are read, unless somebody asks for them.
    pub statements_every: Duration,
    /// Between the two readings of a fresh health check.
    pub between_readings: Duration,
    /// For everything that is asked of a pooler's console.
    pub console: Duration,
    /// For the cancel of what still runs when a limit is reached.
    pub cancel: Duration,
    /// One request of a load test, before its session is given up. Longer than `statement`, so that the server's own
    /// limit comes first.
    pub load_request: Duration,
    /// After the end of a load test, for answers that are still to come.
    pub load_drain: Duration,
    /// From when on something is a finding.
    pub thresholds: Thresholds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            round: Duration::from_secs(5),
            health: Duration::from_secs(10),
            second_look: Duration::from_millis(500),
            statement: Duration::from_secs(5),
            lock: Duration::from_secs(1),
            slow_reading: Duration::from_millis(1500),
            slow_hour: Duration::from_secs(5),
            slow_statement: Duration::from_secs(2),
            statements_every: Duration::from_secs(300),
            between_readings: Duration::from_secs(1),
            console: Duration::from_secs(2),
            cancel: Duration::from_secs(1),
            load_request: Duration::from_secs(10),
            load_drain: Duration::from_secs(5),
            thresholds: Thresholds::default(),
        }
    }
}
