//! Whether checkpoints come by the clock or because `max_wal_size` is used up. Those that are asked for come in a
//! hurry, and each makes every page that is changed after it be written to the log in full.

use chrono::DateTime;
use common::{Reason, units};

use super::{Ask, Check, Context, Verdict, check::not_an_answer};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "checkpoints",
    title: "Checkpoints",
    unit: "ratio",
    threshold: None,
    why: "A checkpoint before its time writes in a hurry, and makes the log larger: after it each page is logged in full once more.",
    docs_url: "https://www.postgresql.org/docs/current/wal-configuration.html",
    ask: |known| match known.major() {
        _ if known.is_standby() => Ask::Skip("A standby follows the checkpoints of its primary."),
        ..17 => Ask::sql(SQL_16),
        _ => Ask::sql(SQL),
    },
    judge,
};

const SQL: &str = "\
select num_timed as timed, num_requested as requested,
       extract(epoch from stats_reset)::float8 as reset_s,
       pg_size_bytes(current_setting('max_wal_size')) as max_wal_bytes
  from pg_stat_checkpointer";

/// Up to version 16.
const SQL_16: &str = "\
select checkpoints_timed as timed, checkpoints_req as requested,
       extract(epoch from stats_reset)::float8 as reset_s,
       pg_size_bytes(current_setting('max_wal_size')) as max_wal_bytes
  from pg_stat_bgwriter";

const POINTS: u8 = 10;
/// More than half of them.
const WARNING: f64 = 0.5;
/// Fewer say nothing: a backup and a new database ask for one each.
const ENOUGH: i64 = 10;

#[derive(Debug, Clone, Copy)]
struct Counted {
    timed: i64,
    requested: i64,
    reset_s: Option<f64>,
    max_wal_bytes: Option<i64>,
}

impl Counted {
    fn from_row(row: Row<'_>) -> Option<Self> {
        let count = |column: &str| row.number::<i64>(column).filter(|count| *count >= 0);
        Some(Self {
            timed: count("timed")?,
            requested: count("requested")?,
            reset_s: row.finite("reset_s"),
            max_wal_bytes: count("max_wal_bytes"),
        })
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let counted = Counted::from_row(answer.one()?).ok_or_else(not_an_answer)?;
    let timed = context.growth("checkpoints.timed", counted.timed, counted.reset_s);
    let requested = context.growth("checkpoints.requested", counted.requested, counted.reset_s);
    // In a short interval there are too few of them: then what has been since the reset is judged.
    if let (Ok(timed), Ok(requested)) = (timed, requested)
        && timed.count.saturating_add(requested.count) >= ENOUGH
    {
        let over = format!("in the last {}", units::span(timed.seconds));
        return Ok(verdict(timed.count, requested.count, &over, counted.max_wal_bytes));
    }
    Ok(verdict(counted.timed, counted.requested, &since(counted.reset_s), counted.max_wal_bytes))
}

fn since(reset_s: Option<f64>) -> String {
    let day = reset_s.and_then(|reset_s| DateTime::from_timestamp(reset_s as i64, 0));
    match day {
        Some(day) => format!("since the counters were reset ({})", day.format("%Y-%m-%d %H:%M UTC")),
        None => "since the counters began".to_owned(),
    }
}

fn verdict(timed: i64, requested: i64, over: &str, max_wal_bytes: Option<i64>) -> Verdict {
    let all = timed.saturating_add(requested);
    if all < ENOUGH {
        return Verdict {
            no_value: Some(Reason::new("too few checkpoints")),
            ..Verdict::skipped(format!(
                "Too few checkpoints to say: {all} {over}, and {ENOUGH} are the least that count."
            ))
        };
    }
    let ratio = requested as f64 / all as f64;
    let mut detail = format!(
        "{} of {} checkpoints {over} came before their time ({} %).",
        units::thousands(requested),
        units::thousands(all),
        units::percent(ratio)
    );
    if ratio <= WARNING || requested < ENOUGH {
        return Verdict::ok(ratio, detail);
    }
    let size = max_wal_bytes.map(|bytes| format!(" ({})", units::bytes(bytes))).unwrap_or_default();
    detail.push_str(&format!(
        " The log reaches max_wal_size{size} sooner than checkpoint_timeout. With a larger one they come by the clock; \
         recovery after a crash takes longer in return."
    ));
    let verdict = Verdict::warning(POINTS, ratio, detail);
    match max_wal_bytes.and_then(twice_as_megabytes) {
        Some(megabytes) => verdict
            .with_fix(format!("ALTER SYSTEM SET max_wal_size = '{megabytes}MB';\nSELECT pg_reload_conf();")),
        None => verdict,
    }
}

/// The server takes up to 2^31 - 1 of them.
fn twice_as_megabytes(bytes: i64) -> Option<i64> {
    let megabytes = bytes.checked_mul(2)? / (1024 * 1024);
    (1..=i64::from(i32::MAX)).contains(&megabytes).then_some(megabytes)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    const GB: i64 = 1024 * 1024 * 1024;

    fn of(timed: i64, requested: i64) -> Verdict {
        verdict(timed, requested, "in the last 1 h", Some(GB))
    }

    #[test]
    fn more_than_half_before_their_time_is_a_warning_with_twice_the_size() {
        assert_eq!(of(10, 10).status, CheckStatus::Ok);
        let found = of(10, 11);
        assert_eq!((found.status, found.points), (CheckStatus::Warning, 10));
        assert!(found.detail.contains("max_wal_size (1.00 GB)"), "{}", found.detail);
        assert_eq!(
            found.fix_sql.as_deref(),
            Some("ALTER SYSTEM SET max_wal_size = '2048MB';\nSELECT pg_reload_conf();")
        );
    }

    #[test]
    fn few_checkpoints_say_nothing() {
        assert_eq!((of(0, 9).status, of(0, 9).value), (CheckStatus::Skipped, None));
        assert_eq!(of(3, 9).status, CheckStatus::Ok, "ten of the kind are the least");
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_no_accident() {
        let found = verdict(i64::MAX, i64::MAX, "ever", Some(i64::MAX));
        assert_eq!((found.value, found.fix_sql), (Some(1.0), None));
        assert_eq!(since(Some(f64::MAX)), "since the counters began");
    }
}
