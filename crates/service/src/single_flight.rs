//! One run for all who ask at the same time: a second test of a connection joins the one that is under way.

use std::{collections::HashMap, future::Future, hash::Hash, sync::Arc, sync::Mutex, sync::PoisonError};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};

type Flight<V> = Shared<BoxFuture<'static, Option<V>>>;

/// Runs that are under way, by what they are about.
pub(crate) struct Flights<K, V: Clone>(Arc<Mutex<HashMap<K, Flight<V>>>>);

impl<K, V: Clone> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The run ended without a value: it panicked, or the process is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run ended without a result")]
pub(crate) struct Lost;

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the run of `key`, or starts `run`. The run is a task of its own: it goes on, and is kept, when the
    /// request that started it goes away.
    pub(crate) async fn join<F>(&self, key: K, run: impl FnOnce() -> F) -> Result<V, Lost>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let flight = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    let flight = self.start(key.clone(), run());
                    flights.insert(key, flight.clone());
                    flight
                }
            }
        };
        flight.await.ok_or(Lost)
    }

    fn start(&self, key: K, run: impl Future<Output = V> + Send + 'static) -> Flight<V> {
        let flights = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            // Also on a panic: nobody may join a run that will never end.
            let _landed = Landed { flights, key };
            run.await
        });
        async move { task.await.ok() }.boxed().shared()
    }
}

struct Landed<K: Eq + Hash, V: Clone> {
    flights: Arc<Mutex<HashMap<K, Flight<V>>>>,
    key: K,
}

impl<K: Eq + Hash, V: Clone> Drop for Landed<K, V> {
    fn drop(&mut self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_get_one_run_and_the_next_a_new_one() {
        let flights = Flights::<u8, u32>::default();
        let runs = Arc::new(AtomicU32::new(0));
        let (go, wait) = oneshot::channel::<()>();
        let counted = Arc::clone(&runs);
        let first = flights.join(1, move || async move {
            let _ = wait.await;
            counted.fetch_add(1, Ordering::SeqCst) + 1
        });
        let second = flights.join(1, || async { unreachable!("the first run is under way") });
        let release = async { go.send(()).unwrap() };
        let (a, b, ()) = tokio::join!(first, second, release);
        assert_eq!((a, b), (Ok(1), Ok(1)));
        assert_eq!(flights.join(1, || async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn a_run_that_panics_does_not_block_the_next() {
        let flights = Flights::<u8, u32>::default();
        assert_eq!(flights.join(1, || async { panic!("on purpose") }).await, Err(Lost));
        assert_eq!(flights.join(1, || async { 7 }).await, Ok(7));
    }
}
