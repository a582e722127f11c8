//! The axis of values: round numbers, their words, and where the axis ends.

use common::units::{fixed, thousands};

use crate::unit::Unit;

/// Lines at `low`, `low + step`, … `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ValueAxis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    step: f64,
    unit: Unit,
}

impl ValueAxis {
    /// An axis with about `spaces` spaces in which `least` and `most` fit. What is not finite counts as nothing.
    pub(crate) fn over(least: f64, most: f64, from_zero: bool, spaces: u32, unit: Unit) -> Self {
        let spaces = f64::from(spaces.max(1));
        let (mut least, mut most) =
            if least.is_finite() && most.is_finite() { (least, most) } else { (0.0, 0.0) };
        if from_zero {
            least = least.min(0.0);
            most = most.max(0.0);
        }
        if most - least < most.abs() * 1e-6 || most == least {
            // A flat line stands in the middle of its axis, or at the bottom where that is 0.
            let room = if most == 0.0 { 1.0 } else { most.abs() * 0.1 };
            most += room;
            if !from_zero {
                least -= room;
            }
            if unit == Unit::Ratio && most > 1.0 {
                most = 1.0;
            }
        }
        let step = round_step((most - least) / spaces, unit);
        let (low, mut high) = ((least / step).floor() * step, (most / step).ceil() * step);
        if unit == Unit::Ratio && most <= 1.0 {
            high = high.min(1.0);
        }
        let low = if least >= 0.0 { low.max(0.0) } else { low };
        Self { low, high, step, unit }
    }

    /// Value and words of each line, from below. The topmost says the unit.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, 50.0) as u32;
        let (divide, unit) = self.shown_in();
        let digits = digits(self.step / divide);
        (0..=count)
            .map(|at| {
                let value = (self.low + self.step * f64::from(at)).min(self.high);
                let mut words = number(value / divide, digits);
                if at == count && !unit.is_empty() {
                    words.push(' ');
                    words.push_str(unit);
                }
                (value, words)
            })
            .collect()
    }

    /// What a value is divided by before it is shown, and the unit it has then.
    fn shown_in(&self) -> (f64, &'static str) {
        let most = self.high.abs().max(self.low.abs());
        let powers = |base: f64, names: &[&'static str]| {
            let mut divide = 1.0;
            let mut name = names.first().copied().unwrap_or_default();
            for next in names.iter().skip(1) {
                if most < divide * base {
                    break;
                }
                divide *= base;
                name = next;
            }
            (divide, name)
        };
        match self.unit {
            Unit::Millis if most >= 10_000.0 => (1000.0, "s"),
            Unit::Millis => (1.0, "ms"),
            Unit::Ratio => (0.01, "%"),
            Unit::Count if most < 10_000.0 => (1.0, ""),
            Unit::Count => powers(1000.0, &["", "k", "M", "G"]),
            Unit::PerSecond if most < 10_000.0 => (1.0, "/s"),
            Unit::PerSecond => powers(1000.0, &["/s", "k/s", "M/s"]),
            Unit::Bytes => powers(1024.0, &["B", "kB", "MB", "GB", "TB", "PB"]),
            Unit::BytesPerSecond => powers(1024.0, &["B/s", "kB/s", "MB/s", "GB/s", "TB/s"]),
            Unit::Seconds if most >= 172_800.0 => (86_400.0, "d"),
            Unit::Seconds if most >= 7200.0 => (3600.0, "h"),
            Unit::Seconds if most >= 120.0 => (60.0, "min"),
            Unit::Seconds => (1.0, "s"),
        }
    }
}

/// The smallest round step that is at least `least`.
fn round_step(least: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Seconds if least > 10.0 => {
            const STEPS: [f64; 15] = [
                15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0,
                43_200.0, 86_400.0, 172_800.0,
            ];
            match STEPS.into_iter().find(|step| *step >= least) {
                Some(step) => step,
                None => decimal_step(least / 86_400.0) * 86_400.0,
            }
        }
        Unit::Bytes | Unit::BytesPerSecond => {
            let mut power = 1.0;
            while least > power * 512.0 {
                power *= 1024.0;
            }
            // Below the next unit the steps are round in this one, as far as they are whole.
            decimal_step((least / power).max(if power > 1.0 { 0.0 } else { 1.0 })) * power
        }
        Unit::Count => decimal_step(least.max(1.0)),
        _ => decimal_step(least),
    }
}

