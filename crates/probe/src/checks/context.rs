//! What a check is judged with beside its own answer: the server, the numbers of the reading, and the counters of the
//! reading before.

use chrono::{DateTime, Utc};
use common::{Reason, TestResult};

use super::Thresholds;
use crate::{
    Target,
    health::{Known, NamedCounters},
    measured::Measured,
};

/// What every check may look at.
pub(crate) struct Context<'a> {
    pub(crate) known: &'a Known,
    pub(crate) measured: &'a Measured,
    pub(crate) target: &'a Target,
    /// The connect that the session began with: TLS, address, pooler.
    pub(crate) test: &'a TestResult,
    /// The dashboard's clock.
    pub(crate) now: DateTime<Utc>,
    /// How long this reading has taken so far, as seen from here.
    pub(crate) reading_ms: f64,
    /// What the slow tier took within the last hour.
    pub(crate) slow_ms: f64,
    /// What reading the counters of statements took within the last hour.
    pub(crate) statements_ms: f64,
    pub(crate) thresholds: &'a Thresholds,
    pub(crate) before: &'a NamedCounters,
    pub(crate) counted: &'a mut NamedCounters,
}

/// What a counter grew by between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Growth {
    pub(crate) count: i64,
    pub(crate) seconds: f64,
}

impl Growth {
    pub(crate) fn per_second(self) -> f64 {
        self.count as f64 / self.seconds
    }
}

impl Context<'_> {
    /// Keeps `counter` under `name` for the next reading, and answers what it grew by since the last one. `reset_s` is
    /// when the view it stands in was reset last (seconds since the epoch).
    ///
    /// # Errors
    /// Why there is no interval: the first reading, a restart, a reset, a counter that fell.
    pub(crate) fn growth(
        &mut self,
        name: &str,
        counter: i64,
        reset_s: Option<f64>,
    ) -> Result<Growth, Reason> {
        self.counted.growth(self.before, name, counter, reset_s)
    }

    /// Seconds since the reading before, if there was one of this database.
    pub(crate) fn interval_s(&self) -> Option<f64> {
        let seconds = self.counted.read_at_s() - self.before.read_at_s();
        (self.before.read_at_s() > 0.0 && seconds > 0.0).then_some(seconds)
    }
}
