//! What one reading hands to the next: counters for rates, what the slow tier has found, and facts to compare with.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Counters, NamedCounters, named_counters::LONGEST_INTERVAL_S, slow::SlowTier};
use crate::StatementsBefore;
use crate::facts::Facts;

/// Kept between readings of one connection by whoever asks. Its JSON may come from another release: what that did
/// not know is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Which database it is about: what is known of another one is forgotten.
    pub(super) identity: Option<String>,
    pub(super) counters: Option<Counters>,
    pub(super) named: NamedCounters,
    pub(super) slow: SlowTier,
    pub(super) facts: Facts,
    /// Kept apart: it is large.
    #[serde(skip)]
    pub(super) statements: Option<Arc<StatementsBefore>>,
}

impl Memory {
    /// With what is known of statements.
    pub fn with_statements(self, before: Option<StatementsBefore>) -> Self {
        Self { statements: before.map(Arc::new), ..self }
    }

    /// Of a database, as far as it is the same one. What an identity cannot tell (it may not be seen) decides nothing.
    pub(super) fn of(mut self, identity: Option<&str>) -> Self {
        match (self.identity.as_deref(), identity) {
            // Facts know by themselves what they can still compare.
            (Some(before), Some(now)) if before != now => {
                Self { identity: Some(now.to_owned()), facts: self.facts, ..Self::default() }
            }
            (_, Some(now)) => {
                self.identity = Some(now.to_owned());
                self
            }
            _ => self,
        }
    }

    /// Whether a reading that is taken `now` will have rates: its counters are there, and not too old.
    pub fn gives_rates(&self, now: DateTime<Utc>) -> bool {
        self.counters.as_ref().is_some_and(|counters| {
            (now.timestamp_millis() as f64 / 1000.0 - counters.read_at_s) <= LONGEST_INTERVAL_S
        })
    }
}
