//! Times as they are sent and kept: to the microsecond, which is what PostgreSQL keeps. What is shown right after it was
//! measured is then the same as what is read back.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};

/// A duration in milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Milliseconds that were computed or come from elsewhere, to the microsecond.
pub fn whole_micros_of_ms(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// Seconds that were computed or come from elsewhere, to the microsecond.
pub fn whole_micros_of_s(s: f64) -> f64 {
    (s * 1e6).round() / 1e6
}

/// A moment, to the microsecond.
pub fn whole_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

/// A moment as a program writes it (RFC 3339) or as a form does (`2026-05-04T14:00`, of UTC).
pub fn parse_moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"];
    local.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()).map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_from_programs_and_from_forms() {
        let afternoon = parse_moment("2026-05-04T14:00").unwrap();
        assert_eq!(afternoon.to_rfc3339(), "2026-05-04T14:00:00+00:00");
        assert_eq!(parse_moment("2026-05-04T14:00:00"), Some(afternoon));
        assert_eq!(parse_moment(" 2026-05-04T16:00:00+02:00 "), Some(afternoon));
        for not_a_time in
            ["", "yesterday", "2026-05-04", "2026-13-04T14:00", "2026-05-04T25:00", "1714831200"]
        {
            assert_eq!(parse_moment(not_a_time), None, "{not_a_time}");
        }
    }

    #[test]
    fn nanoseconds_are_left_out() {
        assert_eq!(millis(Duration::from_nanos(154_671_112)).to_string(), "154.671");
        let at = DateTime::from_timestamp(1_700_000_000, 574_906_123).unwrap();
        assert_eq!(whole_micros(at).timestamp_subsec_nanos(), 574_906_000);
    }

    #[test]
    fn what_was_computed_has_no_digits_that_nobody_measured() {
        assert_eq!(whole_micros_of_ms(9.376_999_999_999_999).to_string(), "9.377");
        assert_eq!(whole_micros_of_ms(1.0 / 3.0).to_string(), "0.333");
        assert_eq!(whole_micros_of_s(86_400.123_456_001_28).to_string(), "86400.123456");
        assert_eq!(whole_micros_of_ms(0.0), 0.0);
    }
}
