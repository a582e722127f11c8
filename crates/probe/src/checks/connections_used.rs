//! How much of the connections that ordinary users can have is taken. At the limit every new one is refused, and
//! whoever comes to mend it may be refused as well.

use chrono::{DateTime, Utc};
use common::{
    Reason,
    health::{Check, CheckStatus, Threshold},
};

use super::About;
use crate::measured::Measured;

const ABOUT: About = About {
    id: "connections-used",
    title: "Connections used",
    unit: "ratio",
    threshold: Threshold { warning: 0.8, critical: 0.9 },
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-MAX-CONNECTIONS",
};

const WARNING_POINTS: u8 = 15;
const CRITICAL_POINTS: u8 = 40;

/// Who holds them.
const FIX: &str = "\
SELECT usename, application_name, client_addr, state, count(*)
  FROM pg_stat_activity
 WHERE backend_type = 'client backend'
 GROUP BY 1, 2, 3, 4
 ORDER BY 5 DESC;";

pub(super) fn check(measured: &Measured, now: DateTime<Utc>) -> Check {
    let metrics = &measured.metrics;
    match (metrics.total_connections, metrics.max_connections, metrics.reserved_connections) {
        (Some(total), Some(max), Some(reserved)) => judge(total, max, reserved, now),
        _ => {
            let missing = ["total_connections", "max_connections", "reserved_connections"];
            let reason = missing.iter().find_map(|key| measured.unavailable.get(*key)).cloned();
            ABOUT.unavailable(&reason.unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED)), now)
        }
    }
}

fn judge(total: i64, max: i64, reserved: i64, now: DateTime<Utc>) -> Check {
    let free_to_use = (max - reserved).max(1);
    let ratio = total as f64 / free_to_use as f64;
    let (status, points) = if ratio >= ABOUT.threshold.critical {
        (CheckStatus::Critical, CRITICAL_POINTS)
    } else if ratio >= ABOUT.threshold.warning {
        (CheckStatus::Warning, WARNING_POINTS)
    } else {
        (CheckStatus::Ok, 0)
    };
    let percent = common::units::percent(ratio.min(1.0));
    let mut detail = format!("{total} of {free_to_use} connections are taken ({percent} %)");
    if reserved > 0 {
        detail.push_str(&format!("; {reserved} more of {max} are kept for administrators"));
    }
    detail.push('.');
    if status != CheckStatus::Ok {
        detail.push_str(
            " At the limit new connections are refused. Close idle ones, or put a pooler before the server.",
        );
    }
    let mut check = ABOUT.check(status, Some(ratio), detail, now);
    check.points = points;
    check.fix_sql = (status != CheckStatus::Ok).then(|| FIX.to_owned());
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_kept_for_administrators_are_not_free() {
        let of = |total| judge(total, 100, 3, Utc::now());
        assert_eq!(of(77).status, CheckStatus::Ok);
        assert_eq!(of(78).status, CheckStatus::Warning);
        assert_eq!(of(88).status, CheckStatus::Critical);
        assert_eq!((of(10).points, of(78).points, of(97).points), (0, 15, 40));
        assert!(of(10).fix_sql.is_none() && of(97).fix_sql.is_some());
        assert_eq!(of(97).value, Some(1.0));
    }
}
