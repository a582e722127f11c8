//! The place of one connection's session: who uses it takes it out and puts it back.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use common::TestResult;
use tokio::{
    select,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use super::backoff::Backoff;
use crate::{guests::Place, health::Known, session::Session};

/// A session that is kept, with what is known of it.
pub(super) struct Held {
    pub(super) session: Session,
    pub(super) place: Place,
    /// When it was connected.
    pub(super) connected: Instant,
    /// How: the full test that it began with.
    pub(super) opened: Box<TestResult>,
    /// What the last reading on it learned of the server.
    pub(super) known: Option<Box<Known>>,
}

impl Held {
    /// Says goodbye; the place may be used again.
    pub(super) async fn close(self) -> Place {
        self.session.close().await;
        self.place
    }

    /// Cancels what still runs and hangs up.
    pub(super) async fn abandon(self) -> Place {
        self.session.abandon().await;
        self.place
    }
}

/// What whoever uses the session knows of the uses before. Uses of one connection take turns.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) backoff: Backoff,
    /// The last full test, while it is one that failed.
    pub(super) last_failure: Option<Box<TestResult>>,
}

pub(super) struct Slot {
    pub(super) version: i32,
    pub(super) turn: tokio::sync::Mutex<Turn>,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The connection has changed or is gone: nothing is kept here any more.
    retired: bool,
    session: Option<(Held, AbortOnDropHandle<()>)>,
}

impl Slot {
    pub(super) fn of(version: i32) -> Self {
        Self { version, turn: Default::default(), idle: Mutex::default() }
    }

    pub(super) fn retired(version: i32) -> Self {
        let slot = Self::of(version);
        slot.idle().retired = true;
        slot
    }

    /// Takes the session out, if one is there.
    pub(super) fn take(&self) -> Option<Held> {
        self.idle().session.take().map(|(held, _keeper)| held)
    }

    /// Keeps the session until it is taken out, somebody else wants its place, or it was idle for so long. A retired
    /// slot gives it back.
    pub(super) fn keep(self: &Arc<Self>, held: Held, idle_for: Duration) -> Option<Held> {
        // Under the lock: the keeper may find its time come before the session is there.
        let mut idle = self.idle();
        if idle.retired {
            return Some(held);
        }
        let wanted = held.place.wanted();
        let slot = Arc::downgrade(self);
        let keeper = AbortOnDropHandle::new(tokio::spawn(async move {
            select! {
                () = sleep(idle_for) => {}
                () = wanted => {}
            }
            close(&slot).await;
        }));
        idle.session = Some((held, keeper));
        None
    }

    pub(super) fn is_occupied(&self) -> bool {
        self.idle().session.is_some()
    }

    /// Closes the session if it is idle; one that is in use will not be kept.
    pub(super) async fn retire(&self) {
        let held = {
            let mut idle = self.idle();
            idle.retired = true;
            idle.session.take()
        };
        if let Some((held, _keeper)) = held {
            held.close().await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the keeper does in the end.
async fn close(slot: &Weak<Slot>) {
    let Some(slot) = slot.upgrade() else { return };
    let idle = slot.idle().session.take();
    // The keeper's own handle must outlive the goodbye: dropping it ends the keeper.
    if let Some((held, _keeper)) = idle {
        held.close().await;
    }
}
