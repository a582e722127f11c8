//! Counters that single checks keep from one reading to the next, by name.

use std::collections::BTreeMap;

use common::Reason;
use serde::{Deserialize, Serialize};

use crate::checks::Growth;

/// Over longer intervals a rate says little of now.
pub(super) const LONGEST_INTERVAL_S: f64 = 3600.0;
/// Two requests at once, or a clock that was set back.
pub(super) const SHORTEST_INTERVAL_S: f64 = 0.1;

/// Counters of one reading, with when it was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NamedCounters {
    /// Seconds since the epoch, by the server; 0 before the first reading.
    pub(super) read_at_s: f64,
    pub(super) started_at_s: f64,
    pub(super) counters: BTreeMap<String, Counter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Counter {
    value: i64,
    reset_s: Option<f64>,
}

impl NamedCounters {
    /// Nothing is counted yet in a reading of this time.
    pub(crate) fn at(read_at_s: f64, started_at_s: f64) -> Self {
        Self { read_at_s, started_at_s, counters: BTreeMap::new() }
    }

    pub(crate) fn read_at_s(&self) -> f64 {
        self.read_at_s
    }

    /// Keeps a counter, and answers what it grew by since `before`.
    pub(crate) fn growth(
        &mut self,
        before: &Self,
        name: &str,
        value: i64,
        reset_s: Option<f64>,
    ) -> Result<Growth, Reason> {
        self.counters.insert(name.to_owned(), Counter { value, reset_s });
        let Some(then) = before.counters.get(name) else { return Err(Reason::new(Reason::FIRST_READING)) };
        if (before.started_at_s - self.started_at_s).abs() > 1.0 {
            return Err(Reason::new(
                "the server was restarted since the reading before: a new interval begins",
            ));
        }
        let same_reset = match (then.reset_s, reset_s) {
            (Some(then), Some(now)) => (then - now).abs() < 0.001,
            (None, None) => true,
            _ => false,
        };
        if !same_reset {
            return Err(Reason::new(
                "the counters were reset since the reading before: a new interval begins",
            ));
        }
        let Some(count) = value.checked_sub(then.value).filter(|count| *count >= 0) else {
            return Err(Reason::new("a counter fell since the reading before: a new interval begins"));
        };
        let seconds = self.read_at_s - before.read_at_s;
        if seconds < SHORTEST_INTERVAL_S {
            return Err(Reason::new("too soon after the reading before"));
        }
        if seconds > LONGEST_INTERVAL_S {
            return Err(Reason::new("too long after the reading before: a new interval begins"));
        }
        Ok(Growth { count, seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before() -> NamedCounters {
        let mut before = NamedCounters::at(1000.0, 500.0);
        let first = before.growth(&NamedCounters::default(), "x", 10, Some(1.0));
        assert_eq!(first.unwrap_err().reason, Reason::FIRST_READING);
        before
    }

    #[test]
    fn a_counter_grows_over_the_seconds_between_two_readings() {
        let growth = NamedCounters::at(1010.0, 500.0).growth(&before(), "x", 30, Some(1.0)).unwrap();
        assert_eq!((growth.count, growth.per_second()), (20, 2.0));
    }

    #[test]
    fn whatever_breaks_the_row_begins_a_new_interval() {
        let why = |at: f64, started: f64, value: i64, reset: Option<f64>| {
            NamedCounters::at(at, started).growth(&before(), "x", value, reset).unwrap_err().reason
        };
        assert!(why(1010.0, 600.0, 30, Some(1.0)).contains("restarted"));
        assert!(why(1010.0, 500.0, 30, Some(9.0)).contains("reset"));
        assert!(why(1010.0, 500.0, 9, Some(1.0)).contains("fell"));
        assert!(why(1010.0, 500.0, i64::MIN, Some(1.0)).contains("fell"));
        assert!(why(1000.0, 500.0, 30, Some(1.0)).contains("too soon"));
        assert!(why(9999.0, 500.0, 30, Some(1.0)).contains("too long"));
    }
}
