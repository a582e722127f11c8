//! One session for each database, kept open between one look and the next: a look then costs a round trip or three, and
//! no sign-in.
//!
//! It is opened when first needed, verified by a `select 1` before each use (which is the test of kind `held`), and
//! opened anew when that fails. A held session cannot see refused logins, DNS or certificates: every few minutes a second
//! one is opened and tested, and takes its place if it is good. It is closed when nobody has used it for a while, when
//! somebody waits for its place on the server ([`Guests`]), when the connection changes, and with the dashboard.

mod backoff;
mod slot;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use common::{ConnectionId, Phases, Reason, TestResult, test_result::TestKind};
use futures::future::join_all;
use tokio::time::Instant;

use self::slot::{Held, Slot, Turn};
use crate::{
    Guests, HealthReading, Limits, Memory, Target, connect_test, guests::Place, health, pooler::console,
};

/// How long sessions are kept.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// A session that nobody has used for this long is closed.
    pub idle: Duration,
    /// After this long a full, fresh connect is due.
    pub renew: Duration,
    /// How long an idle session may take to give up its place for that connect.
    pub make_room: Duration,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(120),
            renew: Duration::from_secs(300),
            make_room: Duration::from_millis(500),
        }
    }
}

/// Which database is asked, and on what terms.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub target: &'a Target,
    /// Of the connection: a changed one has another session.
    pub version: i32,
    /// Whether the session may stay open afterwards; not where the database should sleep.
    pub keep: bool,
    /// A person waits for the answer: a database that could not be reached a moment ago is tried again at once.
    pub now: bool,
    /// After how long it will be asked again, as far as that is known. A full connect that would be due by then is made
    /// now: it must not come late.
    pub next: Duration,
}

/// The database could not be reached when it was tried last, and is left alone for a while.
#[derive(Debug, Clone)]
pub struct BackingOff {
    /// How it failed.
    pub last: Box<TestResult>,
    /// When it will be tried again.
    pub wait: Duration,
}

/// The sessions that are held, one for each connection. Cheap to clone; clones share the sessions.
#[derive(Clone)]
pub struct HeldSessions(Arc<Inner>);

struct Inner {
    limits: Limits,
    keeping: Keeping,
    guests: Guests,
    random: Box<dyn Fn() -> f64 + Send + Sync>,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// The dashboard ends: nothing is kept any more.
    closed: bool,
    by_connection: HashMap<ConnectionId, Arc<Slot>>,
}

impl fmt::Debug for HeldSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldSessions")
    }
}

impl HeldSessions {
    /// `random` answers from 0 to 1.
    pub(crate) fn new(
        limits: Limits,
        keeping: Keeping,
        guests: Guests,
        random: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        let random = Box::new(random);
        Self(Arc::new(Inner { limits, keeping, guests, random, slots: Mutex::default() }))
    }

    /// A test on the held session; a full one where there is none, where it is due, or where the held session failed.
    ///
    /// # Errors
    /// That the database is left alone for now.
    pub async fn test(&self, asked: Asked<'_>) -> Result<TestResult, BackingOff> {
        let slot = self.slot(&asked);
        let mut turn = slot.turn.lock().await;
        let Ready { test, held, .. } = Box::pin(self.ready(&slot, &mut turn, &asked)).await?;
        if let Some(held) = held {
            self.put_back(&slot, held, asked.keep).await;
        }
        Ok(test)
    }

    /// [`crate::Prober::health`] on the held session.
    ///
    /// # Errors
    /// That the database is left alone for now.
    pub async fn health(
        &self,
        asked: Asked<'_>,
        previous: Option<&Memory>,
        two_readings: bool,
    ) -> Result<HealthReading, BackingOff> {
        let slot = self.slot(&asked);
        let mut turn = slot.turn.lock().await;
        let Ready { test, about, held } = Box::pin(self.ready(&slot, &mut turn, &asked)).await?;
        let Some(mut held) = held else { return Ok(HealthReading::of_failed(test)) };
        let about = about.unwrap_or_else(|| test.clone());
        let verified = u32::from(about.kind == TestKind::Held);
        let known = held.known.take();
        let taken =
            Box::pin(health::take(&held.session, known.as_deref(), about, previous, two_readings)).await;
        let mut reading = taken.reading;
        reading.round_trips += verified;
        reading.test = test;
        if taken.lost {
            held.abandon().await;
        } else {
            held.known = taken.known.map(Box::new);
            self.put_back(&slot, held, asked.keep).await;
        }
        Ok(reading)
    }

    /// Closes the session of a connection, now or as soon as it is no longer in use, and forgets its failures.
    pub async fn close(&self, id: ConnectionId) {
        let slot = self.slots().by_connection.remove(&id);
        if let Some(slot) = slot {
            slot.retire().await;
        }
    }

    /// Closes all sessions; none is kept from now on.
    pub async fn close_all(&self) {
        let slots: Vec<Arc<Slot>> = {
            let mut slots = self.slots();
            slots.closed = true;
            slots.by_connection.drain().map(|(_, slot)| slot).collect()
        };
        join_all(slots.iter().map(|slot| slot.retire())).await;
    }

