//! What happens, told to everybody who looks: one reader of the store in each process, and any number of listeners.
//!
//! Who listens gets what comes from now on, or everything after an id that they name. Whoever falls so far behind that
//! something was left out is told so (`resync`) and reads anew what they show.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use common::{
    Problem,
    event::{Event, EventData, EventKind},
    job::Job,
};
use futures::{Stream, stream};
use serde_json::{Map, Value, json};
use store::{EventBounds, Store, Wakeups};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Permission, Principal, Service, failure};

/// How many events a listener may be behind.
const BACKLOG: usize = 1024;
/// How many are read at once.
const AT_ONCE: u32 = 500;
/// After a longer gap reading everything anew costs less than what was missed.
const MOST_REPLAYED: usize = 2000;
/// Between two readings, so that many writers do not make as many readings.
const GATHER: Duration = Duration::from_millis(40);
/// The same while nobody listens: then only the ids are kept up.
const GATHER_UNHEARD: Duration = Duration::from_secs(1);
/// Where no notification comes: there is no session that listens, or it is dead without a word.
const POLL: Duration = Duration::from_millis(250);
const POLL_WHILE_LISTENING: Duration = Duration::from_secs(5);
/// Before the store is asked again after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How often old events are removed.
pub(crate) const FORGET_EVERY: Duration = Duration::from_secs(300);

/// Where everything that is told goes through.
pub(crate) struct Events {
    told: broadcast::Sender<Arc<Event>>,
    /// The id of the newest event that is told; −1 until the reader has begun.
    position: Arc<AtomicI64>,
    begun: watch::Receiver<bool>,
    closing: CancellationToken,
    /// Ends the reader with the service.
    _reader: DropGuard,
}

impl Events {
    /// Begins to read.
    pub(crate) fn begin(store: Store) -> Self {
        let (told, _) = broadcast::channel(BACKLOG);
        let (begun, is_begun) = watch::channel(false);
        let position = Arc::new(AtomicI64::new(-1));
        let closing = CancellationToken::new();
        let reader = Reader { store, told: told.clone(), position: position.clone(), begun, wakeups: None };
        let stop = closing.clone();
        tokio::spawn(async move { stop.run_until_cancelled(reader.run()).await });
        Self { told, position, begun: is_begun, _reader: closing.clone().drop_guard(), closing }
    }

    /// Ends every stream and the reader.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// For what is told of this process alone.
    pub(crate) fn teller(&self) -> Teller {
        Teller(self.told.clone())
    }
}

/// Tells what is kept nowhere. It bears no id: nobody can ask for it again.
#[derive(Clone)]
pub(crate) struct Teller(broadcast::Sender<Arc<Event>>);

#[cfg(test)]
impl Default for Teller {
    fn default() -> Self {
        Self(broadcast::channel(1).0)
    }
}

impl Teller {
    /// How a job is.
    pub(crate) fn tell_job(&self, job: &Job, at: DateTime<Utc>) {
        let details = json!({
            "id": job.id, "kind": job.kind, "state": job.state, "progress_ratio": job.progress_ratio,
            "message": job.message,
        });
        let Value::Object(details) = details else { return };
        let data = EventData { connection_id: job.connection_id, at, details };
        // Nobody may listen: that is fine.
        let _ = self.0.send(Arc::new(Event { id: String::new(), kind: EventKind::Job, data }));
    }
}

/// The id of the newest event: who reads something now and then listens from here on misses nothing. `None`: it is not
/// known yet.
pub fn position(service: &Service) -> Option<String> {
    let position = service.0.events.position.load(Ordering::Acquire);
    (position >= 0).then(|| position.to_string())
}

/// What happens from now on, or everything `after` the event with that id. The stream ends when the dashboard stops.
///
/// # Errors
/// 422 where `after` is no id.
pub async fn subscribe(
    service: &Service,
    who: &Principal,
    after: Option<String>,
) -> Result<impl Stream<Item = Event> + Send + use<>, Problem> {
    who.require(Permission::Read)?;
    let after = after.map(|id| parse(&id)).transpose()?;
    let events = &service.0.events;
    // Before anything is read: what is told from now on is either read below or comes this way.
    let told = events.told.subscribe();
    let mut begun = events.begun.clone();
    // An error: the dashboard is stopping, and the stream will be over at once.
    let _ = begun.wait_for(|begun| *begun).await;
    let mut listener = Listener { told, up_to: 0, waiting: VecDeque::new() };
    if let Some(after) = after {
        listener.catch_up(service, after).await?;
    }
    let closing = events.closing.clone();
    Ok(Box::pin(stream::unfold((listener, closing), |(mut listener, closing)| async move {
        let event = closing.run_until_cancelled(listener.next()).await.flatten()?;
        Some((event, (listener, closing)))
    })))
}

