//! Adding up what the lanes tell, second by second.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use common::{
    Reason, TestError, Unavailable,
    load::{DEFAULT_STATEMENT, LoadLatency, LoadReport, LoadRequest, LoadSecond},
};

use super::{
    LoadAdmission,
    client::{self, CpuTime},
    tally::Counts,
};
use crate::Target;

/// A report that grows.
pub(super) struct Sum<'a> {
    target: &'a Target,
    request: &'a LoadRequest,
    admission: LoadAdmission,
    started_at: DateTime<Utc>,
    start: Option<(Instant, CpuTime)>,
    total: Counts,
    timeline: Vec<LoadSecond>,
    /// Seconds that some lane may still add to.
    open: BTreeMap<u32, Counts>,
    /// Before which second each lane has told everything.
    complete: Vec<u32>,
}

impl<'a> Sum<'a> {
    pub(super) fn new(
        target: &'a Target,
        request: &'a LoadRequest,
        admission: LoadAdmission,
        lanes: usize,
    ) -> Self {
        Self {
            target,
            request,
            admission,
            started_at: common::time::whole_micros(Utc::now()),
            start: None,
            total: Counts::default(),
            timeline: Vec::new(),
            open: BTreeMap::new(),
            complete: vec![0; lanes],
        }
    }

    /// The clock starts.
    pub(super) fn begin(&mut self, start: Instant) {
        self.started_at = common::time::whole_micros(Utc::now());
        self.start = Some((start, CpuTime::now()));
    }

    /// What a lane told; whether a second has become complete by it.
    pub(super) fn take(&mut self, lane: usize, complete: u32, seconds: Vec<(u32, Counts)>) -> bool {
        for (second, counts) in seconds {
            self.open.entry(second).or_default().add(&counts);
        }
        if let Some(known) = self.complete.get_mut(lane) {
            *known = complete;
        }
        let complete = self.complete.iter().copied().min().unwrap_or_default();
        let before = self.timeline.len();
        while self.open.keys().next().is_some_and(|second| *second < complete) {
            self.close_first();
        }
        // A second in which nothing happened is one as well.
        while complete < u32::MAX && self.timeline.len() < complete as usize {
            self.close(self.timeline.len() as u32, &Counts::default());
        }
        self.timeline.len() > before
    }

    /// Requests that fell due and that nobody could send: all sessions were busy, or gone.
    pub(super) fn never_sent(&mut self, count: u64, error: TestError) {
        if count == 0 {
            return;
        }
        let mut counts = Counts::default();
        let kind = error.kind;
        counts.request_failed(error);
        counts.failed = count;
        counts.errors.insert(kind, count);
        self.total.add(&counts);
        if let Some(last) = self.timeline.last_mut() {
            last.requests += count;
            last.failed += count;
        }
    }

    /// How long the test took that was to take `duration`: answers may have been waited for at its end.
    pub(super) fn ended_after(&self, duration: Duration) -> Duration {
        let last = self.open.values().filter_map(|counts| counts.last).max().max(self.total.last);
        let answered = self.start.zip(last).map(|((start, _), last)| last.saturating_duration_since(start));
        answered.unwrap_or_default().max(duration)
    }

    /// The report as far as it has come, at the end of the last complete second.
    pub(super) fn so_far(&self) -> LoadReport {
        self.report(Duration::from_secs(self.timeline.len() as u64), false)
    }

    /// Nobody tells any more; the test took `elapsed`.
    pub(super) fn finish(&mut self, elapsed: Duration) {
        while !self.open.is_empty() {
            self.close_first();
        }
        // Of a test that ended early or whose end nobody answered.
        let whole = elapsed.as_secs_f64().min(self.request.duration_s).floor() as u32;
        while (self.timeline.len() as u32) < whole {
            self.close(self.timeline.len() as u32, &Counts::default());
        }
    }

    fn close_first(&mut self) {
        if let Some((second, counts)) = self.open.pop_first() {
            while (self.timeline.len() as u32) < second {
                self.close(self.timeline.len() as u32, &Counts::default());
            }
            self.close(second, &counts);
        }
    }

    fn close(&mut self, second: u32, counts: &Counts) {
        self.total.add(counts);
        let asked = LoadSecond {
            second,
            requests: counts.succeeded + counts.failed,
            failed: counts.failed,
            p50_ms: counts.latency.quantile_ms(0.5),
            p99_ms: counts.latency.quantile_ms(0.99),
        };
        self.timeline.push(asked);
    }

    pub(super) fn report(&self, elapsed: Duration, cancelled: bool) -> LoadReport {
        let Counts {
            succeeded,
            failed,
            sessions_failed,
            errors,
            first_error,
            last: _,
            latency,
            connect,
            lag,
        } = &self.total;
        let duration_s = elapsed.as_secs_f64();
        let cpu_ratio = self.start.and_then(|(start, cpu)| cpu.ratio(CpuTime::now(), start.elapsed()));
        let client = client::judge(cpu_ratio, lag, latency);
        let mut unavailable = Unavailable::new();
        let mut missing = |is: bool, what: &str, why: &str| {
            if is {
                unavailable.insert(what.to_owned(), Reason::new(why));
            }
        };
        let (latency, connect) = (latency.summary(), connect.summary());
        missing(latency == LoadLatency::default(), "latency", "no request succeeded");
        missing(connect == LoadLatency::default(), "connect", "no session was opened");
        missing(client.cpu_ratio.is_none(), "client.cpu_ratio", "not_reported");
        let why_no_lag = if self.request.rate_per_s.is_some() { "not_measured" } else { "not_needed" };
        missing(client.lag_p99_ms.is_none(), "client.lag_p99_ms", why_no_lag);
        LoadReport {
            connection_id: self.target.connection_id,
            started_at: self.started_at,
            mode: self.request.mode(),
            connections: self.request.connections,
            rate_per_s: self.request.rate_per_s,
            ramp_s: self.request.ramp_s,
            statement: self.request.statement.clone().unwrap_or_else(|| DEFAULT_STATEMENT.to_owned()),
            pooler: self.admission.pooler,
            duration_s: (duration_s * 1000.0).round() / 1000.0,
            requests: succeeded + failed,
            succeeded: *succeeded,
            failed: *failed,
            sessions_failed: *sessions_failed,
            errors: errors.clone(),
            error: first_error.as_deref().cloned(),
            throughput_per_s: per_second(*succeeded, duration_s),
            latency,
            connect,
            timeline: self.timeline.clone(),
            client,
            cancelled,
            unavailable,
        }
    }
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { (count as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
}
