//! The loop that starts each look when its turn comes, as a task of its own.

use std::{panic::AssertUnwindSafe, time::Duration};

use common::ConnectionId;
use futures::FutureExt;
use service::watching::Look;
use tokio::{
    select,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    Target,
    schedule::{Due, Schedule, Turn},
    targets::{Watchable, follow},
};

/// How long looks that are under way may go on after the stop.
const LAST_LOOKS: Duration = Duration::from_millis(500);
/// For giving the targets back.
const RELEASE_LIMIT: Duration = Duration::from_millis(500);

/// A look that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    pub id: ConnectionId,
    pub look: Look,
    /// After its turn came.
    pub late: Duration,
}

/// Watches until `stop`. `random` answers from 0 to 1.
pub(crate) async fn run<W: Watchable>(
    ways: W,
    stop: CancellationToken,
    observe: impl Fn(Started) + Send + Sync,
    random: impl Fn() -> f64 + Send,
) {
    let (tell, mut told) = mpsc::channel(1);
    let following = AbortOnDropHandle::new(tokio::spawn(follow(ways.clone(), tell)));
    let mut schedule: Schedule<W::Target, _> = Schedule::new(random);
    let mut looks: JoinSet<ConnectionId> = JoinSet::new();
    loop {
        let next_at = schedule.next_at();
        select! {
            biased;
            () = stop.cancelled() => break,
            Some(over) = looks.join_next() => {
                if let Ok(id) = over {
                    schedule.over(id);
                }
            }
            () = until(&ways, next_at) => {
                while let Some(due) = schedule.pop(ways.now()) {
                    match due {
                        Due::Turn(turn) => begin(&ways, &mut looks, &observe, turn),
                        Due::Missed(target, turns) => ways.missed(&target, turns),
                    }
                }
            }
            Some(targets) = told.recv() => schedule.set(ways.now(), targets),
        }
    }
    drop(following);
    let _ = timeout(LAST_LOOKS, async { while looks.join_next().await.is_some() {} }).await;
    looks.shutdown().await;
    let _ = timeout(RELEASE_LIMIT, ways.release()).await;
}

async fn until(ways: &impl Watchable, at: Option<Instant>) {
    match at {
        Some(at) => ways.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn begin<W: Watchable>(
    ways: &W,
    looks: &mut JoinSet<ConnectionId>,
    observe: &impl Fn(Started),
    turn: Turn<W::Target>,
) {
    let Turn { target, look, at, next } = turn;
    observe(Started { id: target.id(), look, late: ways.now().saturating_duration_since(at) });
    let ways = ways.clone();
    looks.spawn(async move {
        // Boxed: what waits is small. Caught: one that panicked must not be under way for ever.
        let looked = AssertUnwindSafe(Box::pin(ways.look(&target, look, next))).catch_unwind().await;
        if looked.is_err() {
            tracing::error!(id = %target.id(), "a look ended unexpectedly");
        }
        target.id()
    });
}

#[cfg(test)]
mod tests;
