//! What happened in each second. The workers of one thread share a tally, so that nobody waits for it; once a second the
//! seconds that are over are handed on to be added up.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::{TestError, TestErrorKind};

use super::times::Times;

/// What comes this short after the end was on its way: it belongs to the last second.
const STRAGGLING: Duration = Duration::from_millis(100);

/// One second, or several added up.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) sessions_failed: u64,
    pub(super) errors: BTreeMap<TestErrorKind, u64>,
    pub(super) first_error: Option<Box<TestError>>,
    /// When the last of it happened.
    pub(super) last: Option<Instant>,
    pub(super) latency: Times,
    pub(super) connect: Times,
    pub(super) lag: Times,
}

impl Counts {
    pub(super) fn add(&mut self, later: &Self) {
        self.succeeded += later.succeeded;
        self.failed += later.failed;
        self.sessions_failed += later.sessions_failed;
        for (kind, count) in &later.errors {
            *self.errors.entry(*kind).or_default() += count;
        }
        if self.first_error.is_none() {
            self.first_error.clone_from(&later.first_error);
        }
        self.last = self.last.max(later.last);
        self.latency.add(&later.latency);
        self.connect.add(&later.connect);
        self.lag.add(&later.lag);
    }

    pub(super) fn request_failed(&mut self, error: TestError) {
        self.failed += 1;
        self.count(error);
    }

    pub(super) fn session_failed(&mut self, error: TestError) {
        self.sessions_failed += 1;
        self.count(error);
    }

    fn count(&mut self, error: TestError) {
        *self.errors.entry(error.kind).or_default() += 1;
        self.first_error.get_or_insert_with(|| Box::new(error));
    }
}

/// The seconds of one thread's workers.
#[derive(Debug)]
pub(super) struct Tally {
    duration: Duration,
    start: Option<Instant>,
    second: u32,
    counts: Counts,
    over: Vec<(u32, Counts)>,
}

impl Tally {
    pub(super) fn new(duration: Duration) -> Self {
        Self { duration, start: None, second: 0, counts: Counts::default(), over: Vec::new() }
    }

    /// What was counted before belongs to the first second.
    pub(super) fn begin(&mut self, start: Instant) {
        self.start = Some(start);
    }

    /// Where to count what happened at `now`.
    pub(super) fn at(&mut self, now: Instant) -> &mut Counts {
        self.roll(now);
        self.counts.last = self.counts.last.max(Some(now));
        &mut self.counts
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = self.start.map_or(Duration::ZERO, |start| now.saturating_duration_since(start));
        let second = if elapsed >= self.duration && elapsed - self.duration < STRAGGLING {
            self.duration.as_secs_f64().ceil() as u32 - 1
        } else {
            elapsed.as_secs() as u32
        };
        if second > self.second {
            let counts = std::mem::take(&mut self.counts);
            self.over.push((self.second, counts));
            self.second = second;
        }
    }

    /// The seconds that were over at `now`, and the one before which all are.
    pub(super) fn take_over(&mut self, now: Instant) -> (u32, Vec<(u32, Counts)>) {
        self.roll(now);
        (self.second, std::mem::take(&mut self.over))
    }

    /// All that is left.
    pub(super) fn take_all(&mut self) -> Vec<(u32, Counts)> {
        let mut all = std::mem::take(&mut self.over);
        all.push((self.second, std::mem::take(&mut self.counts)));
        all
    }
}

#[cfg(test)]
mod tests {
    use common::Phase;

    use super::*;

    fn error(kind: TestErrorKind) -> TestError {
        TestError { kind, phase: Phase::Query, message: "m".to_owned(), hint: "h".to_owned(), sqlstate: None }
    }

    fn seconds(over: &[(u32, Counts)]) -> Vec<(u32, u64)> {
        over.iter().map(|(second, counts)| (*second, counts.succeeded)).collect()
    }

    #[test]
    fn each_answer_counts_in_the_second_in_which_it_came() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut tally = Tally::new(Duration::from_secs(3));
        tally.at(start).connect.record(Duration::from_millis(1));
        tally.begin(start);
        for ms in [0, 999, 1000, 2500] {
            tally.at(at(ms)).succeeded += 1;
        }
        let (complete, over) = tally.take_over(at(3000));
        assert_eq!((complete, seconds(&over)), (2, vec![(0, 2), (1, 1)]));
        // A straggler, and one that was waited for.
        tally.at(at(3050)).succeeded += 1;
        tally.at(at(4200)).succeeded += 1;
        assert_eq!(seconds(&tally.take_all()), [(2, 2), (4, 1)]);
    }

    #[test]
    fn errors_add_up_by_kind_and_the_first_is_kept() {
        let (mut one, mut other) = (Counts::default(), Counts::default());
        one.request_failed(error(TestErrorKind::Timeout));
        other.request_failed(error(TestErrorKind::Protocol));
        other.session_failed(error(TestErrorKind::Timeout));
        one.add(&other);
        assert_eq!((one.failed, one.sessions_failed), (2, 1));
        assert_eq!(one.errors, BTreeMap::from([(TestErrorKind::Timeout, 2), (TestErrorKind::Protocol, 1)]));
        assert_eq!(one.first_error.map(|error| error.kind), Some(TestErrorKind::Timeout));
    }
}
