//! Many values into few points, without losing an extreme or hiding a gap.

use chrono::{DateTime, Utc};
use common::histogram::Histogram;

/// A check, or a bucket of checks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// When it was, or its bucket began, in epoch milliseconds.
    pub(super) t: i64,
    pub(super) count: i64,
    pub(super) failures: i64,
    pub(super) values: Option<Values>,
}

/// What was measured, in the unit of the series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values {
    pub(super) count: i64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) spread: Spread,
}

/// How the values lie between the extremes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Spread {
    Each(Vec<f64>),
    /// Of microseconds; the series is in milliseconds.
    Histogram(Histogram),
    Unknown,
}

impl Values {
    pub(super) fn one(value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value, spread: Spread::Each(vec![value]) }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.spread = match (std::mem::replace(&mut self.spread, Spread::Unknown), other.spread) {
            (Spread::Each(mut all), Spread::Each(more)) => {
                all.extend(more);
                Spread::Each(all)
            }
            (Spread::Histogram(mut all), Spread::Histogram(more)) => {
                all.merge(&more);
                Spread::Histogram(all)
            }
            _ => Spread::Unknown,
        };
    }

    /// Median and 95th percentile; of what is known by its sum only, the mean.
    fn percentiles(&mut self) -> (Option<f64>, Option<f64>) {
        let (min, max) = (self.min, self.max);
        match &mut self.spread {
            Spread::Each(values) => {
                values.sort_unstable_by(f64::total_cmp);
                let rank = |ratio: f64| ((values.len() as f64 * ratio).ceil() as usize).max(1) - 1;
                (values.get(rank(0.5)).copied(), values.get(rank(0.95)).copied())
            }
            Spread::Histogram(histogram) => {
                // The middle of a bucket may lie beyond the extreme that lies in it.
                let at = |ratio| histogram.quantile_us(ratio).map(|us| (us / 1000.0).clamp(min, max));
                (at(0.5), at(0.95))
            }
            Spread::Unknown if self.count > 0 => (Some((self.sum / self.count as f64).clamp(min, max)), None),
            Spread::Unknown => (None, None),
        }
    }
}

/// How wide points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folding {
    from: i64,
    to: i64,
    points: i64,
    /// Of the rollup that is read, 0 of raw rows; in milliseconds like all of them.
    finest: i64,
    /// 0: each check is a point.
    width: i64,
}

impl Folding {
    pub(super) fn new(from: DateTime<Utc>, to: DateTime<Utc>, points: u32, finest_s: Option<i64>) -> Self {
        let finest = finest_s.unwrap_or(0) * 1000;
        let (from, to) = (from.timestamp_millis(), to.timestamp_millis());
        let folding = Self { from, to, points: i64::from(points.max(1)), finest, width: finest };
        if finest > 0 { folding.coarser() } else { folding }
    }

    /// As wide as is needed for the range to have no more buckets than points, in whole buckets of what is read. A range
    /// that begins within a bucket touches one more than fit into it.
    pub(super) fn coarser(self) -> Self {
        let range = (self.to - self.from).max(1);
        let least = if self.points == 1 { range } else { ceil(range, self.points - 1) };
        let step = self.finest.max(1000);
        Self { width: ceil(least, step) * step, ..self }
    }

    pub(super) fn resolution_s(self) -> u32 {
        u32::try_from(self.width / 1000).unwrap_or(u32::MAX)
    }

    /// Whether there are more checks than points. `usual`: between two checks.
    pub(super) fn is_too_fine_for(self, parts: &[Part], usual: i64) -> bool {
        if self.width > 0 {
            return false;
        }
        let usual = usual_distance(parts.iter().map(|part| part.t), usual);
        let gaps = parts.windows(2).filter(|pair| is_gap(pair[1].t - pair[0].t - usual, usual)).count();
        (parts.len() + gaps) as i64 > self.points
    }

