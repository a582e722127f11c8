//! How many blocks came out of shared buffers instead of a read from the operating system. A low share means that
//! the working set does not fit, or that something reads whole tables.

use chrono::{DateTime, Utc};
use common::{
    Reason,
    health::{Check, CheckStatus, Threshold},
    units,
};

use super::About;
use crate::measured::{BlocksOver, Measured};

const ABOUT: About = About {
    id: "cache-hit-ratio",
    title: "Cache hit ratio",
    unit: "ratio",
    threshold: Threshold { warning: 0.95, critical: 0.90 },
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-SHARED-BUFFERS",
};

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

pub(super) fn check(measured: &Measured, now: DateTime<Utc>) -> Check {
    let Some(ratio) = measured.metrics.cache_hit_ratio else {
        let reason = measured.unavailable.get("cache_hit_ratio").cloned();
        return if measured.blocks_over == BlocksOver::Nothing {
            ABOUT.unavailable(&reason.unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED)), now)
        } else {
            let mut check = skipped(None, measured, now);
            check.unavailable.extend(reason.map(|reason| ("value".to_owned(), reason)));
            check
        };
    };
    if measured.blocks < ENOUGH_BLOCKS {
        return skipped(Some(ratio), measured, now);
    }
    let (status, points) = if ratio < ABOUT.threshold.critical {
        (CheckStatus::Critical, CRITICAL_POINTS)
    } else if ratio < ABOUT.threshold.warning {
        (CheckStatus::Warning, WARNING_POINTS)
    } else {
        (CheckStatus::Ok, 0)
    };
    let mut detail = format!(
        "{} % of {} blocks came out of the cache {}.",
        units::percent(ratio),
        units::thousands(measured.blocks),
        over(measured.blocks_over)
    );
    if status != CheckStatus::Ok {
        detail.push_str(
            " Look for statements that read whole tables (missing indexes), then consider a larger shared_buffers.",
        );
    }
    let mut check = ABOUT.check(status, Some(ratio), detail, now);
    check.points = points;
    check.fix_sql = (status != CheckStatus::Ok).then(|| FIX.to_owned());
    check
}

fn skipped(ratio: Option<f64>, measured: &Measured, now: DateTime<Utc>) -> Check {
    let detail = format!(
        "Too little traffic to say: {} blocks {}, and {} are the least that count.",
        units::thousands(measured.blocks),
        over(measured.blocks_over),
        units::thousands(ENOUGH_BLOCKS)
    );
    ABOUT.check(CheckStatus::Skipped, ratio, detail, now)
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
    use super::*;

    fn of(ratio: f64, blocks: i64, blocks_over: BlocksOver) -> Check {
        let mut measured = Measured { blocks, blocks_over, ..Measured::default() };
        measured.metrics.cache_hit_ratio = Some(ratio);
        check(&measured, Utc::now())
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
        let check = check(&measured, Utc::now());
        assert_eq!(check.status, CheckStatus::Unavailable);
        assert_eq!(check.fix_sql.as_deref(), Some("GRANT x;"));
    }
}
