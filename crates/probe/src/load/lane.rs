//! A thread of its own for some of the sessions. On a runtime of one thread an answer needs no other thread to be woken,
//! and the dashboard's own requests are not in the way.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use common::load::LoadRequest;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use super::{
    alarm::Alarm,
    question::Question,
    schedule::Schedule,
    tally::{Counts, Tally},
    worker::Worker,
};
use crate::{Limits, Target};

/// After the end of a second, for what still happens in it.
const SETTLE: Duration = Duration::from_millis(20);

/// What all sessions of a test share.
pub(super) struct Test {
    pub(super) target: Target,
    pub(super) request: LoadRequest,
    pub(super) limits: Limits,
    pub(super) question: Question,
    /// `None`: a closed loop.
    pub(super) schedule: Option<Schedule>,
    /// How many may connect at the same time.
    pub(super) doors: Semaphore,
    pub(super) stop: CancellationToken,
    pub(super) start: watch::Receiver<Option<Instant>>,
}

impl Test {
    pub(super) fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.request.duration_s).unwrap_or_default()
    }

    /// When the clock was started; `None` when the test was stopped before.
    pub(super) async fn started(&self) -> Option<Instant> {
        let mut start = self.start.clone();
        let started = async { start.wait_for(Option::is_some).await.ok().and_then(|start| *start) };
        self.stop.run_until_cancelled(started).await.flatten()
    }
}

/// What a lane tells.
pub(super) enum FromLane {
    /// A session of those that open before the clock starts is there, or cannot be had.
    Opened { ok: bool },
    /// What happened in the seconds before `complete`.
    Seconds { lane: usize, complete: u32, seconds: Vec<(u32, Counts)> },
}

/// What the workers of one thread share.
pub(super) struct Lane {
    pub(super) test: Arc<Test>,
    pub(super) tally: Mutex<Tally>,
    /// Whoever holds it waits for the next request of the schedule.
    pub(super) alarm: tokio::sync::Mutex<Alarm>,
    tell: mpsc::UnboundedSender<FromLane>,
}

impl Lane {
    pub(super) fn tell(&self, what: FromLane) {
        // Nobody listens any more: then the test is being stopped.
        let _ = self.tell.send(what);
    }
}

/// Starts the lane `number` of `lanes`; it has every session whose number falls to it, and ends when they are closed.
pub(super) fn start(
    test: Arc<Test>,
    number: usize,
    lanes: usize,
    tell: mpsc::UnboundedSender<FromLane>,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name(format!("load-{number}"));
    thread.spawn(move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(test, number, lanes, tell)),
        Err(error) => tracing::error!(%error, "a thread of a load test could not start"),
    })?;
    Ok(())
}

async fn run(test: Arc<Test>, number: usize, lanes: usize, tell: mpsc::UnboundedSender<FromLane>) {
    let tally = Mutex::new(Tally::new(test.duration()));
    let alarm = tokio::sync::Mutex::new(Alarm::new());
    let lane = Arc::new(Lane { test, tally, alarm, tell });
    let mut workers = JoinSet::new();
    for session in (number as u32..lane.test.request.connections).step_by(lanes) {
        workers.spawn(Worker { lane: Arc::clone(&lane), number: session }.work());
    }
    let done = async { while workers.join_next().await.is_some() {} };
    tokio::select! {
        () = done => {}
        () = tell_every_second(&lane, number) => {}
    }
    let seconds = lane.tally.lock().unwrap_or_else(PoisonError::into_inner).take_all();
    lane.tell(FromLane::Seconds { lane: number, complete: u32::MAX, seconds });
}

async fn tell_every_second(lane: &Lane, number: usize) {
    let Some(start) = lane.test.started().await else { return std::future::pending().await };
    lane.tally.lock().unwrap_or_else(PoisonError::into_inner).begin(start);
    for second in 1.. {
        sleep_until((start + Duration::from_secs(second) + SETTLE).into()).await;
        let now = start + Duration::from_secs(second);
        let (complete, seconds) = lane.tally.lock().unwrap_or_else(PoisonError::into_inner).take_over(now);
        lane.tell(FromLane::Seconds { lane: number, complete, seconds });
    }
}
