//! How many transactions end in a rollback: errors, mostly, that the application may not even notice.

use common::{Reason, units};

use super::{Ask, Check, Context, Verdict, interval::over_the_interval};

pub(super) const CHECK: Check = Check {
    id: "rollbacks",
    title: "Transactions rolled back",
    unit: "ratio",
    threshold: None,
    why: "A transaction that is rolled back was work for nothing; a share that grows is an application that fails.",
    docs_url: "https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW",
    ask: |_| Ask::Nothing,
    judge: |_, context| judge(context),
};

const WORTH_A_LOOK: f64 = 0.1;
const HALF: f64 = 0.5;
const POINTS: u8 = 5;

/// Fewer transactions say nothing: every reading of the dashboard ends in a few rollbacks itself.
const ENOUGH: f64 = 1000.0;

fn judge(context: &Context<'_>) -> Result<Verdict, Reason> {
    let metrics = &context.measured.metrics;
    let rate = metrics.transactions_per_s;
    over_the_interval(context.measured, "transactions_per_s", rate, |rate, seconds| {
        verdict(rate * seconds, metrics.rollback_ratio, seconds)
    })
}

fn verdict(ended: f64, ratio: Option<f64>, seconds: f64) -> Verdict {
    let over = units::span(seconds);
    let Some(ratio) = ratio.filter(|_| ended >= ENOUGH) else {
        let ended = units::thousands(ended.max(0.0).round() as i64);
        return Verdict {
            no_value: Some(Reason::new("too few transactions ended in the interval")),
            ..Verdict::skipped(format!(
                "Too few transactions to say: {ended} in the last {over}, and {} are the least that count.",
                units::thousands(ENOUGH as i64)
            ))
        };
    };
    let mut detail = format!(
        "{} % of {} transactions in the last {over} were rolled back.",
        units::percent(ratio),
        units::thousands(ended.round() as i64)
    );
    if ratio < WORTH_A_LOOK {
        return Verdict::ok(ratio, detail);
    }
    detail.push_str(
        " The server's log has the error of each that failed; some applications roll back on purpose.",
    );
    if ratio < HALF { Verdict::info(ratio, detail) } else { Verdict::warning(POINTS, ratio, detail) }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn a_tenth_is_worth_a_look_and_half_is_a_warning() {
        let of = |ratio| verdict(2000.0, Some(ratio), 60.0);
        assert_eq!(of(0.09).status, CheckStatus::Ok);
        assert_eq!((of(0.1).status, of(0.1).points), (CheckStatus::Info, 0));
        assert_eq!((of(0.5).status, of(0.5).points), (CheckStatus::Warning, 5));
    }

    #[test]
    fn the_dashboards_own_rollbacks_on_an_idle_server_say_nothing() {
        let idle = verdict(12.0, Some(0.75), 60.0);
        assert_eq!((idle.status, idle.value), (CheckStatus::Skipped, None));
        assert!(idle.no_value.is_some());
    }
}
