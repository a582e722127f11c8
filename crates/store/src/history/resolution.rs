//! How fine history can be read: raw rows, or rollups of three widths, each kept for longer than the one before.

use chrono::{DateTime, TimeDelta, Utc};

/// The width of a rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resolution {
    FiveMinutes,
    Hour,
    Day,
}

impl Resolution {
    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::FiveMinutes => 300,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    /// For how long it is kept.
    pub(super) fn kept(self) -> TimeDelta {
        TimeDelta::days(match self {
            Self::FiveMinutes => 90,
            Self::Hour => 365,
            Self::Day => 5 * 365,
        })
    }

    /// The begin of the bucket that a time lies in. Buckets begin at whole multiples since 1970, in UTC.
    pub(super) fn floor(self, at: DateTime<Utc>) -> DateTime<Utc> {
        floor(at, self.seconds())
    }

    /// The first bucket that begins at a time or later.
    pub(super) fn ceil(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let floor = self.floor(at);
        if floor == at { at } else { floor + TimeDelta::seconds(self.seconds()) }
    }
}

/// The begin of the `seconds` that a time lies in, counted from 1970.
pub(super) fn floor(at: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    let begin = at.timestamp().div_euclid(seconds) * seconds;
    DateTime::from_timestamp(begin, 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_at_whole_multiples_also_before_1970() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(Resolution::FiveMinutes.floor(at("2026-01-31T12:34:56.7Z")), at("2026-01-31T12:30:00Z"));
        assert_eq!(Resolution::Day.ceil(at("2026-01-31T12:34:56.7Z")), at("2026-02-01T00:00:00Z"));
        assert_eq!(Resolution::Hour.ceil(at("2026-01-31T12:00:00Z")), at("2026-01-31T12:00:00Z"));
        assert_eq!(Resolution::Hour.floor(at("1969-12-31T23:59:59Z")), at("1969-12-31T23:00:00Z"));
    }
}
