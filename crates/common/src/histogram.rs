//! The one bucket layout of latency histograms, for whoever fills, merges or reads them: histograms of one layout merge by
//! adding counts, so that percentiles over any range are honest.
//!
//! Log-linear: 32 buckets to each doubling. A value is told apart from its bucket's middle by at most 1/64 (1.6 %); up to
//! 63 µs exactly.

/// Buckets to each doubling, as a power of two.
const PRECISION: u32 = 5;
const LINEAR: u32 = 1 << PRECISION;
/// The highest bucket: of 2³¹ − 1 µs, 35 min.
pub const LAST_BUCKET: u16 = bucket(i32::MAX as u32);

/// The bucket of a time in whole microseconds. Never falls with it.
pub const fn bucket(us: u32) -> u16 {
    if us < LINEAR {
        return us as u16;
    }
    let doublings = us.ilog2() - PRECISION;
    (doublings * LINEAR + (us >> doublings)) as u16
}

/// The smallest time in a bucket, and the first one beyond it, in microseconds.
pub const fn bounds(bucket: u16) -> (u64, u64) {
    let bucket = bucket as u64;
    let linear = LINEAR as u64;
    if bucket < 2 * linear {
        return (bucket, bucket + 1);
    }
    let doublings = bucket / linear - 1;
    let from = (bucket - doublings * linear) << doublings;
    (from, from + (1 << doublings))
}

/// What a bucket counts as, in microseconds: its middle.
pub fn middle(bucket: u16) -> f64 {
    let (from, beyond) = bounds(bucket);
    (from + beyond - 1) as f64 / 2.0
}

/// How many values fell into each bucket, lowest first; buckets without any are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram(Vec<(u16, u64)>);

impl Histogram {
    pub fn add(&mut self, bucket: u16, count: u64) {
        match self.0.binary_search_by_key(&bucket, |&(known, _)| known) {
            Ok(at) => self.0[at].1 += count,
            Err(at) => self.0.insert(at, (bucket, count)),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.0 {
            self.add(bucket, count);
        }
    }

    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    pub fn buckets(&self) -> &[(u16, u64)] {
        &self.0
    }

    /// The time in microseconds that a `ratio` (0 to 1) of the values does not exceed, by nearest rank; `None` of none.
    pub fn quantile_us(&self, ratio: f64) -> Option<f64> {
        let rank = ((self.count() as f64 * ratio).ceil() as u64).max(1);
        let mut seen = 0;
        self.0.iter().find_map(|&(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| middle(bucket))
        })
    }
}

impl FromIterator<(u16, u64)> for Histogram {
    fn from_iter<T: IntoIterator<Item = (u16, u64)>>(counts: T) -> Self {
        let mut histogram = Self::default();
        for (bucket, count) in counts {
            histogram.add(bucket, count);
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_lies_in_its_bucket_and_near_its_middle(us in 0..=i32::MAX as u32) {
            let (from, beyond) = bounds(bucket(us));
            prop_assert!((from..beyond).contains(&u64::from(us)));
            prop_assert!((middle(bucket(us)) - f64::from(us)).abs() <= 0.016 * f64::from(us));
        }

        #[test]
        fn merged_histograms_are_that_of_all_values(
            one in prop::collection::vec(0..5_000_000_u32, 0..200),
            other in prop::collection::vec(0..5_000_000_u32, 1..200),
        ) {
            let of = |values: &[u32]| values.iter().map(|&us| (bucket(us), 1)).collect::<Histogram>();
            let mut all = [one.clone(), other.clone()].concat();
            let mut merged = of(&one);
            merged.merge(&of(&other));
            prop_assert_eq!(&merged, &of(&all));
            all.sort_unstable();
            let true_p95 = f64::from(all[(all.len() as f64 * 0.95).ceil() as usize - 1]);
            let p95 = merged.quantile_us(0.95).unwrap();
            prop_assert!((p95 - true_p95).abs() <= 0.016 * true_p95, "{p95} for {true_p95}");
        }
    }

    #[test]
    fn buckets_follow_each_other_without_gaps_and_overlaps() {
        for bucket in 0..LAST_BUCKET {
            assert_eq!(bounds(bucket).1, bounds(bucket + 1).0, "after {bucket}");
        }
        assert_eq!((bucket(0), LAST_BUCKET), (0, 863));
    }

    #[test]
    fn of_nothing_there_is_no_quantile() {
        assert_eq!(Histogram::default().quantile_us(0.5), None);
    }
}
