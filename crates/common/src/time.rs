//! Times as they are sent and kept: to the microsecond, which is what PostgreSQL keeps. What is shown right after it was
//! measured is then the same as what is read back.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};

/// A duration in milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// A moment, to the microsecond.
pub fn whole_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_left_out() {
        assert_eq!(millis(Duration::from_nanos(154_671_112)).to_string(), "154.671");
        let at = DateTime::from_timestamp(1_700_000_000, 574_906_123).unwrap();
        assert_eq!(whole_micros(at).timestamp_subsec_nanos(), 574_906_000);
    }
}