/// 1, 2 or 5 times a power of ten.
fn decimal_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    // A hair of tolerance: 0.30000000000000004 is 0.3.
    let fits = |step: &f64| *step >= least * (1.0 - 1e-9);
    [1.0, 2.0, 5.0].map(|times| times * power).into_iter().find(fits).unwrap_or(10.0 * power)
}

/// How many digits after the point tell one line from the next.
fn digits(step: f64) -> u32 {
    let mut digits = 0;
    let mut scaled = step.abs();
    while digits < 6 && (scaled - scaled.round()).abs() > 1e-6 * scaled.max(1.0) {
        scaled *= 10.0;
        digits += 1;
    }
    digits
}

fn number(value: f64, digits: u32) -> String {
    if digits == 0 || value == 0.0 { thousands(value.round() as i64) } else { fixed(value, digits) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(axis: ValueAxis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn latency_begins_at_zero_and_has_round_numbers() {
        let axis = ValueAxis::over(30.0, 183.0, true, 4, Unit::Millis);
        assert_eq!(words(axis), ["0", "50", "100", "150", "200 ms"]);
        let small = ValueAxis::over(0.1, 0.83, true, 5, Unit::Millis);
        assert_eq!(words(small), ["0", "0.2", "0.4", "0.6", "0.8", "1.0 ms"]);
        assert_eq!(
            words(ValueAxis::over(0.0, 31_000.0, true, 4, Unit::Millis)),
            ["0", "10", "20", "30", "40 s"]
        );
    }

    #[test]
    fn a_ratio_near_one_is_not_flat_and_ends_at_all_of_it() {
        let axis = ValueAxis::over(0.981, 0.9994, false, 4, Unit::Ratio);
        assert_eq!(words(axis), ["98.0", "98.5", "99.0", "99.5", "100.0 %"]);
        assert_eq!(words(ValueAxis::over(1.0, 1.0, false, 4, Unit::Ratio)), ["90", "95", "100 %"]);
    }

    #[test]
    fn bytes_have_steps_of_their_own_powers() {
        let mib = 1024.0 * 1024.0;
        assert_eq!(words(ValueAxis::over(0.0, 900.0 * mib, true, 4, Unit::Bytes)), ["0", "500", "1000 MB"]);
        assert_eq!(
            words(ValueAxis::over(0.0, 7.0 * mib, true, 4, Unit::Bytes)),
            ["0", "2", "4", "6", "8 MB"]
        );
    }

    #[test]
    fn counts_have_no_halves() {
        assert_eq!(words(ValueAxis::over(0.0, 2.0, true, 5, Unit::Count)), ["0", "1", "2"]);
        assert_eq!(words(ValueAxis::over(0.0, 0.0, true, 5, Unit::Count)), ["0", "1"]);
    }

    #[test]
    fn seconds_step_in_minutes_and_hours() {
        assert_eq!(
            words(ValueAxis::over(0.0, 500.0, true, 5, Unit::Seconds)),
            ["0", "2", "4", "6", "8", "10 min"]
        );
    }

    #[test]
    fn nothing_to_show_is_an_axis_all_the_same() {
        let axis = ValueAxis::over(f64::INFINITY, f64::NEG_INFINITY, true, 4, Unit::Millis);
        assert!(axis.high > axis.low);
    }

    proptest! {
        #[test]
        fn what_is_drawn_fits_and_the_lines_are_few(
            least in -1e6..1e9f64, span in 0.0..1e9f64, spaces in 1..7u32, from_zero: bool,
            unit in prop::sample::select(vec![Unit::Millis, Unit::Count, Unit::Bytes, Unit::Seconds, Unit::PerSecond]),
        ) {
            let most = least + span;
            let axis = ValueAxis::over(least, most, from_zero, spaces, unit);
            let tolerance = 1e-6 * most.abs().max(1.0);
            prop_assert!(axis.low <= least + tolerance && axis.high >= most - tolerance, "{axis:?}");
            let ticks = axis.ticks();
            prop_assert!(ticks.len() >= 2 && ticks.len() <= spaces as usize + 3, "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|two| two[0].1 != two[1].1), "{ticks:?}");
        }
    }
}