    /// How many sessions are open and not in use.
    pub fn idle(&self) -> usize {
        self.slots().by_connection.values().filter(|slot| slot.is_occupied()).count()
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of this connection at this version. What is asked of an older version is asked, and not kept.
    fn slot(&self, asked: &Asked<'_>) -> Arc<Slot> {
        let id = asked.target.connection_id;
        let mut slots = self.slots();
        match slots.by_connection.get(&id) {
            Some(slot) if slot.version == asked.version => return Arc::clone(slot),
            Some(slot) if slot.version > asked.version => return Arc::new(Slot::retired(asked.version)),
            _ if slots.closed => return Arc::new(Slot::retired(asked.version)),
            _ => {}
        }
        let slot = Arc::new(Slot::of(asked.version));
        if let Some(older) = slots.by_connection.insert(id, Arc::clone(&slot)) {
            tokio::spawn(async move { older.retire().await });
        }
        slot
    }

    /// A session that has just answered, with the test that shows it. No session: the test says why.
    async fn ready(&self, slot: &Arc<Slot>, turn: &mut Turn, asked: &Asked<'_>) -> Result<Ready, BackingOff> {
        let (mut place, mut older) = (None, None);
        if let Some(held) = slot.take() {
            if turn.backoff.has_failed() || held.connected.elapsed() + asked.next >= self.0.keeping.renew {
                older = Some(held);
            } else if let Some(test) = verified(&held).await {
                return Ok(Ready { test, about: None, held: Some(held) });
            } else {
                // It says nothing of the database that a session has ended: a new one will tell.
                place = Some(given_up(held).await);
            }
        }
        if !asked.now
            && let (Some(wait), Some(last)) = (turn.backoff.wait(Instant::now()), &turn.last_failure)
        {
            let last = last.clone();
            if let Some(older) = older {
                self.put_back(slot, older, asked.keep).await;
            }
            return Err(BackingOff { last, wait });
        }
        Ok(Box::pin(self.connect(turn, asked, place, older)).await)
    }

    /// Connects anew: in a place that is there already, or beside an older session, which it replaces if it is good.
    async fn connect(
        &self,
        turn: &mut Turn,
        asked: &Asked<'_>,
        mut place: Option<Place>,
        mut older: Option<Held>,
    ) -> Ready {
        let Inner { limits, keeping, guests, .. } = &*self.0;
        let Target { host, port, .. } = asked.target;
        if let Some(held) = older.take() {
            place = guests.place_within(host, *port, keeping.make_room).await;
            match place {
                Some(_) => older = Some(held),
                None => place = Some(held.close().await),
            }
        }
        let place = match place {
            Some(place) => place,
            None => guests.place(host, *port).await,
        };
        let (mut test, session) = Box::pin(connect_test::open(asked.target, limits)).await;
        if test.ok {
            turn.backoff.passed();
            turn.last_failure = None;
        } else {
            turn.backoff.failed(Instant::now(), (self.0.random)());
            turn.last_failure = Some(Box::new(test.clone()));
        }
        let Some(session) = session else {
            let Some(older) = older else { return Ready { test, about: None, held: None } };
            // New sessions are refused, which the test says; this one may still be asked.
            let about = verified(&older).await;
            if about.is_none() {
                given_up(older).await;
                return Ready { test, about: None, held: None };
            }
            return Ready { test, about, held: Some(older) };
        };
        if let Some(older) = older {
            older.close().await;
        }
        if console::is_there(&test) {
            let second = guests.place_within(host, *port, keeping.make_room).await;
            match second {
                Some(_place) => console::tell(&mut test, asked.target, limits).await,
                None => console::left_out(&mut test),
            }
        }
        let opened = Box::new(test.clone());
        let held = Held { session, place, connected: Instant::now(), opened, known: None };
        Ready { test, about: None, held: Some(held) }
    }

    async fn put_back(&self, slot: &Arc<Slot>, held: Held, keep: bool) {
        let refused = match keep && !held.place.is_wanted() {
            true => slot.keep(held, self.0.keeping.idle),
            false => Some(held),
        };
        if let Some(held) = refused {
            held.close().await;
        }
    }
}

/// What is to be asked, if anything.
struct Ready {
    test: TestResult,
    /// Where that test failed, and the session that was held already can still be asked: what that one tells.
    about: Option<TestResult>,
    held: Option<Held>,
}

/// The test on a session that was kept; `None` when it does not answer.
async fn verified(held: &Held) -> Option<TestResult> {
    let checked_at = common::time::whole_micros(Utc::now());
    if !held.session.use_again() {
        return None;
    }
    let deadline = Instant::now() + held.session.limits().round;
    let round_trip_ms = held.session.round_trip(deadline).await.ok()?;
    Some(held_test(&held.opened, checked_at, round_trip_ms))
}

async fn given_up(held: Held) -> Place {
    if held.session.is_closed() { held.close().await } else { held.abandon().await }
}

/// What a `select 1` on the session tells: who is there is as it was when the session began.
fn held_test(opened: &TestResult, checked_at: DateTime<Utc>, round_trip_ms: f64) -> TestResult {
    let mut test = TestResult {
        ok: true,
        kind: TestKind::Held,
        checked_at,
        phases: Phases::default(),
        total_ms: round_trip_ms,
        round_trip_ms: Some(round_trip_ms),
        error: None,
        ..opened.clone()
    };
    test.unavailable.retain(|value, _| !value.starts_with("phases."));
    if test.pooler.is_some() && test.backend_pid.take().is_some() {
        let why = Reason::new("a pooler gives each transaction a server session of its own");
        test.unavailable.insert("backend_pid".to_owned(), why);
    }
    test.explain();
    test
}
