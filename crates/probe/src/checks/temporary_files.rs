//! How much is written to temporary files: sorts, hashes and materialised results that did not fit into `work_mem`.

use common::{Reason, health::Threshold, units};

use super::{Ask, Check, Context, Verdict, interval::over_the_interval};

const GB: f64 = 1024.0 * 1024.0 * 1024.0;
const HOUR_S: f64 = 3600.0;

/// 1 GB an hour is a daily 24 GB that memory could have spared; 10 GB an hour (3 MB/s without a pause) competes with
/// the tables for the disk.
pub(super) const LIMITS: Threshold = Threshold { warning: GB / HOUR_S, critical: 10.0 * GB / HOUR_S };

/// Over a short interval one report that sorts on disk is a high rate: it takes this much to say anything.
pub(super) const LEAST: Threshold = Threshold { warning: 0.1 * GB, critical: GB };

const POINTS: (u8, u8) = (10, 20);

pub(super) const CHECK: Check = Check {
    id: "temporary-files",
    title: "Temporary files",
    unit: "bytes_per_s",
    threshold: Some(LIMITS),
    why: "What does not fit into work_mem is written to disk and read back: slower than in memory, and it fills the disk.",
    docs_url: "https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-WORK-MEM",
    ask: |_| Ask::Nothing,
    judge: |_, context| judge(context),
};

/// From now on the log names each statement that writes much.
const FIX: &str = "\
ALTER SYSTEM SET log_temp_files = '10MB';
SELECT pg_reload_conf();";

fn judge(context: &Context<'_>) -> Result<Verdict, Reason> {
    let rate = context.measured.metrics.temp_bytes_per_s;
    let (limits, least) = (context.thresholds.temporary_bytes_per_s, context.thresholds.temporary_bytes);
    over_the_interval(context.measured, "temp_bytes_per_s", rate, |rate, seconds| {
        verdict(rate, seconds, limits, least)
    })
}

fn verdict(rate: f64, seconds: f64, limits: Threshold, least: Threshold) -> Verdict {
    let written = rate * seconds;
    // Below the least that counts a rate is judged as if it were just short of the limit.
    let counts = match written {
        written if written >= least.critical => rate,
        written if written >= least.warning => rate.min(limits.critical.next_down()),
        _ => rate.min(limits.warning.next_down()),
    };
    let mut detail = if written > 0.0 {
        format!("{} in the last {}", units::bytes(written as i64), units::span(seconds))
    } else {
        format!("Nothing was written to temporary files in the last {}", units::span(seconds))
    };
    if written > 0.0 {
        detail.push_str(&format!(": {} an hour", units::bytes((rate * HOUR_S) as i64)));
    }
    detail.push('.');
    let verdict = Verdict { value: Some(rate), ..Verdict::by(limits, POINTS, counts, detail) };
    if !verdict.is_finding() {
        return verdict;
    }
    let advice = " Find the statements (log_temp_files, or the Queries tab by temporary blocks); give them an index to \
                  read in order by, or their role a larger work_mem.";
    Verdict { detail: verdict.detail.clone() + advice, ..verdict }.with_fix(FIX)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn of(gb_an_hour: f64, seconds: f64) -> Verdict {
        verdict(gb_an_hour * GB / HOUR_S, seconds, LIMITS, LEAST)
    }

    #[test]
    fn the_limits_are_1_and_10_gb_an_hour() {
        assert_eq!(of(0.0, 3600.0).status, CheckStatus::Ok);
        assert_eq!(of(0.9, 3600.0).status, CheckStatus::Ok);
        assert_eq!((of(1.1, 3600.0).status, of(1.1, 3600.0).points), (CheckStatus::Warning, 10));
        assert_eq!((of(10.1, 3600.0).status, of(10.1, 3600.0).points), (CheckStatus::Critical, 20));
        assert!(of(10.1, 3600.0).detail.contains("10.1 GB an hour"), "{}", of(10.1, 3600.0).detail);
    }

    #[test]
    fn one_sort_in_a_short_interval_is_no_finding() {
        let sort = of(20.0, 10.0);
        assert_eq!(sort.status, CheckStatus::Ok, "57 MB in 10 s");
        assert!(sort.value.unwrap() > LIMITS.critical, "the rate is shown as it is");
        assert_eq!(of(20.0, 60.0).status, CheckStatus::Warning, "341 MB in a minute");
    }
}
