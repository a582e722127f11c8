//! Units of values: how one value is told, and which steps are round.

use common::units::{self, figures};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Ratio,
    Count,
    Bytes,
    Seconds,
    PerSecond,
    BytesPerSecond,
}

impl Unit {
    /// As [`common::history::Series::unit`] says it.
    pub fn parse(unit: &str) -> Self {
        match unit {
            "ms" => Self::Millis,
            "ratio" => Self::Ratio,
            "bytes" => Self::Bytes,
            "s" => Self::Seconds,
            "per_s" => Self::PerSecond,
            "bytes_per_s" => Self::BytesPerSecond,
            _ => Self::Count,
        }
    }

    /// One value with its unit: `47.2 ms`, `98.9 %`.
    pub fn told(self, value: f64) -> String {
        if value.is_nan() {
            return "–".to_owned();
        }
        match self {
            Self::Millis => units::millis(value).to_string(),
            Self::Ratio => format!("{} %", units::percent(value)),
            Self::Count if value.abs() >= 10_000.0 => units::count(value.round() as i64).to_string(),
            // A median of counts can lie between two.
            Self::Count if value.fract() == 0.0 => units::thousands(value as i64),
            Self::Count => figures(value),
            Self::Bytes => units::bytes(value.round() as i64).to_string(),
            Self::Seconds if value.abs() < 60.0 => format!("{} s", figures(value)),
            Self::Seconds => units::span(value),
            Self::PerSecond => format!("{} /s", figures(value)),
            Self::BytesPerSecond => format!("{}/s", units::bytes(value.round() as i64)),
        }
    }

    /// Two values with one unit where they share it: `29.9–146 ms`.
    pub fn told_between(self, low: f64, high: f64) -> String {
        let (low, high) = (self.told(low), self.told(high));
        match (low.rsplit_once(' '), high.rsplit_once(' ')) {
            (Some((number, unit)), Some((_, other))) if unit == other => format!("{number}–{high}"),
            _ => format!("{low}–{high}"),
        }
    }

    /// The value of a file that a program reads: in the unit of the API, without one of ours.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Millis => "ms",
            Self::Ratio => "ratio",
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Seconds => "s",
            Self::PerSecond => "per_s",
            Self::BytesPerSecond => "bytes_per_s",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_the_name_that_it_is_parsed_from() {
        for unit in ["ms", "ratio", "count", "bytes", "s", "per_s", "bytes_per_s"] {
            assert_eq!(Unit::parse(unit).name(), unit);
        }
    }

    #[test]
    fn values_are_told_with_their_unit() {
        assert_eq!(Unit::Millis.told(47.21), "47.2 ms");
        assert_eq!(Unit::Ratio.told(0.9893), "98.9 %");
        assert_eq!(Unit::Count.told(12.5), "12.5");
        assert_eq!(Unit::Count.told(1200.0), "1200");
        assert_eq!(Unit::Seconds.told(0.4), "0.40 s");
        assert_eq!(Unit::Seconds.told(7500.0), "2 h 5 min");
        assert_eq!(Unit::BytesPerSecond.told(1536.0), "1.50 kB/s");
        assert_eq!(Unit::Millis.told(f64::NAN), "–");
    }

    #[test]
    fn two_values_share_a_unit() {
        assert_eq!(Unit::Millis.told_between(29.9, 146.0), "29.9–146 ms");
        assert_eq!(Unit::Millis.told_between(900.0, 1460.0), "900 ms–1.46 s");
    }
}
