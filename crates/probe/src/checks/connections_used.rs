//! How much of the connections that ordinary users can have is taken. At the limit every new one is refused, and
//! whoever comes to mend it may be refused as well.

use common::Reason;

use super::{Ask, Check, Context, Verdict, check::limits};
use crate::rows::Answer;

pub(super) const CHECK: Check = Check {
    id: "connections-used",
    title: "Connections used",
    unit: "ratio",
    threshold: limits(WARNING, CRITICAL),
    why: "At the limit every new connection is refused, and whoever comes to mend it may be refused as well.",
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-MAX-CONNECTIONS",
    ask: |_| Ask::Nothing,
    judge,
};

const WARNING: f64 = 0.8;
const CRITICAL: f64 = 0.9;
const WARNING_POINTS: u8 = 15;
const CRITICAL_POINTS: u8 = 40;

/// Who holds them.
const FIX: &str = "\
SELECT usename, application_name, client_addr, state, count(*)
  FROM pg_stat_activity
 WHERE backend_type = 'client backend'
 GROUP BY 1, 2, 3, 4
 ORDER BY 5 DESC;";

fn judge(_: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let metrics = &context.measured.metrics;
    match (metrics.total_connections, metrics.max_connections, metrics.reserved_connections) {
        (Some(total), Some(max), Some(reserved)) => Ok(verdict(total, max, reserved)),
        _ => {
            let missing = ["total_connections", "max_connections", "reserved_connections"];
            let reason = missing.iter().find_map(|key| context.measured.unavailable.get(*key)).cloned();
            Err(reason.unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED)))
        }
    }
}

fn verdict(total: i64, max: i64, reserved: i64) -> Verdict {
    let free_to_use = max.saturating_sub(reserved).max(1);
    let ratio = total as f64 / free_to_use as f64;
    let percent = common::units::percent(ratio.min(1.0));
    let mut detail = format!("{total} of {free_to_use} connections are taken ({percent} %)");
    if reserved > 0 {
        detail.push_str(&format!("; {reserved} more of {max} are kept for administrators"));
    }
    detail.push('.');
    if ratio < WARNING {
        return Verdict::ok(ratio, detail);
    }
    detail.push_str(
        " At the limit new connections are refused. Close idle ones, or put a pooler before the server.",
    );
    if ratio < CRITICAL {
        Verdict::warning(WARNING_POINTS, ratio, detail).with_fix(FIX)
    } else {
        Verdict::critical(CRITICAL_POINTS, ratio, detail).with_fix(FIX)
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn slots_kept_for_administrators_are_not_free() {
        let of = |total| verdict(total, 100, 3);
        assert_eq!(of(77).status, CheckStatus::Ok);
        assert_eq!(of(78).status, CheckStatus::Warning);
        assert_eq!(of(88).status, CheckStatus::Critical);
        assert_eq!((of(10).points, of(78).points, of(97).points), (0, 15, 40));
        assert!(of(10).fix_sql.is_none() && of(97).fix_sql.is_some());
        assert_eq!(of(97).value, Some(1.0));
    }
}
