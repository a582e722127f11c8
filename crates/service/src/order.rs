//! When a measurement was taken, so that a clock that jumps makes neither two rows of one time nor hides what is newest.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use common::ConnectionId;

/// A measurement may be kept this much after a later one: it took longer, or waited for its turn. What is further back was
/// not late: the clock was set back.
const LATE: TimeDelta = TimeDelta::minutes(2);
const NEXT: TimeDelta = TimeDelta::microseconds(1);

/// The newest time of each connection.
#[derive(Default)]
pub(crate) struct Order(Mutex<HashMap<ConnectionId, DateTime<Utc>>>);

impl Order {
    /// The time that a measurement taken at `at` is kept under.
    pub(crate) fn place(&self, id: ConnectionId, at: DateTime<Utc>) -> DateTime<Utc> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = newest.entry(id).or_insert(DateTime::<Utc>::MIN_UTC);
        if at < *newest && *newest - at < LATE {
            return at;
        }
        *newest = at.max(newest.checked_add_signed(NEXT).unwrap_or(at));
        *newest
    }

    pub(crate) fn forget(&self, id: ConnectionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn the_same_time_is_given_once_and_late_ones_keep_theirs() {
        let order = Order::default();
        let id = ConnectionId(1);
        assert_eq!(order.place(id, at(0)), at(0));
        assert_eq!(order.place(id, at(0)), at(0) + NEXT);
        assert_eq!(order.place(id, at(60)), at(60));
        assert_eq!(order.place(id, at(30)), at(30), "it took longer");
        assert_eq!(order.place(ConnectionId(2), at(0)), at(0), "of another connection");
    }

    #[test]
    fn after_the_clock_was_set_back_the_newest_measurement_is_still_the_last() {
        let order = Order::default();
        let id = ConnectionId(1);
        let mut before = order.place(id, at(3600));
        for second in [0, 1, 2, 2, 3] {
            let placed = order.place(id, at(second));
            assert!(placed > before, "{placed} after {before}");
            before = placed;
        }
        assert_eq!(order.place(id, at(3601)), at(3601), "the clock has caught up");
    }
}
