//! A polite guest: at most two sessions on one server at a time, whoever asks. Connections that name the server alike
//! (host and port) share its places; by another name it is another server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most sessions that the dashboard has open on one server.
const MAX_SESSIONS: usize = 2;

/// The places that are left on each server.
#[derive(Default)]
pub(crate) struct Guests(Mutex<HashMap<(String, u16), Weak<Semaphore>>>);

/// One session's place. It is free again when this is dropped.
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Guests {
    /// Waits for a place on the server.
    pub(crate) async fn place(&self, host: &str, port: u16) -> Place {
        let places = self.places(host, port);
        // A semaphore that is never closed always gives a permit.
        Place { _permit: places.acquire_owned().await.ok() }
    }

    fn places(&self, host: &str, port: u16) -> Arc<Semaphore> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|_, places| places.strong_count() > 0);
        let key = (host.to_ascii_lowercase(), port);
        if let Some(places) = servers.get(&key).and_then(Weak::upgrade) {
            return places;
        }
        let places = Arc::new(Semaphore::new(MAX_SESSIONS));
        servers.insert(key, Arc::downgrade(&places));
        places
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
}