fn parse(id: &str) -> Result<i64, Problem> {
    let id = id.parse().ok().filter(|id| *id >= 0);
    id.ok_or_else(|| Problem::field("since", "format", "Use the `id` of an event."))
}

struct Listener {
    told: broadcast::Receiver<Arc<Event>>,
    /// Up to this id everything was delivered by reading.
    up_to: i64,
    /// What comes before anything that is told.
    waiting: VecDeque<Event>,
}

impl Listener {
    /// Reads what was told after an id.
    async fn catch_up(&mut self, service: &Service, after: i64) -> Result<(), Problem> {
        let store = service.store();
        let bounds = store.number_events().await.map_err(failure::from_store)?;
        self.up_to = after;
        while bounds.can_go_on_after(after) && self.waiting.len() <= MOST_REPLAYED {
            let page = store.events_after(self.up_to, AT_ONCE).await.map_err(failure::from_store)?;
            self.up_to = page.up_to;
            self.waiting.extend(page.events);
            if !page.more {
                return Ok(());
            }
        }
        self.up_to = bounds.newest;
        self.waiting = VecDeque::from([resync(bounds.newest, service.0.clock.now())]);
        Ok(())
    }

    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.waiting.pop_front() {
            return Some(event);
        }
        loop {
            match self.told.recv().await {
                Ok(event) if !event.id.is_empty() && id_of(&event) <= self.up_to => {}
                Ok(event) => return Some(Event::clone(&event)),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // Without an id: what is still in the queue will say how far it is.
                    return Some(Event { id: String::new(), ..resync(0, Utc::now()) });
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

fn id_of(event: &Event) -> i64 {
    event.id.parse().unwrap_or_default()
}

fn resync(newest: i64, at: DateTime<Utc>) -> Event {
    let data = EventData { connection_id: None, at, details: Map::new() };
    Event { id: newest.to_string(), kind: EventKind::Resync, data }
}

/// Reads the store as long as the service lives.
struct Reader {
    store: Store,
    told: broadcast::Sender<Arc<Event>>,
    position: Arc<AtomicI64>,
    begun: watch::Sender<bool>,
    wakeups: Option<Wakeups>,
}

impl Reader {
    async fn run(mut self) {
        let mut failing = false;
        loop {
            match self.read().await {
                Ok(()) => {
                    if failing {
                        tracing::info!("events can be read again");
                    }
                    failing = false;
                    self.wait().await;
                }
                Err(error) => {
                    if !failing {
                        // Once: it may last.
                        tracing::warn!(%error, "events cannot be read");
                    }
                    failing = true;
                    self.wakeups = None;
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Tells what is new. Before the first time that is nothing: it was there before anybody listened.
    async fn read(&mut self) -> Result<(), store::StoreError> {
        if self.wakeups.is_none() {
            // First listen, then read: what is written in between wakes.
            self.wakeups = self.store.event_wakeups().await.inspect_err(not_listening).ok();
        }
        let bounds = self.store.number_events().await?;
        let position = self.position.load(Ordering::Acquire);
        if position < 0 || self.told.receiver_count() == 0 {
            self.is_at(bounds.newest);
        } else if bounds.newest > position {
            self.tell_after(position, bounds).await?;
        }
        self.begun.send_replace(true);
        Ok(())
    }

    async fn tell_after(&mut self, position: i64, bounds: EventBounds) -> Result<(), store::StoreError> {
        if !bounds.can_go_on_after(position) {
            // The database was away for longer than events are kept.
            let _ = self.told.send(Arc::new(resync(bounds.newest, Utc::now())));
            self.is_at(bounds.newest);
            return Ok(());
        }
        let mut after = position;
        loop {
            let page = self.store.events_after(after, AT_ONCE).await?;
            for event in page.events {
                let _ = self.told.send(Arc::new(event));
            }
            after = page.up_to;
            self.is_at(after);
            if !page.more {
                return Ok(());
            }
        }
    }

    fn is_at(&self, position: i64) {
        self.position.store(position, Ordering::Release);
    }

    /// Until there may be something new.
    async fn wait(&mut self) {
        let gather = if self.told.receiver_count() == 0 { GATHER_UNHEARD } else { GATHER };
        tokio::time::sleep(gather).await;
        let Some(wakeups) = &self.wakeups else {
            return tokio::time::sleep(POLL).await;
        };
        let quiet = tokio::time::timeout(POLL_WHILE_LISTENING, wakeups.next()).await.is_err();
        if quiet && !wakeups.is_alive().await {
            self.wakeups = None;
        }
    }
}

fn not_listening(error: &store::StoreError) {
    tracing::debug!(%error, "nobody wakes the reader of events; it looks by itself");
}

/// Removes old events.
pub(crate) async fn forget(service: &Service) {
    if let Err(error) = service.store().forget_events().await {
        failure::from_store(error);
    }
}
