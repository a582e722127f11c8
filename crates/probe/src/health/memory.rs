//! What one reading hands to the next: counters for rates, what the slow tier has found, and facts to compare with.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::{Counters, NamedCounters, named_counters::LONGEST_INTERVAL_S, polled::Polled, slow::SlowTier};
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
    /// By the dashboard's clock: a server's may be days off.
    pub(super) taken_at: Option<DateTime<Utc>>,
    pub(super) named: NamedCounters,
    /// What another release measured in another shape is measured anew; the rest of the memory stands.
    #[serde(deserialize_with = "or_default")]
    pub(super) slow: SlowTier,
    pub(super) facts: Facts,
    #[serde(deserialize_with = "or_default")]
    pub(super) polled: Polled,
    /// Kept apart: it is large.
    #[serde(skip)]
    pub(super) statements: Before,
}

/// What the next reading compares statements with.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Before {
    /// Nobody has looked: it is not the statements' turn.
    #[default]
    NotLoaded,
    /// `None`: they were never read.
    Loaded(Option<Arc<StatementsBefore>>),
}

impl Memory {
    /// With what is known of statements: the next reading reads them, whether or not they are due
    /// ([`crate::Prober::statements_due`]). Without it they are shown as they were read last.
    pub fn with_statements(self, before: Option<StatementsBefore>) -> Self {
        Self { statements: Before::Loaded(before.map(Arc::new)), ..self }
    }

    pub(crate) fn statements_due(&self, now: DateTime<Utc>, every: Duration) -> bool {
        self.polled.is_due(now, every)
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
        let age_s = self.taken_at.map(|at| (now - at).as_seconds_f64());
        self.counters.is_some() && age_s.is_some_and(|age_s| (0.0..=LONGEST_INTERVAL_S).contains(&age_s))
    }
}

fn or_default<'de, D, T>(value: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    let value = serde_json::Value::deserialize(value)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_another_release_measured_in_another_shape_costs_only_itself() {
        let mut json =
            serde_json::to_value(Memory { identity: Some("7/5".to_owned()), ..Memory::default() }).unwrap();
        json["slow"] = serde_json::json!({"measured": {"sizes": {"check": 1}}});
        json["polled"] = serde_json::json!({"shown": 7});
        let memory: Memory = serde_json::from_value(json).unwrap();
        assert_eq!((memory.identity.as_deref(), memory.slow), (Some("7/5"), SlowTier::default()));
        assert_eq!(memory.polled, Polled::default());
    }

    #[test]
    fn rates_need_counters_of_the_last_hour_by_our_own_clock() {
        let now = Utc::now();
        let counters = serde_json::json!({
            "database_oid": 5, "xact_commit": 1, "xact_rollback": 0, "blks_hit": 1, "blks_read": 0, "deadlocks": 0,
            "temp_bytes": 0, "wal_bytes": null, "stats_reset_s": null, "started_at_s": 1.0, "read_at_s": 2.0
        });
        let taken = |ago: TimeDelta| Memory {
            counters: serde_json::from_value(counters.clone()).ok(),
            taken_at: Some(now - ago),
            ..Memory::default()
        };
        assert!(taken(TimeDelta::minutes(59)).gives_rates(now));
        assert!(!taken(TimeDelta::minutes(61)).gives_rates(now));
        assert!(!taken(TimeDelta::minutes(-1)).gives_rates(now), "a clock that was set back");
        assert!(!Memory { taken_at: Some(now), ..Memory::default() }.gives_rates(now));
    }
}
