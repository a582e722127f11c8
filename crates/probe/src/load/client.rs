//! Whether this machine, and not the server, was the limit of a load test.

use std::time::Duration;

use common::load::LoadClient;

use super::times::Times;

/// From here on there is hardly a core left to ask faster with.
const BUSY_RATIO: f64 = 0.8;
/// What is later than this was not sent on time.
const LATE_MS: f64 = 1.0;

/// The processor time of this process so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct CpuTime(Option<Duration>);

impl CpuTime {
    #[cfg(unix)]
    pub(super) fn now() -> Self {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Self(Duration::try_from(spent).ok())
    }

    #[cfg(not(unix))]
    pub(super) fn now() -> Self {
        Self(None)
    }

    /// What was spent since, over `elapsed` on all cores that this process may use.
    pub(super) fn ratio(self, now: Self, elapsed: Duration) -> Option<f64> {
        let spent = now.0?.checked_sub(self.0?)?;
        let cores = std::thread::available_parallelism().ok()?.get() as f64;
        let ratio = spent.as_secs_f64() / (elapsed.as_secs_f64() * cores);
        ratio.is_finite().then(|| (ratio * 1000.0).round() / 1000.0)
    }
}

/// `lag`: how late requests were sent although a session was free; `latency` counts it in.
pub(super) fn judge(cpu_ratio: Option<f64>, lag: &Times, latency: &Times) -> LoadClient {
    let lag_p99_ms = lag.quantile_ms(0.99);
    let busy = cpu_ratio.is_some_and(|ratio| ratio >= BUSY_RATIO);
    let late = match (lag_p99_ms, latency.quantile_ms(0.99)) {
        (Some(lag), Some(latency)) => lag >= LATE_MS && lag >= latency / 2.0,
        _ => false,
    };
    let detail = match (busy, late) {
        (true, _) => Some(format!(
            "The dashboard used {:.0} % of the processors of its machine: another machine may get more out of the server.",
            cpu_ratio.unwrap_or_default() * 100.0
        )),
        (false, true) => Some(format!(
            "Requests were sent up to {:.1} ms late (99 %) although sessions were free: this machine was too busy to keep \
             the schedule, and latencies count that in.",
            lag_p99_ms.unwrap_or_default()
        )),
        (false, false) => None,
    };
    LoadClient { cpu_ratio, lag_p99_ms, limited: busy || late, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ms: u64) -> Times {
        let mut times = Times::default();
        times.record(Duration::from_millis(ms));
        times
    }

    #[test]
    fn a_machine_without_a_free_core_is_the_limit() {
        let told = judge(Some(0.93), &Times::default(), &times(1));
        assert!(told.limited && told.detail.is_some_and(|detail| detail.contains("93 %")));
        let told = judge(Some(0.5), &Times::default(), &times(1));
        assert_eq!((told.limited, told.detail), (false, None));
        assert!(!judge(None, &Times::default(), &Times::default()).limited);
    }

    #[test]
    fn who_sends_late_is_the_limit_unless_the_server_is_slower_still() {
        assert!(judge(None, &times(3), &times(4)).limited);
        assert!(!judge(None, &times(3), &times(900)).limited);
    }

    #[cfg(unix)]
    #[test]
    fn processor_time_grows_with_work() {
        let before = CpuTime::now();
        let mut sum = 0_u64;
        while CpuTime::now().0 <= before.0 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let ratio = before.ratio(CpuTime::now(), Duration::from_nanos(1)).unwrap();
        assert!(ratio > 0.0, "{ratio}");
    }
}
