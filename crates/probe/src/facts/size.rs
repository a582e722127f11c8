//! Whether the database grew or shrank by much within a day.

use chrono::{DateTime, TimeDelta, Utc};
use common::{health::ChangeKind, units};
use serde::{Deserialize, Serialize};

use super::Noticed;

/// Less is no jump, whatever part of the database it is.
const LEAST_BYTES: u64 = 100 << 20;
/// Nor is a smaller part, however many bytes it is.
const LEAST_RATIO: f64 = 0.2;
/// What grows more slowly than this does not jump.
const WITHIN: TimeDelta = TimeDelta::days(1);

#[derive(Debug)]
pub(super) struct Size {
    pub(super) database: String,
    pub(super) bytes: i64,
}

/// What later sizes are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Baseline {
    bytes: i64,
    at: DateTime<Utc>,
}

pub(super) fn notice(known: &mut Option<Baseline>, now: Size, changes: &mut Noticed) {
    let fresh = Baseline { bytes: now.bytes, at: changes.at };
    let Some(before) = known else {
        *known = Some(fresh);
        return;
    };
    let by = now.bytes.abs_diff(before.bytes);
    // The clock may have been set back.
    let age = changes.at - before.at;
    if by >= LEAST_BYTES && by as f64 >= LEAST_RATIO * before.bytes.max(1) as f64 {
        let (then, shown) = (units::bytes(before.bytes).to_string(), units::bytes(now.bytes).to_string());
        let then = format!("{then} on {}", before.at.format("%Y-%m-%d %H:%M UTC"));
        changes.add(ChangeKind::Size, Some(&now.database), Some(then), Some(shown));
        *before = fresh;
    } else if !(TimeDelta::zero()..WITHIN).contains(&age) {
        *before = fresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: i64 = 1 << 20;

    fn after(sizes: &[(i64, i64)]) -> Vec<(Option<String>, Option<String>)> {
        let mut known = None;
        let mut all = Vec::new();
        for (hour, bytes) in sizes {
            let at = DateTime::from_timestamp(1_763_971_200 + hour * 3600, 0).unwrap();
            let mut changes = Noticed { at, changes: Vec::new() };
            notice(&mut known, Size { database: "shop".to_owned(), bytes: *bytes }, &mut changes);
            all.extend(changes.changes.into_iter().map(|change| (change.before, change.after)));
        }
        all
    }

    #[test]
    fn a_jump_is_a_fifth_and_a_hundred_megabytes() {
        assert_eq!(after(&[(0, 1000 * MB), (1, 1199 * MB)]), [], "less than a fifth");
        assert_eq!(after(&[(0, 10 * MB), (1, 109 * MB)]), [], "less than 100 MB");
        let jump = [(Some("1000 MB on 2025-11-24 08:00 UTC".to_owned()), Some("1.17 GB".to_owned()))];
        assert_eq!(after(&[(0, 1000 * MB), (1, 1200 * MB)]), jump);
        assert_eq!(after(&[(0, 1000 * MB), (1, 1200 * MB), (2, 1210 * MB)]), jump, "once");
        assert_eq!(after(&[(0, 1000 * MB), (1, 800 * MB)]).len(), 1, "downwards, too");
        assert_eq!(after(&[(0, i64::MIN), (1, i64::MAX)]).len(), 1, "whatever the server says");
    }

    #[test]
    fn many_small_steps_within_a_day_are_a_jump_and_over_days_they_are_none() {
        let steps = |every: i64| -> Vec<(i64, i64)> {
            (0..8).map(|step| (step * every, 1000 * MB + step * 30 * MB)).collect()
        };
        assert_eq!(after(&steps(1)).len(), 1);
        assert_eq!(after(&steps(24)).len(), 0);
    }
}
