//! How many blocks came out of shared buffers instead of a read from the operating system. A low share means that
//! the working set does not fit, or that something reads whole tables.

use chrono::DateTime;
use common::{Reason, units};

use super::{Ask, Check, Verdict, check::limits};
use crate::measured::{BlocksOver, Measured};

pub(super) const CHECK: Check = Check {
    id: "cache-hit-ratio",
    title: "Cache hit ratio",
    unit: "ratio",
    threshold: limits(WARNING, CRITICAL),
    why: "A block that is not in shared buffers has to be read from the operating system: hundreds of times slower where \
          that reads from a disk.",
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-SHARED-BUFFERS",
    ask: |_| Ask::Nothing,
    judge: |_, context| verdict(context.measured),
};

const WARNING: f64 = 0.95;
const CRITICAL: f64 = 0.90;
const WARNING_POINTS: u8 = 10;
const CRITICAL_POINTS: u8 = 25;

/// Fewer blocks than this say nothing: one cold query would be an alarm.
const ENOUGH_BLOCKS: i64 = 10_000;

/// Which tables are read from outside the cache.
const FIX: &str = "\
SELECT schemaname, relname, heap_blks_read, heap_blks_hit
  FROM pg_statio_user_tables
 ORDER BY heap_blks_read DESC
 LIMIT 10;";

fn verdict(measured: &Measured) -> Result<Verdict, Reason> {
    let Some(ratio) = measured.metrics.cache_hit_ratio else {
        let reason = measured.unavailable.get("cache_hit_ratio").cloned();
        if measured.blocks_over == BlocksOver::Nothing {
            return Err(reason.unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED)));
        }
        return Ok(Verdict { no_value: reason, ..skipped(measured) });
    };
    if measured.blocks < ENOUGH_BLOCKS {
        return Ok(Verdict { value: Some(ratio), ..skipped(measured) });
    }
    let mut detail = format!(
        "{} % of {} blocks came out of the cache {}.",
        units::percent(ratio),
        units::thousands(measured.blocks),
        over(measured.blocks_over)
    );
    if ratio >= WARNING {
        return Ok(Verdict::ok(ratio, detail));
    }
    detail.push_str(
        " Look for statements that read whole tables (missing indexes), then consider a larger shared_buffers.",
    );
    Ok(if ratio < CRITICAL {
        Verdict::critical(CRITICAL_POINTS, ratio, detail).with_fix(FIX)
    } else {
        Verdict::warning(WARNING_POINTS, ratio, detail).with_fix(FIX)
    })
}

fn skipped(measured: &Measured) -> Verdict {
    Verdict::skipped(format!(
        "Too little traffic to say: {} blocks {}, and {} are the least that count.",
        units::thousands(measured.blocks),
        over(measured.blocks_over),
        units::thousands(ENOUGH_BLOCKS)
    ))
}

fn over(blocks: BlocksOver) -> String {
    match blocks {
        BlocksOver::Interval(seconds) if seconds < 60.0 => {
            format!("in the last {} s", units::figures(seconds))
        }
        BlocksOver::Interval(seconds) => format!("in the last {}", units::span(seconds)),
        BlocksOver::Ever(Some(reset_s)) => {
            let day = DateTime::from_timestamp(reset_s as i64, 0)
                .map(|t| t.format("%Y-%m-%d %H:%M UTC").to_string());
            format!(
                "since the counters were reset ({}), as this is the first reading",
                day.unwrap_or_default()
            )
        }
        BlocksOver::Ever(None) => "since the counters began, as this is the first reading".to_owned(),
        BlocksOver::Nothing => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn of(ratio: f64, blocks: i64, blocks_over: BlocksOver) -> Verdict {
        let mut measured = Measured { blocks, blocks_over, ..Measured::default() };
        measured.metrics.cache_hit_ratio = Some(ratio);
        verdict(&measured).unwrap()
    }

    #[test]
    fn the_limits_are_95_and_90_per_cent() {
        let minute = BlocksOver::Interval(60.0);
        assert_eq!(of(0.95, 10_000, minute).status, CheckStatus::Ok);
        assert_eq!(of(0.949, 10_000, minute).status, CheckStatus::Warning);
        assert_eq!(of(0.90, 10_000, minute).status, CheckStatus::Warning);
        assert_eq!(of(0.899, 10_000, minute).status, CheckStatus::Critical);
        assert_eq!(of(0.5, 10_000, minute).points, 25);
    }

    #[test]
    fn too_little_traffic_is_no_verdict() {
        let check = of(0.1, 9_999, BlocksOver::Interval(60.0));
        assert_eq!((check.status, check.points), (CheckStatus::Skipped, 0));
        assert!(check.detail.starts_with("Too little traffic to say"), "{}", check.detail);
    }

    #[test]
    fn a_first_reading_says_that_it_is_over_all_time() {
        assert!(of(0.99, 50_000, BlocksOver::Ever(None)).detail.contains("first reading"));
        assert!(of(0.99, 50_000, BlocksOver::Ever(Some(1_700_000_000.0))).detail.contains("2023-11-14"));
    }

    #[test]
    fn what_could_not_be_read_is_unavailable_with_its_reason() {
        let mut measured = Measured::default();
        measured
            .unavailable
            .insert("cache_hit_ratio".to_owned(), Reason::with_fix("no_privilege", "GRANT x;"));
        let reason = verdict(&measured).unwrap_err();
        assert_eq!(reason.fix_sql.as_deref(), Some("GRANT x;"));
    }
}
