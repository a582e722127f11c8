//! Many durations in little room: a histogram of three significant digits.

use std::time::Duration;

use common::load::LoadLatency;
use hdrhistogram::Histogram;

/// What is shorter cannot be told apart, and need not.
const FINEST_NS: u64 = 100;
/// What is longer stands here; nothing is waited for so long.
const LONGEST_NS: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// Durations, from tenths of microseconds to an hour. Without any it takes no room.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Option<Box<Histogram<u64>>>);

impl Times {
    pub(super) fn record(&mut self, duration: Duration) {
        if let Some(histogram) = self.histogram() {
            histogram.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn add(&mut self, others: &Self) {
        if let Some(others) = &others.0
            && let Some(histogram) = self.histogram()
        {
            // Both have the same bounds, so nothing of the one can be outside the other.
            let _ = histogram.add(&**others);
        }
    }

    pub(super) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        self.0.as_ref().map(|histogram| ms(histogram.value_at_quantile(quantile) as f64))
    }

    pub(super) fn summary(&self) -> LoadLatency {
        let Some(histogram) = &self.0 else { return LoadLatency::default() };
        LoadLatency {
            min_ms: Some(ms(histogram.min() as f64)),
            avg_ms: Some(ms(histogram.mean())),
            p50_ms: self.quantile_ms(0.5),
            p90_ms: self.quantile_ms(0.9),
            p95_ms: self.quantile_ms(0.95),
            p99_ms: self.quantile_ms(0.99),
            p999_ms: self.quantile_ms(0.999),
            max_ms: Some(ms(histogram.max() as f64)),
            stddev_ms: Some(ms(histogram.stdev())),
        }
    }

    /// `None` only if the bounds were no bounds.
    fn histogram(&mut self) -> Option<&mut Histogram<u64>> {
        if self.0.is_none() {
            self.0 = Histogram::new_with_bounds(FINEST_NS, LONGEST_NS, DIGITS).ok().map(Box::new);
        }
        self.0.as_deref_mut()
    }
}

/// To the microsecond, as all times are told.
fn ms(ns: f64) -> f64 {
    (ns / 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn nothing_measured_is_nothing_known() {
        assert_eq!(Times::default().summary(), LoadLatency::default());
        assert_eq!(Times::default().quantile_ms(0.99), None);
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut times = Times::default();
        for us in 1..=10_000 {
            times.record(micros(us));
        }
        let near = |told: Option<f64>, ms: f64| {
            let told = told.unwrap();
            assert!((told - ms).abs() <= ms * 0.001 + 0.001, "{told} for {ms}");
        };
        let told = times.summary();
        near(told.min_ms, 0.001);
        near(told.avg_ms, 5.0005);
        near(told.p50_ms, 5.0);
        near(told.p90_ms, 9.0);
        near(told.p99_ms, 9.9);
        near(told.p999_ms, 9.99);
        near(told.max_ms, 10.0);
    }

    #[test]
    fn what_was_measured_apart_adds_up() {
        let (mut one, mut other) = (Times::default(), Times::default());
        one.record(micros(100));
        other.record(Duration::from_secs(2));
        one.add(&other);
        one.add(&Times::default());
        let mut none = Times::default();
        none.add(&Times::default());
        assert_eq!(none.summary(), LoadLatency::default());
        let told = one.summary();
        assert_eq!((told.min_ms, told.max_ms.map(f64::round)), (Some(0.1), Some(2001.0)));
    }

    #[test]
    fn the_longest_wait_is_an_hour() {
        let mut times = Times::default();
        times.record(Duration::MAX);
        assert!(times.summary().max_ms.is_some_and(|ms| ms >= 3_600_000.0));
    }
}
