//! Numbers of what happened between two readings, as the reading has them.

use common::Reason;

use super::Verdict;
use crate::measured::{BlocksOver, Measured};

/// Judges a number that the reading has of the interval since the one before, with the interval's seconds.
pub(super) fn over_the_interval<T>(
    measured: &Measured,
    key: &str,
    number: Option<T>,
    judge: impl FnOnce(T, f64) -> Verdict,
) -> Result<Verdict, Reason> {
    match (number, measured.blocks_over) {
        (Some(number), BlocksOver::Interval(seconds)) => Ok(judge(number, seconds)),
        (_, over) => {
            let reason =
                measured.unavailable.get(key).cloned().unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED));
            // Without counters there is no interval for want of them.
            if over == BlocksOver::Nothing { Err(reason) } else { Ok(Verdict::no_interval(reason)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn without_an_interval_there_is_no_verdict_and_without_counters_no_reading() {
        let mut measured = Measured { blocks_over: BlocksOver::Ever(None), ..Measured::default() };
        measured.unavailable.insert("deadlocks".to_owned(), Reason::new(Reason::FIRST_READING));
        let of = |measured: &Measured| {
            over_the_interval(measured, "deadlocks", None, |_: i64, _| Verdict::ok(0.0, ""))
        };
        let first = of(&measured).unwrap();
        assert_eq!(first.status, CheckStatus::Skipped);
        assert_eq!(first.no_value.unwrap().reason, Reason::FIRST_READING);
        measured.blocks_over = BlocksOver::Nothing;
        assert_eq!(of(&measured).unwrap_err().reason, Reason::FIRST_READING);
    }
}
