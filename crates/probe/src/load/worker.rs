//! One session's work: ask, count, and come back when the session breaks.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use super::{
    lane::{FromLane, Lane},
    line::{Line, Waited, Watch},
    schedule::{Claim, opens_after},
    tally::Tally,
};
use crate::words;

/// Before the second attempt to open a session again, at most; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Worker {
    pub(super) lane: Arc<Lane>,
    pub(super) number: u32,
}

/// When the test began, and when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: Instant,
    /// No closed-loop request begins after it, and none of the schedule is due after it.
    end: Instant,
    /// Nothing is waited for after it.
    last: Instant,
}

/// Why a session is left.
enum Left {
    /// All is asked and answered.
    Done,
    /// Nothing is on its way, and nothing shall be.
    Stopped,
    /// A request is on its way: the test was stopped, …
    StoppedAsking,
    /// … or it took too long.
    Late,
    Broken,
}

/// A request that may be sent.
struct Turn<'a> {
    /// When it was due, and its place in the schedule; `None` in a closed loop.
    due: Option<(Instant, Claim<'a>)>,
    /// It was waited for: whatever it is late by is this machine's doing.
    on_time: bool,
}

impl Worker {
    pub(super) async fn work(self) {
        let lane = &*self.lane;
        let mut watch = Watch::new(&lane.test.stop);
        let first = opens_after(&lane.test.request, self.number).is_zero();
        // Those without a wait open before the clock starts: requests measure requests, not the rush at the door.
        let mut line = if first { self.open().await } else { None };
        if first {
            lane.tell(FromLane::Opened { ok: line.is_some() });
        }
        if let Some(open) = &mut line
            && matches!(open.idle(&mut watch, lane.test.started()).await, Waited::Broken)
        {
            self.tally().at(Instant::now()).session_failed(open.why_it_ended());
            line = None;
        }
        let Some(start) = lane.test.started().await else {
            if let Some(line) = line {
                line.hang_up().await;
            }
            return;
        };
        let span = self.span(start);
        if !first {
            self.pause(start + opens_after(&lane.test.request, self.number)).await;
        }
        let mut attempts = u32::from(first && line.is_none());
        while let Some(mut open) = self.open_again(line.take(), &mut attempts, span).await {
            match Box::pin(self.serve(&mut open, &mut watch, span)).await {
                Left::Done | Left::Stopped => return open.hang_up().await,
                Left::StoppedAsking => return open.abandon(&lane.test.question).await,
                Left::Late => open.abandon(&lane.test.question).await,
                Left::Broken => {}
            }
        }
    }

    fn span(&self, start: Instant) -> Span {
        let test = &self.lane.test;
        let end = start + test.duration();
        Span { start, end, last: end + test.limits.load_drain }
    }

    /// Asks until there is nothing more to ask, or the session is good for nothing.
    async fn serve(&self, line: &mut Line<'_>, watch: &mut Watch, span: Span) -> Left {
        let test = &self.lane.test;
        loop {
            let Turn { due, on_time } = match line.idle(watch, self.next_turn(span)).await {
                Waited::For(Some(turn)) => turn,
                Waited::For(None) => return Left::Done,
                Waited::Broken => {
                    self.tally().at(Instant::now()).session_failed(line.why_it_ended());
                    return Left::Broken;
                }
                Waited::Late | Waited::Stopped => return Left::Stopped,
            };
            let sent = Instant::now();
            let since = match due {
                None => sent,
                Some((due, claim)) => {
                    claim.take();
                    if on_time {
                        self.tally().at(sent).lag.record(sent.saturating_duration_since(due));
                    }
                    due
                }
            };
            let limit = span.last.min(sent + test.limits.load_request);
            match line.ask(&test.question, watch, limit).await {
                Waited::For(asked) => {
                    match &asked.outcome {
                        Ok(()) => {
                            let mut tally = self.tally();
                            let counts = tally.at(asked.at);
                            counts.succeeded += 1;
                            counts.latency.record(asked.at.saturating_duration_since(since));
                        }
                        Err(error) => self.tally().at(asked.at).request_failed(line.failure(error)),
                    }
                    if !asked.usable {
                        return Left::Broken;
                    }
                }
                Waited::Broken => {
                    self.tally().at(Instant::now()).request_failed(line.why_it_ended());
                    return Left::Broken;
                }
                Waited::Late => {
                    self.tally().at(Instant::now()).request_failed(words::load_timeout(&line.scene()));
                    return Left::Late;
                }
                Waited::Stopped => return Left::StoppedAsking,
            }
        }
    }

    /// Waits for the next request. In an open loop the workers of a thread wait in line: the first holds the next request
    /// of the schedule until it is due; when all are busy, requests wait.
    async fn next_turn(&self, span: Span) -> Option<Turn<'_>> {
        let Some(schedule) = &self.lane.test.schedule else {
            return (Instant::now() < span.end).then_some(Turn { due: None, on_time: true });
        };
        let alarm = self.lane.alarm.lock().await;
        let claim = schedule.claim()?;
        let due = span.start + claim.due();
        let on_time = Instant::now() < due;
        if on_time {
            alarm.wait_until(due).await;
        }
        Some(Turn { due: Some((due, claim)), on_time })
    }

    /// The session that is there, or a new one as soon as there can be one. `None`: the test is over.
    async fn open_again<'l>(
        &'l self,
        there: Option<Line<'l>>,
        attempts: &mut u32,
        span: Span,
    ) -> Option<Line<'l>> {
        let test = &self.lane.test;
        if there.is_some() {
            return there;
        }
        loop {
            if *attempts > 0 {
                self.pause(Instant::now() + backoff(*attempts)).await;
            }
            let more = match &test.schedule {
                Some(schedule) => Instant::now() < span.last && schedule.left() > 0,
                None => Instant::now() < span.end,
            };
            if test.stop.is_cancelled() || !more {
                return None;
            }
            if let Some(line) = self.open().await {
                *attempts = 0;
                return Some(line);
            }
            *attempts = attempts.saturating_add(1);
        }
    }

    /// One attempt, counted.
    async fn open(&self) -> Option<Line<'_>> {
        let test = &self.lane.test;
        let opening = async {
            // A server is not stormed: connecting is measured, not how long many stand at the door.
            let _place = test.doors.acquire().await.ok()?;
            let since = Instant::now();
            let deadline = since + test.limits.connect;
            let opened = Box::pin(Line::open(&test.target, &test.limits, deadline)).await;
            let now = Instant::now();
            let opened = match opened {
                Ok(mut line) => {
                    self.tally().at(now).connect.record(now - since);
                    line.prepare(&test.question, deadline).await.map(|()| line)
                }
                Err(error) => Err(error),
            };
            opened.map_err(|error| self.tally().at(Instant::now()).session_failed(*error)).ok()
        };
        // Who stops the test does not wait for a server that does not let anybody in.
        test.stop.run_until_cancelled(Box::pin(opening)).await.flatten()
    }

    async fn pause(&self, until: Instant) {
        self.lane.test.stop.run_until_cancelled(sleep_until(until.into())).await;
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.lane.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Anything up to the bound ("full jitter"): those who lost their sessions together do not come back together.
fn backoff(attempts: u32) -> Duration {
    let bound =
        FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST_PAUSE);
    let random = RandomState::new().hash_one(attempts);
    bound.mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        for (attempts, most) in [(1, 100), (2, 200), (3, 400), (6, 2000), (u32::MAX, 2000)] {
            let pauses: Vec<Duration> = (0..20).map(|_| backoff(attempts)).collect();
            assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(most)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
