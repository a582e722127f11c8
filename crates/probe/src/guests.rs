//! A polite guest: at most two sessions on one server at a time, whoever asks. Connections that name the server alike
//! (host and port) share its places; by another name it is another server.
//!
//! A session that is kept open has its place for as long as it is open, and gives it up when somebody waits for one.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The most sessions that the dashboard has open on one server.
const MAX_SESSIONS: usize = 2;

type Servers = HashMap<(String, u16), Weak<Server>>;

/// The places that are left on each server. Cheap to clone; clones share the places.
#[derive(Debug, Clone, Default)]
pub struct Guests(Arc<Mutex<Servers>>);

#[derive(Debug)]
struct Server {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Wakes the session that has been idle for longest.
    wanted: Notify,
}

/// One session's place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    server: Arc<Server>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Guests {
    /// Waits for a place on the server.
    pub async fn place(&self, host: &str, port: u16) -> Place {
        let server = self.server(host, port);
        if let Ok(permit) = Arc::clone(&server.places).try_acquire_owned() {
            return Place { server, _permit: Some(permit) };
        }
        let waiting = Waiting::at(&server);
        server.wanted.notify_one();
        // A semaphore that is never closed always gives a permit.
        let permit = Arc::clone(&server.places).acquire_owned().await.ok();
        drop(waiting);
        Place { server, _permit: permit }
    }

    /// A place that is free, or that an idle session gives up within `limit`. Who has a place already must not wait for
    /// another without end: somebody else may do the same.
    pub(crate) async fn place_within(&self, host: &str, port: u16, limit: Duration) -> Option<Place> {
        timeout(limit, self.place(host, port)).await.ok()
    }

    fn server(&self, host: &str, port: u16) -> Arc<Server> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|_, server| server.strong_count() > 0);
        let key = (host.to_ascii_lowercase(), port);
        if let Some(server) = servers.get(&key).and_then(Weak::upgrade) {
            return server;
        }
        let server = Arc::new(Server {
            places: Arc::new(Semaphore::new(MAX_SESSIONS)),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        });
        servers.insert(key, Arc::downgrade(&server));
        server
    }
}

impl Place {
    /// Whether somebody waits for a place on this server.
    pub(crate) fn is_wanted(&self) -> bool {
        self.server.is_wanted()
    }

    /// Ends when somebody waits for a place on this server and this is the session to give it up.
    pub(crate) fn wanted(&self) -> impl Future<Output = ()> + Send + 'static {
        let server = Arc::clone(&self.server);
        async move {
            loop {
                server.wanted.notified().await;
                // Who called may have got a place elsewhere meanwhile.
                if server.is_wanted() {
                    return;
                }
            }
        }
    }
}

impl Server {
    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

/// Somebody who waits, until they have a place or no longer want one.
struct Waiting<'a>(&'a Server);

impl<'a> Waiting<'a> {
    fn at(server: &'a Server) -> Self {
        server.waiting.fetch_add(1, Ordering::SeqCst);
        Self(server)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_third_session_waits_until_one_ends() {
        let guests = Guests::default();
        let first = guests.place("DB.example", 5432).await;
        let _second = guests.place("db.example", 5432).await;
        assert!(guests.place("db.example", 5432).now_or_never().is_none());
        assert!(guests.place("db.example", 5433).now_or_never().is_some());
        drop(first);
        assert!(guests.place("db.example", 5432).now_or_never().is_some());
    }

    #[tokio::test]
    async fn the_session_that_is_idle_for_longest_is_asked_for_its_place() {
        let guests = Guests::default();
        let (first, second) = (guests.place("db", 1).await, guests.place("db", 1).await);
        assert!(!first.is_wanted());
        let (mut longest, mut shortest) = (Box::pin(first.wanted()), Box::pin(second.wanted()));
        assert!(longest.as_mut().now_or_never().is_none() && shortest.as_mut().now_or_never().is_none());
        let mut third = Box::pin(guests.place("db", 1));
        assert!(third.as_mut().now_or_never().is_none());
        assert!(second.is_wanted());
        assert!(shortest.as_mut().now_or_never().is_none());
        assert!(longest.as_mut().now_or_never().is_some());
        drop(first);
        let third = third.now_or_never();
        assert!(third.is_some() && !second.is_wanted());
    }

    #[tokio::test]
    async fn who_stopped_waiting_asks_nobody_for_a_place() {
        let guests = Guests::default();
        let (first, _second) = (guests.place("db", 1).await, guests.place("db", 1).await);
        assert!(guests.place_within("db", 1, Duration::ZERO).await.is_none());
        assert!(!first.is_wanted());
        assert!(first.wanted().now_or_never().is_none());
    }
}
