//! As many points as there are pixel columns to show them: of each column the least and the most, in the order in which
//! they were measured. Every extreme is kept, and a column never has more than two points.

/// One drawn point of a line: where it stands across, and its value.
pub(crate) type Placed = (f64, f64);

/// One drawn column of a band: where it stands across, its least and its most.
pub(crate) type Stretch = (f64, f64, f64);

/// What was seen in the column that is being filled.
struct Column {
    at: i64,
    /// The first and the last with a value, and the extremes in their order.
    least: Option<(usize, Placed)>,
    most: Option<(usize, Placed)>,
    /// Whether the line was broken before the first value, and after the last one.
    broken_before: bool,
    broken_after: bool,
}

impl Column {
    fn new(at: i64) -> Self {
        Self { at, least: None, most: None, broken_before: false, broken_after: false }
    }

    fn take(&mut self, index: usize, point: Placed) {
        if point.1.is_nan() {
            // A break within a column that goes on cannot be seen.
            if self.least.is_none() {
                self.broken_before = true;
            }
            self.broken_after = true;
            return;
        }
        self.broken_after = false;
        if self.least.is_none_or(|(_, least)| point.1 < least.1) {
            self.least = Some((index, point));
        }
        if self.most.is_none_or(|(_, most)| point.1 > most.1) {
            self.most = Some((index, point));
        }
    }

    /// Adds its points to the run, and hands the run on where the line is broken.
    fn end(self, run: &mut Vec<Placed>, hand_on: &mut dyn FnMut(&[Placed])) {
        if self.broken_before {
            flush(run, hand_on);
        }
        if let Some(((least_at, least), (most_at, most))) = self.least.zip(self.most) {
            match least_at.cmp(&most_at) {
                std::cmp::Ordering::Equal => run.push(least),
                std::cmp::Ordering::Less => run.extend([least, most]),
                std::cmp::Ordering::Greater => run.extend([most, least]),
            }
        }
        if self.broken_after {
            flush(run, hand_on);
        }
    }
}

fn flush<T>(run: &mut Vec<T>, hand_on: &mut dyn FnMut(&[T])) {
    if !run.is_empty() {
        hand_on(run);
        run.clear();
    }
}

/// The runs of a line without a break in them. `points` ascend; NaN breaks the line. `width` is that of a column.
pub(crate) fn line(points: &mut dyn Iterator<Item = Placed>, width: f64, hand_on: &mut dyn FnMut(&[Placed])) {
    let mut run = Vec::new();
    let mut column: Option<Column> = None;
    for (index, point) in points.enumerate() {
        let at = (point.0 / width).floor() as i64;
        match &mut column {
            Some(column) if column.at == at => column.take(index, point),
            _ => {
                let mut next = Column::new(at);
                next.take(index, point);
                if let Some(full) = column.replace(next) {
                    full.end(&mut run, hand_on);
                }
            }
        }
    }
    if let Some(last) = column {
        last.end(&mut run, hand_on);
    }
    flush(&mut run, hand_on);
}

/// The runs of a band: one stretch a column, from its least low to its most high. A high of NaN breaks it.
pub(crate) fn band(
    points: &mut dyn Iterator<Item = Stretch>,
    width: f64,
    hand_on: &mut dyn FnMut(&[Stretch]),
) {
    let mut run: Vec<Stretch> = Vec::new();
    let mut last_column = i64::MIN;
    let mut broken = false;
    for (x, low, high) in points {
        let at = (x / width).floor() as i64;
        if high.is_nan() || low.is_nan() {
            broken = true;
            continue;
        }
        match run.last_mut() {
            Some(stretch) if at == last_column => {
                stretch.1 = stretch.1.min(low);
                stretch.2 = stretch.2.max(high);
            }
            _ => {
                if broken {
                    flush(&mut run, hand_on);
                }
                run.push((x, low, high));
                last_column = at;
            }
        }
        broken = false;
    }
    flush(&mut run, hand_on);
}

