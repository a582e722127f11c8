//! How long a database that cannot be reached is left alone: longer with each failure, and by chance, so that many
//! who lost the same server do not come back to it at the same moment ("full jitter").

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    pub(super) fn passed(&mut self) {
        *self = Self::default();
    }

    /// `random`: from 0 to 1.
    pub(super) fn failed(&mut self, now: Instant, random: f64) {
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + delay(self.failures, random));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// What is left to wait.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }
}

/// Anything up to 1 s after the first failure, twice as much after each further one, up to 60 s.
fn delay(failures: u32, random: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST.saturating_mul(doubled).min(MOST).mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_longest_wait_up_to_a_minute() {
        let longest = |failures| delay(failures, 1.0).as_secs();
        assert_eq!([1, 2, 3, 6, 7, 8, u32::MAX].map(longest), [1, 2, 4, 32, 60, 60, 60]);
        assert_eq!(delay(5, 0.0), Duration::ZERO);
        assert_eq!(delay(5, 0.25), Duration::from_secs(4));
    }

    #[test]
    fn a_database_is_left_alone_until_its_time_and_a_success_forgets_it() {
        let began = Instant::now();
        let after = |ms| began + Duration::from_millis(ms);
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(began), None);
        for _ in 0..3 {
            backoff.failed(began, 0.5);
        }
        assert_eq!(backoff.wait(began), Some(Duration::from_secs(2)));
        assert_eq!(backoff.wait(after(1500)), Some(Duration::from_millis(500)));
        assert_eq!(backoff.wait(after(2000)), None);
        assert!(backoff.has_failed());
        backoff.failed(after(2000), 1.0);
        backoff.passed();
        assert!(!backoff.has_failed() && backoff.wait(after(2000)).is_none());
    }
}
