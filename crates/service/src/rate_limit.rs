//! How often people may ask by hand, one target or all of them: bursts are fine, a stuck script is not.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use common::{ConnectionId, Problem, ProblemCode};

use crate::Clock;

/// How many requests a target takes at once.
const BURST: f64 = 20.0;
/// How many come back each second.
const PER_SECOND: f64 = 1.0;

/// A token bucket for each connection, and one for all connections together (`None`).
pub(crate) struct RateLimit {
    clock: Clock,
    buckets: Mutex<HashMap<Option<ConnectionId>, Bucket>>,
}

struct Bucket {
    tokens: f64,
    at: DateTime<Utc>,
}

impl RateLimit {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, buckets: Mutex::default() }
    }

    /// Takes one token, or answers 429 with the seconds until there is one.
    pub(crate) fn admit(&self, id: Option<ConnectionId>) -> Result<(), Problem> {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // Full buckets say nothing: forget them, so that the map holds only who asked lately.
        buckets.retain(|known, bucket| *known == id || bucket.refilled(now) < BURST);
        let bucket = buckets.entry(id).or_insert(Bucket { tokens: BURST, at: now });
        bucket.tokens = bucket.refilled(now);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - bucket.tokens) / PER_SECOND).ceil();
        Err(Problem {
            retry_after_s: Some(wait as u64),
            ..Problem::new(ProblemCode::RateLimited, "This was asked very often in the last seconds.")
                .with_hint(format!("Try again in {wait} s."))
        })
    }
}

impl Bucket {
    fn refilled(&self, now: DateTime<Utc>) -> f64 {
        // A clock that jumps back gives no tokens and takes none.
        let elapsed = (now - self.at).as_seconds_f64().max(0.0);
        (self.tokens + elapsed * PER_SECOND).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    #[test]
    fn a_burst_passes_then_one_a_second() {
        let seconds = Arc::new(AtomicI64::new(1_700_000_000));
        let shown = Arc::clone(&seconds);
        let clock =
            Clock::from_fn(move || DateTime::from_timestamp(shown.load(Ordering::SeqCst), 0).unwrap());
        let limit = RateLimit::new(clock);
        let id = Some(ConnectionId(1));
        for _ in 0..20 {
            limit.admit(id).unwrap();
        }
        let refused = limit.admit(id).unwrap_err();
        assert_eq!((refused.status, refused.retry_after_s), (429, Some(1)));
        assert!(limit.admit(Some(ConnectionId(2))).is_ok());
        seconds.fetch_add(1, Ordering::SeqCst);
        assert!(limit.admit(id).is_ok());
        assert!(limit.admit(id).is_err());
        seconds.fetch_sub(100, Ordering::SeqCst);
        assert!(limit.admit(id).is_err());
    }
}
