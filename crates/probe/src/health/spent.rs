//! What work on a cadence of its own has cost a server within the last hour.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How long a cost counts.
const COUNTS: TimeDelta = TimeDelta::hours(1);

/// The server's time, question by question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Spent(Vec<Cost>);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Cost {
    at: DateTime<Utc>,
    ms: f64,
}

impl Spent {
    /// Of all that still counts.
    pub(super) fn ms(&self) -> f64 {
        self.0.iter().map(|cost| cost.ms).sum()
    }

    pub(super) fn add(&mut self, at: DateTime<Utc>, ms: f64) {
        self.0.push(Cost { at, ms });
    }

    /// What is more than an hour ago. What is of the future was noted by a clock that has been set back since.
    pub(super) fn forget(&mut self, now: DateTime<Utc>) {
        self.0.retain(|cost| age(now, cost.at).is_some_and(|age| age < COUNTS));
    }
}

/// The server's time by its own clock, which may be set while we ask: never more than what passed here.
pub(crate) fn server_ms(took_ms: Option<f64>, elapsed_ms: f64) -> f64 {
    took_ms.filter(|took| (0.0..=elapsed_ms).contains(took)).unwrap_or(elapsed_ms)
}

/// `None` of what is not past yet.
pub(super) fn age(now: DateTime<Utc>, at: DateTime<Utc>) -> Option<TimeDelta> {
    Some(now - at).filter(|age| *age >= TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_time_is_believed_within_reason() {
        assert_eq!(server_ms(Some(12.0), 30.0), 12.0);
        for nonsense in [Some(-1.0), Some(31.0), Some(f64::NAN), Some(f64::INFINITY), None] {
            assert_eq!(server_ms(nonsense, 30.0), 30.0);
        }
    }

    #[test]
    fn a_cost_counts_for_an_hour() {
        let at = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        let mut spent = Spent::default();
        spent.add(at(0), 5.0);
        spent.add(at(30), 7.0);
        spent.add(at(90), 1.0);
        spent.forget(at(61));
        assert_eq!(spent.ms(), 7.0, "neither what is long ago nor what is to come");
    }
}