    /// The points of a series. `usual`: how long it is between two checks, as configured.
    pub(super) fn points(self, parts: Vec<Part>, usual: i64) -> Vec<Vec<Option<f64>>> {
        let folded = self.folded(parts);
        // A distance between the begins of two points: what lies between them is less by the width of the first.
        let usual = usual_distance(folded.iter().map(|part| part.t), usual + self.width) - self.width;
        let covers = if self.width == 0 { usual } else { self.width };
        let mut points: Vec<Vec<Option<f64>>> = Vec::with_capacity(folded.len());
        let mut before: Option<i64> = None;
        for part in folded {
            if let Some(before) = before
                && is_gap(part.t - before - covers, usual)
            {
                points.push(gap(before + covers));
            }
            before = Some(part.t);
            points.push(self.point(part));
        }
        points
    }

    fn folded(self, parts: Vec<Part>) -> Vec<Part> {
        if self.width == 0 {
            return parts;
        }
        let mut folded: Vec<Part> = Vec::new();
        for mut part in parts {
            part.t = if self.points == 1 { self.from } else { part.t.div_euclid(self.width) * self.width };
            match folded.last_mut() {
                Some(last) if last.t == part.t => {
                    last.count += part.count;
                    last.failures += part.failures;
                    match (&mut last.values, part.values) {
                        (Some(values), Some(more)) => values.merge(more),
                        (values @ None, more) => *values = more,
                        (Some(_), None) => {}
                    }
                }
                _ => folded.push(part),
            }
        }
        folded
    }

    /// In the order of [`common::history::COLUMNS`].
    fn point(self, part: Part) -> Vec<Option<f64>> {
        let (mut p50, mut p95, mut min, mut max) = (None, None, None, None);
        if let Some(mut values) = part.values {
            (p50, p95) = values.percentiles();
            (min, max) = (Some(values.min), Some(values.max));
        }
        // The first bucket may begin before the range.
        let t = part.t.max(self.from) as f64;
        vec![Some(t), p50, p95, min, max, Some(part.count as f64), Some(part.failures as f64)]
    }
}

fn gap(t: i64) -> Vec<Option<f64>> {
    vec![Some(t as f64), None, None, None, None, Some(0.0), Some(0.0)]
}

/// Whether checks are missing for longer than usual: `missing` is the time for which there is nothing.
fn is_gap(missing: i64, usual: i64) -> bool {
    missing > 0 && missing as f64 >= 1.5 * usual as f64
}

/// As it is configured, or longer where most of the checks are further apart: it may have been changed since, and health is
/// read more seldom.
fn usual_distance(times: impl Iterator<Item = i64>, configured: i64) -> i64 {
    const ENOUGH: usize = 5;
    let times: Vec<i64> = times.collect();
    let mut distances: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if distances.len() < ENOUGH {
        return configured;
    }
    let middle = distances.len() / 2;
    let (_, median, _) = distances.select_nth_unstable(middle);
    configured.max(*median)
}

