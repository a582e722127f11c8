//! Which targets there are to watch: asked again and again beside the turns, which never wait for it.

use std::{collections::HashMap, future::Future, time::Duration};

use common::{ConnectionId, Problem};
use service::{
    Principal, Service,
    watching::{self, Look, Watched},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::Target;

/// What is watched, and how: the service, or a test's.
pub(crate) trait Watchable: Clone + Send + Sync + 'static {
    type Target: Target;

    /// The targets that are one's own now. An error says nothing of them: then those that were stay.
    fn targets(
        &self,
        known: &HashMap<ConnectionId, Self::Target>,
    ) -> impl Future<Output = Result<Vec<Self::Target>, Problem>> + Send;

    /// Something has changed here; [`Watchable::targets`] may say more.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Looks, and keeps what it finds.
    fn look(&self, target: &Self::Target, look: Look, next: Duration) -> impl Future<Output = ()> + Send;

    fn missed(&self, target: &Self::Target, turns: u32);

    fn release(&self) -> impl Future<Output = ()> + Send;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send {
        tokio::time::sleep_until(at)
    }
}

impl Watchable for Service {
    type Target = Watched;

    async fn targets(&self, known: &HashMap<ConnectionId, Watched>) -> Result<Vec<Watched>, Problem> {
        watching::targets(self, &Principal::System, known).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watching::changes(self)
    }

    async fn look(&self, target: &Watched, look: Look, next: Duration) {
        if let Err(problem) = Box::pin(watching::look(self, &Principal::System, target, look, next)).await {
            tracing::error!(id = %target.id(), %problem, "a target could not be looked at");
        }
    }

    fn missed(&self, target: &Watched, turns: u32) {
        watching::missed(self, target, turns);
    }

    async fn release(&self) {
        if let Err(problem) = watching::release(self, &Principal::System).await {
            tracing::debug!(%problem, "targets could not be given back");
        }
    }
}

/// Tells the targets whenever they are others than before, until nobody listens.
pub(crate) async fn follow<W: Watchable>(ways: W, tell: mpsc::Sender<Vec<W::Target>>) {
    let mut known: HashMap<ConnectionId, W::Target> = HashMap::new();
    let mut changes = ways.changes();
    let mut asked_before = false;
    loop {
        changes.mark_unchanged();
        match ways.targets(&known).await {
            Ok(targets) => {
                let same = asked_before && is_same(&known, &targets);
                asked_before = true;
                if !same {
                    known = targets.iter().map(|target| (target.id(), target.clone())).collect();
                    tracing::debug!(targets = targets.len(), "the targets to watch have changed");
                    if tell.send(targets).await.is_err() {
                        return;
                    }
                }
            }
            // It was logged, and is asked again in a moment. What is known is watched on.
            Err(problem) => tracing::debug!(%problem, "whose targets are whose is not known for now"),
        }
        tokio::select! {
            () = ways.sleep_until(ways.now() + watching::RENEW) => {}
            changed = changes.changed() => if changed.is_err() { return },
            () = tell.closed() => return,
        }
    }
}

fn is_same<T: Target>(known: &HashMap<ConnectionId, T>, targets: &[T]) -> bool {
    let same = |target: &T| {
        known.get(&target.id()).is_some_and(|known| {
            let of = |target: &T| (target.version(), target.epoch(), target.interval());
            of(known) == of(target)
        })
    };
    known.len() == targets.len() && targets.iter().all(same)
}