/// Which of the rows are kept so that every extreme of `totals` is: at most two in a column.
pub(crate) fn extremes(places: &[f64], totals: &[f64], width: f64) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    let mut from = 0;
    while from < places.len() {
        let column = (places[from] / width).floor();
        let mut to = from + 1;
        while to < places.len() && (places[to] / width).floor() == column {
            to += 1;
        }
        let least = (from..to).min_by(|a, b| totals[*a].total_cmp(&totals[*b])).unwrap_or(from);
        let most = (from..to).max_by(|a, b| totals[*a].total_cmp(&totals[*b])).unwrap_or(from);
        kept.push(least.min(most));
        if least != most {
            kept.push(least.max(most));
        }
        from = to;
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn runs(points: &[Placed], width: f64) -> Vec<Vec<Placed>> {
        let mut runs = Vec::new();
        line(&mut points.iter().copied(), width, &mut |run| runs.push(run.to_vec()));
        runs
    }

    /// Ascending places, about one in ten of which has no value.
    fn some_points() -> impl Strategy<Value = Vec<Placed>> {
        let value = prop_oneof![9 => (-1e3..1e3f64).boxed(), 1 => Just(f64::NAN).boxed()];
        prop::collection::vec((0.0..3.0f64, value), 0..400).prop_map(|steps| {
            let mut x = 0.0;
            steps
                .into_iter()
                .map(|(step, value)| {
                    x += step;
                    (x, value)
                })
                .collect()
        })
    }

    #[test]
    fn a_gap_breaks_the_line_and_a_gap_within_a_column_does_not() {
        let nan = f64::NAN;
        let broken = runs(&[(0.0, 1.0), (10.0, 2.0), (20.0, nan), (30.0, 3.0), (40.0, 4.0)], 1.0);
        assert_eq!(broken, [vec![(0.0, 1.0), (10.0, 2.0)], vec![(30.0, 3.0), (40.0, 4.0)]]);
        let whole = runs(&[(0.0, 1.0), (10.1, 2.0), (10.2, nan), (10.3, 2.0), (20.0, 3.0)], 1.0);
        assert_eq!(whole.len(), 1);
    }

    #[test]
    fn a_point_alone_is_a_run_of_its_own() {
        assert_eq!(runs(&[(0.0, f64::NAN), (5.0, 1.0), (9.0, f64::NAN)], 1.0), [vec![(5.0, 1.0)]]);
    }

    proptest! {
        #[test]
        fn every_extreme_is_kept_in_order_and_a_column_has_two_points_at_most(
            points in some_points(), width in 0.5..20.0f64,
        ) {
            let drawn: Vec<Placed> = runs(&points, width).concat();
            prop_assert!(drawn.windows(2).all(|two| two[0].0 <= two[1].0), "the order");
            let mut columns: BTreeMap<i64, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
            for (x, value) in points.iter().filter(|(_, value)| !value.is_nan()) {
                columns.entry((x / width).floor() as i64).or_default().0.push(*value);
            }
            for (x, value) in &drawn {
                columns.entry((x / width).floor() as i64).or_default().1.push(*value);
            }
            for (measured, shown) in columns.values() {
                prop_assert!(shown.len() <= 2);
                for pick in [f64::min, f64::max] {
                    prop_assert_eq!(
                        measured.iter().copied().reduce(pick).unwrap(),
                        shown.iter().copied().reduce(pick).unwrap()
                    );
                }
            }
        }

        #[test]
        fn a_band_keeps_its_extremes_with_one_stretch_a_column(points in some_points(), width in 0.5..20.0f64) {
            let banded: Vec<Stretch> = points.iter().map(|(x, high)| (*x, high - 1.0, *high)).collect();
            let mut drawn = Vec::new();
            band(&mut banded.iter().copied(), width, &mut |run| drawn.extend_from_slice(run));
            let columns: Vec<_> = drawn.iter().map(|(x, ..)| (x / width).floor()).collect();
            prop_assert!(columns.windows(2).all(|two| two[0] < two[1]));
            let most = |stretches: &[Stretch]| stretches.iter().map(|s| s.2).filter(|v| !v.is_nan()).fold(f64::MIN, f64::max);
            let least = |stretches: &[Stretch]| stretches.iter().map(|s| s.1).filter(|v| !v.is_nan()).fold(f64::MAX, f64::min);
            prop_assert_eq!(most(&banded), most(&drawn));
            prop_assert_eq!(least(&banded), least(&drawn));
        }

        #[test]
        fn layers_keep_the_extremes_of_their_total(points in some_points(), width in 0.5..20.0f64) {
            let (places, totals): (Vec<f64>, Vec<f64>) = points.into_iter().filter(|(_, v)| !v.is_nan()).unzip();
            let kept = extremes(&places, &totals, width);
            prop_assert!(kept.windows(2).all(|two| two[0] < two[1]));
            for pick in [f64::min, f64::max] {
                prop_assert_eq!(
                    totals.iter().copied().reduce(pick),
                    kept.iter().map(|at| totals[*at]).reduce(pick)
                );
            }
        }
    }
}
