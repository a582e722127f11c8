//! The numbers of one reading, and why others are missing: what a reading hands to the checks.

use common::{Reason, Unavailable, health::Metrics};

/// Numbers, what is missing, and what the checks need beside.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) metrics: Metrics,
    pub(crate) unavailable: Unavailable,
    /// Blocks behind the cache hit ratio.
    pub(crate) blocks: i64,
    /// What they were counted over.
    pub(crate) blocks_over: BlocksOver,
    /// Settings whose new value waits for a restart.
    pub(crate) pending_restart: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum BlocksOver {
    /// Since the reading before, so many seconds ago.
    Interval(f64),
    /// Since the counters were last set to zero (seconds since the epoch; `None`: since the database began).
    Ever(Option<f64>),
    #[default]
    Nothing,
}

impl Measured {
    pub(crate) fn missing(&mut self, keys: &[&str], reason: &Reason) {
        for key in keys {
            self.unavailable.insert((*key).to_owned(), reason.clone());
        }
    }

    /// Takes what was read; a null that the server sent is said to be one.
    pub(crate) fn take<T>(&mut self, key: &str, read: Result<Option<T>, Reason>) -> Option<T> {
        match read {
            Ok(Some(value)) => Some(value),
            Ok(None) => {
                self.missing(&[key], &Reason::new("the server did not say"));
                None
            }
            Err(reason) => {
                self.missing(&[key], &reason);
                None
            }
        }
    }
}
