//! Deadlocks since the reading before: two transactions that each held what the other wanted, one of which was ended.

use common::Reason;

use super::{Ask, Check, Context, Verdict, interval::over_the_interval};

pub(super) const CHECK: Check = Check {
    id: "deadlocks",
    title: "Deadlocks",
    unit: "count",
    threshold: None,
    why: "Of two transactions that wait for each other one is ended with an error, after both have waited for \
          deadlock_timeout.",
    docs_url: "https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS",
    ask: |_| Ask::Nothing,
    judge: |_, context| judge(context),
};

const POINTS: u8 = 10;

/// Both statements of each deadlock stand in the server's log; this has the waits before it logged as well.
const FIX: &str = "\
ALTER SYSTEM SET log_lock_waits = on;
SELECT pg_reload_conf();";

fn judge(context: &Context<'_>) -> Result<Verdict, Reason> {
    let deadlocks = context.measured.metrics.deadlocks;
    over_the_interval(context.measured, "deadlocks", deadlocks, verdict)
}

fn verdict(count: i64, seconds: f64) -> Verdict {
    let over = common::units::span(seconds);
    if count <= 0 {
        return Verdict::ok(0.0, format!("No deadlock in the last {over}."));
    }
    let deadlocks = if count == 1 { "1 deadlock".to_owned() } else { format!("{count} deadlocks") };
    let detail = format!(
        "{deadlocks} in the last {over}. The server's log has the statements of each. Transactions that lock rows and \
         tables in the same order cannot deadlock."
    );
    Verdict::warning(POINTS, count as f64, detail).with_fix(FIX)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn every_deadlock_is_a_warning() {
        assert_eq!(verdict(0, 60.0).status, CheckStatus::Ok);
        let found = verdict(2, 300.0);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(2.0), 10));
        assert!(found.detail.starts_with("2 deadlocks in the last 5 min."), "{}", found.detail);
        assert_eq!(verdict(i64::MIN, 1.0).status, CheckStatus::Ok);
    }
}
