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
    /// From fine to coarse: each is made from the one before.
    pub(super) const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// As the names of its rollups end.
    fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// The name of the one that it is made from; nothing of the finest, which is made from raw rows.
    fn finer(self) -> &'static str {
        match self {
            Self::FiveMinutes => "",
            Self::Hour => Self::FiveMinutes.name(),
            Self::Day => Self::Hour.name(),
        }
    }

    /// As an interval.
    fn width(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5 minutes",
            Self::Hour => "1 hour",
            Self::Day => "1 day",
        }
    }

    /// A statement that is written once for all of them: `{r}` is the name, `{finer}` that of the next finer one, and
    /// `{width}` the width. Nothing but these constants is put in.
    pub(super) fn in_sql(self, template: &str) -> String {
        template.replace("{r}", self.name()).replace("{finer}", self.finer()).replace("{width}", self.width())
    }

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
    fn a_statement_is_written_once_for_all() {
        let sql = "insert into a_{r} select interval '{width}' from a_{finer}";
        assert_eq!(Resolution::Day.in_sql(sql), "insert into a_1d select interval '1 day' from a_1h");
        assert_eq!(Resolution::Hour.in_sql(sql), "insert into a_1h select interval '1 hour' from a_5m");
        assert_eq!(Resolution::FiveMinutes.in_sql("a_{r} '{width}'"), "a_5m '5 minutes'");
    }

    #[test]
    fn buckets_begin_at_whole_multiples_also_before_1970() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(Resolution::FiveMinutes.floor(at("2026-01-31T12:34:56.7Z")), at("2026-01-31T12:30:00Z"));
        assert_eq!(Resolution::Day.ceil(at("2026-01-31T12:34:56.7Z")), at("2026-02-01T00:00:00Z"));
        assert_eq!(Resolution::Hour.ceil(at("2026-01-31T12:00:00Z")), at("2026-01-31T12:00:00Z"));
        assert_eq!(Resolution::Hour.floor(at("1969-12-31T23:59:59Z")), at("1969-12-31T23:00:00Z"));
    }
}
