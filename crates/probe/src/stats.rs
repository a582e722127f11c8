//! Numbers about a row of measurements.

use common::time::whole_micros_of_ms;

/// Smallest, mean, percentiles, largest and spread; `None` of no values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub min: f64,
    pub avg: f64,
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
    /// Of a sample (divided by n − 1); `None` of one value, which has no spread.
    pub stddev: Option<f64>,
}

/// To the microsecond, as the `values`, in milliseconds, are measured.
pub fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len() as f64;
    let avg = sorted.iter().sum::<f64>() / count;
    let stddev = (sorted.len() > 1)
        .then(|| (sorted.iter().map(|value| (value - avg).powi(2)).sum::<f64>() / (count - 1.0)).sqrt());
    Some(Summary {
        min: whole_micros_of_ms(min),
        avg: whole_micros_of_ms(avg),
        p50: whole_micros_of_ms(percentile(&sorted, 0.5)),
        p95: whole_micros_of_ms(percentile(&sorted, 0.95)),
        max: whole_micros_of_ms(max),
        stddev: stddev.map(whole_micros_of_ms),
    })
}

/// Linear interpolation between the two nearest ranks, as `percentile_cont` of PostgreSQL does. `sorted` is
/// ascending and not empty.
fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let rank = fraction * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_like_percentile_cont() {
        let summary = summary(&[40.0, 10.0, 20.0, 30.0]).unwrap();
        assert_eq!((summary.min, summary.max, summary.avg, summary.p50), (10.0, 40.0, 25.0, 25.0));
        assert_eq!(summary.p95, 38.5);
        // 12.909944487…
        assert_eq!(summary.stddev, Some(12.91));
    }

    #[test]
    fn what_is_computed_is_no_finer_than_what_is_measured() {
        let summary = summary(&[9.115, 9.4, 9.377, 9.616, 9.377]).unwrap();
        let shown = [summary.avg, summary.p50, summary.p95, summary.stddev.unwrap()].map(|ms| ms.to_string());
        assert_eq!(shown, ["9.377", "9.377", "9.573", "0.178"]);
    }

    #[test]
    fn one_value_is_everything_but_a_spread() {
        let one = summary(&[3.5]).unwrap();
        assert_eq!((one.min, one.p50, one.p95, one.max, one.stddev), (3.5, 3.5, 3.5, 3.5, None));
        assert_eq!(summary(&[]), None);
    }
}