fn ceil(number: i64, divisor: i64) -> i64 {
    number.div_euclid(divisor) + i64::from(number.rem_euclid(divisor) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn check(t: i64, value: Option<f64>) -> Part {
        Part { t, count: 1, failures: i64::from(value.is_none()), values: value.map(Values::one) }
    }

    #[test]
    fn few_checks_stay_as_they_are_and_a_gap_is_a_point_of_none() {
        let folding = Folding::new(at(0), at(20 * MINUTE), 100, None);
        let parts = [0, 1, 2, 3, 4, 5, 12, 13].map(|m| check(m * MINUTE, (m != 2).then_some(m as f64)));
        assert!(!folding.is_too_fine_for(&parts, MINUTE));
        let points = folding.points(parts.to_vec(), MINUTE);
        assert_eq!(points.len(), 9);
        assert_eq!(points[2], [Some(120_000.0), None, None, None, None, Some(1.0), Some(1.0)]);
        assert_eq!(points[6], [Some(360_000.0), None, None, None, None, Some(0.0), Some(0.0)]);
        assert_eq!(points[7][1..], [Some(12.0), Some(12.0), Some(12.0), Some(12.0), Some(1.0), Some(0.0)]);
        assert_eq!(folding.resolution_s(), 0);
    }

    #[test]
    fn checks_that_were_always_far_apart_have_no_gaps() {
        let hourly: Vec<Part> = (0..24).map(|hour| check(hour * 60 * MINUTE, Some(1.0))).collect();
        for finest in [None, Some(300)] {
            let folding = Folding::new(at(0), at(24 * 60 * MINUTE), 1000, finest);
            assert_eq!(folding.points(hourly.clone(), MINUTE).len(), 24, "{finest:?}");
        }
    }

    #[test]
    fn a_missing_bucket_is_a_gap_where_checks_come_each_minute() {
        let folding = Folding::new(at(0), at(60 * MINUTE), 100, Some(300));
        let buckets =
            (0..12).filter(|bucket| *bucket != 7).map(|bucket| check(bucket * 5 * MINUTE, Some(1.0)));
        let points = folding.points(buckets.collect(), MINUTE);
        assert_eq!(points.len(), 12);
        assert_eq!((points[7][0], points[7][5]), (Some((35 * MINUTE) as f64), Some(0.0)));
    }

    #[test]
    fn what_has_neither_values_nor_a_histogram_tells_its_mean() {
        let values = |sum, min, max| Some(Values { count: 2, sum, min, max, spread: Spread::Unknown });
        let part = |t, values| Part { t, count: 2, failures: 0, values };
        let folding = Folding::new(at(0), at(60 * MINUTE), 1, Some(300));
        let points = folding.points(
            vec![
                part(0, values(4.0, 1.0, 3.0)),
                part(5 * MINUTE, None),
                part(10 * MINUTE, values(8.0, 3.0, 5.0)),
            ],
            MINUTE,
        );
        assert_eq!(points, [[Some(0.0), Some(3.0), None, Some(1.0), Some(5.0), Some(6.0), Some(0.0)]]);
    }

    proptest! {
        #[test]
        fn never_more_points_than_asked_for_and_never_an_extreme_less(
            steps in prop::collection::vec((1..600_000_i64, prop::option::weighted(0.9, 0.1..5000.0_f64)), 1..400),
            points in 1..300_u32,
            begin in 0..10_000_000_i64,
            finest in prop::option::of(Just(300_i64)),
        ) {
            let mut t = begin;
            let parts: Vec<Part> = steps.iter().map(|&(step, value)| {
                t += step;
                let bucket = finest.map_or(t, |s| t.div_euclid(s * 1000) * s * 1000);
                check(bucket, value)
            }).collect();
            let mut folding = Folding::new(at(begin), at(t + 1), points, finest);
            if folding.is_too_fine_for(&parts, MINUTE) {
                folding = folding.coarser();
            }
            let drawn = folding.points(parts.clone(), MINUTE);
            prop_assert!(drawn.len() <= points as usize, "{} of {points}", drawn.len());
            prop_assert!(drawn.is_sorted_by(|a, b| a[0] < b[0] || finest.is_none()));
            let all = || parts.iter().filter_map(|part| part.values.as_ref()).map(|values| values.max);
            let column = |at: usize| drawn.iter().filter_map(move |point| point[at]);
            prop_assert_eq!(column(3).reduce(f64::min), all().reduce(f64::min));
            prop_assert_eq!(column(4).reduce(f64::max), all().reduce(f64::max));
            prop_assert_eq!(column(5).sum::<f64>(), parts.len() as f64);
            prop_assert_eq!(column(6).sum::<f64>(), (parts.len() - all().count()) as f64);
            for point in &drawn {
                prop_assert!(point[3] <= point[1] && point[1] <= point[2] && point[2] <= point[4]);
            }
        }
    }
}
