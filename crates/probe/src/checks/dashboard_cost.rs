//! What the dashboard itself costs here: its sessions, the server's time for the checks of this reading, and for what has a
//! cadence of its own within the last hour: the slow checks, and the counters of statements. Who watches must not be what is noticed.

use common::{Reason, health::Evidence, units};

use super::{Ask, Check, Context, Verdict, check::not_an_answer};
use crate::rows::Answer;

pub(super) const CHECK: Check = Check {
    id: "dashboard-cost",
    title: "What the dashboard costs",
    unit: "ratio",
    threshold: None,
    why: "Watching is work for the server, too: it should not be noticed.",
    docs_url: "https://www.postgresql.org/docs/current/monitoring-stats.html",
    ask: |_| Ask::sql(SQL),
    judge,
};

/// Last of the checks in the transaction that they share, and nothing in it waits for the network: what it has taken so
/// far is the server's own time. Behind it come only the facts, which are not in it.
const SQL: &str = "\
select extract(epoch from clock_timestamp() - transaction_timestamp())::float8 * 1000 as reading_ms,
       count(*) as sessions
  from pg_stat_activity
 where application_name = 'pg-dashboard'
   and usename = session_user";

const POINTS: u8 = 5;
/// One part in a hundred of a session's time.
const WARNING: f64 = 0.01;
/// A person who looks twice within a minute is not a schedule.
const LEAST_INTERVAL_S: f64 = 60.0;
const HOUR_MS: f64 = 3_600_000.0;

#[derive(Debug, Clone, Copy)]
struct Cost {
    sessions: i64,
    /// The server's time for the checks of this reading.
    reading_ms: f64,
    /// The whole reading so far as seen from here, with the network.
    seen_ms: f64,
    slow_ms: f64,
    statements_ms: f64,
    interval_s: Option<f64>,
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let row = answer.one()?;
    let reading_ms = row.finite("reading_ms").filter(|ms| *ms >= 0.0).ok_or_else(not_an_answer)?;
    Ok(verdict(Cost {
        sessions: row.number("sessions").ok_or_else(not_an_answer)?,
        reading_ms,
        seen_ms: context.reading_ms,
        slow_ms: context.slow_ms,
        statements_ms: context.statements_ms,
        interval_s: context.interval_s(),
    }))
}

fn verdict(cost: Cost) -> Verdict {
    let of_slow = (cost.slow_ms + cost.statements_ms) / HOUR_MS;
    let interval_s = cost.interval_s.map(|seconds| seconds.max(LEAST_INTERVAL_S));
    let of_readings = interval_s.map_or(0.0, |seconds| cost.reading_ms / 1000.0 / seconds);
    let ratio = of_slow + of_readings;
    let mut detail = format!(
        "The checks of this reading took the server {} (the whole reading, seen from here: {}); within the last \
         hour the slow checks {}, the counters of statements {}.",
        units::millis(cost.reading_ms),
        units::millis(cost.seen_ms),
        units::millis(cost.slow_ms),
        units::millis(cost.statements_ms)
    );
    detail.push_str(&match interval_s {
        Some(seconds) => format!(
            " With a reading every {} that is {} % of one session's time.",
            units::span(seconds),
            units::figures(ratio * 100.0)
        ),
        None => " How often it is read shows with the next reading.".to_owned(),
    });
    let evidence = vec![Evidence {
        subject: "sessions of the dashboard".to_owned(),
        detail: format!("{} now, of the user that it signs in as", units::thousands(cost.sessions)),
        fix_sql: None,
    }];
    let verdict = if ratio > WARNING {
        detail.push_str(" That is more than it should be: ask less often.");
        Verdict::warning(POINTS, ratio, detail)
    } else {
        Verdict::ok(ratio, detail)
    };
    verdict.with_evidence(evidence)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn cost(reading_ms: f64, slow_ms: f64, interval_s: Option<f64>) -> Verdict {
        verdict(Cost {
            sessions: 1,
            reading_ms,
            seen_ms: reading_ms,
            slow_ms,
            statements_ms: 0.0,
            interval_s,
        })
    }

    #[test]
    fn more_than_a_hundredth_of_the_time_is_a_warning() {
        assert_eq!(cost(20.0, 5000.0, Some(60.0)).status, CheckStatus::Ok);
        assert_eq!(cost(600.0, 0.0, Some(60.0)).status, CheckStatus::Ok, "just a hundredth");
        assert_eq!(
            (cost(700.0, 0.0, Some(60.0)).status, cost(700.0, 0.0, Some(60.0)).points),
            (CheckStatus::Warning, 5)
        );
        assert_eq!(cost(0.0, 37_000.0, None).status, CheckStatus::Warning);
    }

    #[test]
    fn what_is_measured_is_named_as_what_it_is() {
        let shown = cost(20.0, 5000.0, None);
        assert!(
            shown.detail.starts_with("The checks of this reading took the server 20"),
            "{}",
            shown.detail
        );
    }

    #[test]
    fn who_looks_twice_within_a_minute_causes_no_alarm() {
        assert_eq!(cost(100.0, 0.0, Some(1.0)).status, CheckStatus::Ok);
        assert_eq!(cost(f64::MAX, f64::MAX, Some(1e-9)).status, CheckStatus::Warning);
    }
}
