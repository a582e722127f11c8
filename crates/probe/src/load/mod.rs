//! The load test: how fast a database answers when it is asked as much as somebody wants.
//!
//! *Closed loop*: each session asks again as soon as it has its answer; a slow server is asked less. *Open loop*, when a
//! rate is given: requests fall due by a schedule that nothing can delay, and latency counts from when a request was due.
//! A server that stalls for a second shows with all the requests that had to wait, as its users would see it (no
//! "coordinated omission").
//!
//! It asks the target first what it has to give ([`admission`]), and leaves nothing behind: every session is closed before
//! the report is there, and what a session still runs is cancelled.

mod admission;
mod alarm;
mod client;
mod lane;
mod line;
mod question;
mod report;
mod schedule;
mod tally;
mod times;
mod worker;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::load::{LoadReport, LoadRequest};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use self::admission::ask as admission;
pub use self::admission::{BeyondTheDatabase, LoadAdmission, LoadRefusal, SessionLimit};
use self::{
    lane::{FromLane, Test},
    question::Question,
    report::Sum,
    schedule::Schedule,
};
use crate::{
    Limits, Target,
    words::{self, Scene},
};

/// How many sessions may be connecting at the same time.
const CONNECTING: usize = 8;
/// How often the limit of a connect may pass before the clock starts without those who are not there yet.
const OPENING_LIMITS: u32 = 3;

/// Runs the test. `progress` is called after each second; when `stop` is cancelled the report is what was measured until
/// then.
pub(crate) async fn run(
    target: &Target,
    request: &LoadRequest,
    admitted: LoadAdmission,
    limits: &Limits,
    stop: &CancellationToken,
    progress: impl FnMut(LoadReport) + Send,
) -> LoadReport {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let lanes = cores.min(request.connections as usize).max(1);
    let mut sum = Sum::new(target, request, admitted, lanes);
    let (start, started) = watch::channel(None);
    // Also when nobody waits for this any more: threads do not end by themselves.
    let ending = stop.child_token();
    let _end = ending.clone().drop_guard();
    let test = Arc::new(Test {
        target: target.clone(),
        request: request.clone(),
        limits: limits.clone(),
        question: Question::new(request.statement.as_deref(), admitted.pooler, limits),
        schedule: Schedule::new(request),
        doors: Semaphore::new(CONNECTING),
        stop: ending.clone(),
        start: started,
    });
    let (tell, mut told) = mpsc::unbounded_channel();
    for lane in 0..lanes {
        if let Err(error) = lane::start(Arc::clone(&test), lane, lanes, tell.clone()) {
            tracing::error!(%error, "a thread of a load test could not start");
            ending.cancel();
        }
    }
    drop(tell);

    if !opened(&test, &mut told, &mut sum).await || stop.is_cancelled() {
        ending.cancel();
        // Until every session that is there is closed.
        while let Some(what) = told.recv().await {
            if let FromLane::Seconds { lane, complete, seconds } = what {
                sum.take(lane, complete, seconds);
            }
        }
        sum.finish(Duration::ZERO);
        return sum.report(Duration::ZERO, stop.is_cancelled());
    }
    let began = Instant::now();
    sum.begin(began);
    start.send_replace(Some(began));
    let stopped = listen(&mut told, stop, began, &mut sum, progress).await;
    let elapsed = stopped.unwrap_or_else(|| sum.ended_after(test.duration()));
    sum.finish(elapsed);
    if let (Some(schedule), None) = (&test.schedule, stopped) {
        sum.never_sent(schedule.left(), words::load_timeout(&Scene::new(target, limits, false)));
    }
    sum.report(elapsed, stopped.is_some())
}

/// Adds up what the lanes tell until all have ended. After how long the test was stopped, if it was.
async fn listen(
    told: &mut mpsc::UnboundedReceiver<FromLane>,
    stop: &CancellationToken,
    began: Instant,
    sum: &mut Sum<'_>,
    mut progress: impl FnMut(LoadReport) + Send,
) -> Option<Duration> {
    let mut stopped = None;
    loop {
        let what = tokio::select! {
            // Lanes end because of it: looked at later, their end would pass for that of a test that ran as long as asked.
            biased;
            () = stop.cancelled(), if stopped.is_none() => {
                stopped = Some(began.elapsed());
                continue;
            }
            what = told.recv() => what,
        };
        match what {
            Some(FromLane::Seconds { lane, complete, seconds }) => {
                if sum.take(lane, complete, seconds) && stopped.is_none() && complete < u32::MAX {
                    progress(sum.so_far());
                }
            }
            Some(FromLane::Opened { .. }) => {}
            None => return stopped,
        }
    }
}

/// Waits until those who open before the clock starts are there. Whether anybody is.
async fn opened(test: &Test, told: &mut mpsc::UnboundedReceiver<FromLane>, sum: &mut Sum<'_>) -> bool {
    let request = &test.request;
    let expected = (0..request.connections)
        .take_while(|number| schedule::opens_after(request, *number).is_zero())
        .count();
    let (mut there, mut answered) = (0, 0);
    let wait = async {
        while answered < expected {
            match told.recv().await {
                Some(FromLane::Opened { ok }) => {
                    answered += 1;
                    there += usize::from(ok);
                }
                Some(FromLane::Seconds { lane, complete, seconds }) => {
                    sum.take(lane, complete, seconds);
                }
                None => return,
            }
        }
    };
    let _late = tokio::time::timeout(test.limits.connect * OPENING_LIMITS, wait).await;
    there > 0
}

#[cfg(test)]
mod tests {
    use common::{ConnectionId, SslMode};

    use super::*;

    #[tokio::test]
    async fn a_test_whose_sessions_end_at_once_when_it_is_stopped_was_stopped() {
        let target = Target {
            connection_id: ConnectionId(1),
            host: "db".to_owned(),
            port: 5432,
            database_name: "shop".to_owned(),
            username: "app".to_owned(),
            password: None,
            password_since: None,
            ssl_mode: SslMode::Disable,
            ssl_root_cert: None,
        };
        let (request, admitted) = (LoadRequest::default(), LoadAdmission { pooler: false, may_use: 10 });
        // A choice by chance would be wrong once in a few times.
        for _ in 0..50 {
            let mut sum = Sum::new(&target, &request, admitted, 1);
            let (tell, mut told) = mpsc::unbounded_channel();
            tell.send(FromLane::Seconds { lane: 0, complete: u32::MAX, seconds: Vec::new() })
                .unwrap_or_default();
            drop(tell);
            let stop = CancellationToken::new();
            stop.cancel();
            assert!(listen(&mut told, &stop, Instant::now(), &mut sum, |_| {}).await.is_some());
        }
    }
}
