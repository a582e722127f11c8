//! Statements have a cadence of their own: thousands of counters cost a server more than all the fast checks. Between
//! two looks they are shown as they were, with their age.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use common::{Reason, health::Statements};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    Ended, Known,
    memory::Before,
    spent::{Spent, age},
};
use crate::{
    session::Session,
    statements::{self, Place, StatementsReading},
};

/// The part of the cadence after which a look is due: readings come a little early or late, and one that is a second too
/// early would leave it to the next.
const ALMOST: f64 = 0.9;

/// What is known of statements between two looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Polled {
    /// When the server was asked last, whether or not it answered.
    asked_at: Option<DateTime<Utc>>,
    /// As they were read last, or why they could not be.
    shown: Option<Statements>,
    spent: Spent,
}

impl Polled {
    /// What it cost within the last hour.
    pub(super) fn spent_ms(&self) -> f64 {
        self.spent.ms()
    }

    pub(super) fn is_due(&self, now: DateTime<Utc>, every: Duration) -> bool {
        let almost = TimeDelta::from_std(every.mul_f64(ALMOST)).unwrap_or(TimeDelta::MAX);
        // What is of the future was noted by a clock that has been set back since.
        self.asked_at.and_then(|at| age(now, at)).is_none_or(|age| age >= almost)
    }

    /// As the readings to come show them.
    pub(super) fn show(&mut self, statements: &Statements) {
        self.shown = Some(statements.clone());
    }

    /// What a reading shows of statements, read now if there is something to compare with or if they never were.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that a reading has at hand")]
    pub(super) async fn look(
        &mut self,
        session: &Session,
        place: Result<Place, Reason>,
        before: Before,
        known: &Known,
        now: DateTime<Utc>,
        deadline: Instant,
        ended: &mut Option<Ended>,
    ) -> (Statements, Option<StatementsReading>) {
        self.spent.forget(now);
        if ended.is_some() {
            return (self.as_they_were(), None);
        }
        let place = match place {
            Ok(place) => place,
            Err(reason) => {
                // Once that is mended, they are read with the next reading.
                self.asked_at = None;
                return (statements::missing(reason), None);
            }
        };
        let before = match before {
            Before::Loaded(before) => before,
            Before::NotLoaded if self.asked_at.is_none() => None,
            Before::NotLoaded => return (self.as_they_were(), None),
        };
        let look = statements::look(session, &place, before.as_deref(), known, now, deadline, ended);
        let looked = Box::pin(look).await;
        self.asked_at = Some(now);
        self.spent.add(now, looked.cost_ms);
        match looked.found {
            Ok((statements, reading)) => {
                self.show(&statements);
                (statements, Some(reading))
            }
            Err(reason) => {
                let statements = statements::missing(reason);
                // What was known before the session was lost stays.
                if ended.is_none() || self.shown.is_none() {
                    self.show(&statements);
                }
                (statements, None)
            }
        }
    }

    fn as_they_were(&self) -> Statements {
        self.shown.clone().unwrap_or_else(|| statements::missing(Reason::new(Reason::NOT_COLLECTED)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_due_after_a_while_whatever_a_clock_does() {
        let now = Utc::now();
        let due = |asked_at: Option<DateTime<Utc>>| {
            Polled { asked_at, ..Polled::default() }.is_due(now, Duration::from_secs(300))
        };
        assert!(due(None), "they were never read");
        assert!(!due(Some(now)) && !due(Some(now - TimeDelta::seconds(269))));
        assert!(due(Some(now - TimeDelta::seconds(270))), "a reading that comes a little early");
        assert!(due(Some(now + TimeDelta::seconds(1))), "a clock that was set back");
        assert!(!Polled { asked_at: Some(now), ..Polled::default() }.is_due(now, Duration::MAX));
    }
}
