//! How much write-ahead log is written: what replication has to carry, the archive has to keep, and a crash to replay.

use common::{Reason, units};

use super::{Ask, Check, Context, Verdict, interval::over_the_interval};

pub(super) const CHECK: Check = Check {
    id: "wal-rate",
    title: "Write-ahead log written",
    unit: "bytes_per_s",
    threshold: None,
    why: "Every byte of it is written, sent to each standby, kept in the archive, and replayed after a crash.",
    docs_url: "https://www.postgresql.org/docs/current/wal-intro.html",
    ask: |_| Ask::Nothing,
    judge: |_, context| judge(context),
};

fn judge(context: &Context<'_>) -> Result<Verdict, Reason> {
    let rate = context.measured.metrics.wal_bytes_per_s;
    let standby = context.known.is_standby();
    over_the_interval(context.measured, "wal_bytes_per_s", rate, |rate, seconds| {
        verdict(rate, seconds, standby)
    })
}

fn verdict(rate: f64, seconds: f64, standby: bool) -> Verdict {
    let detail = format!(
        "{} {} in the last {}: {} a day at this rate.",
        units::bytes((rate * seconds) as i64),
        if standby { "replayed" } else { "written" },
        units::span(seconds),
        units::bytes((rate * 86_400.0) as i64)
    );
    Verdict::ok(rate, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_shown_and_never_judged() {
        let shown = verdict(1_048_576.0, 60.0, false);
        assert!(!shown.is_finding());
        assert_eq!(shown.value, Some(1_048_576.0));
        assert_eq!(shown.detail, "60.0 MB written in the last 1 min: 84.4 GB a day at this rate.");
        assert!(!verdict(f64::MAX, 60.0, true).is_finding());
    }
}
