//! Watches: asks every monitored database again and again, each on its own interval.
//!
//! One loop keeps the times ([`schedule`]) and starts each look as a task of its own, so that a slow or dead database delays
//! no other. Beside it, another renews the leases: which targets are this dashboard's, among several on one database. What a
//! look is, and where its result goes, is `service::watching`; a database of one's own that is away stops neither loop.

mod schedule;
mod targets;
mod turns;

use service::{Service, watching::Watched};
use tokio_util::sync::CancellationToken;

pub use turns::Started;

/// Watches until `stop`; then gives the targets back.
pub async fn run(service: &Service, stop: CancellationToken) {
    run_observed(service, stop, |_| {}).await;
}

/// [`run`] that says when each look began: for measurements.
pub async fn run_observed(
    service: &Service,
    stop: CancellationToken,
    observe: impl Fn(Started) + Send + Sync,
) {
    turns::run(service.clone(), stop, observe, rand::random::<f64>).await;
}

/// What the schedule needs to know of a target.
pub(crate) trait Target: Clone + Send + Sync + 'static {
    fn id(&self) -> common::ConnectionId;
    fn version(&self) -> i32;
    fn epoch(&self) -> i64;
    fn interval(&self) -> std::time::Duration;
}

impl Target for Watched {
    fn id(&self) -> common::ConnectionId {
        Watched::id(self)
    }

    fn version(&self) -> i32 {
        Watched::version(self)
    }

    fn epoch(&self) -> i64 {
        Watched::epoch(self)
    }

    fn interval(&self) -> std::time::Duration {
        Watched::interval(self)
    }
}
