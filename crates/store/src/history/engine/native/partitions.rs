//! Partitions of the raw tables: which there are, which are wanted, which are too old.
//!
//! Both tables always have the same ones. Their bounds stand in their names, in UTC: `checks_2026011500_2026012200`.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use tokio_postgres::{GenericClient, Transaction, error::SqlState};

use super::super::super::resolution::floor;
use crate::{Store, StoreError, open::commit, session};

const TABLES: [&str; 2] = ["checks", "health_samples"];
/// So that two replicas do not make the same one: "pghist" in ASCII.
const LOCK: &str = "select pg_advisory_xact_lock(123589351928692)";
/// Those of one table stand for both.
const LIST: &str = "
select partition.relname::text
from pg_inherits
join pg_class partition on partition.oid = inhrelid
where inhparent = 'dashboard.checks'::regclass";
/// Nobody waits long for a drop that waits for a reader.
const PATIENCE: &str = "set local lock_timeout = '2s'";

/// How far ahead partitions are made, at least: as long as maintenance may be missing.
fn ahead() -> TimeDelta {
    TimeDelta::days(2)
}

/// The time that a partition covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Slot {
    pub(super) from: DateTime<Utc>,
    /// The first moment that does not belong to it.
    pub(super) to: DateTime<Utc>,
}

impl Slot {
    /// The one that a time lies in. They begin at whole multiples of their width since 1970.
    pub(super) fn of(at: DateTime<Utc>, hours: u32) -> Self {
        let width = i64::from(hours) * 3600;
        let from = floor(at, width);
        Self { from, to: from + TimeDelta::seconds(width) }
    }

    /// Those that are needed from now on, until maintenance has had many a chance to make more.
    pub(super) fn ahead(now: DateTime<Utc>, hours: u32) -> impl Iterator<Item = Self> {
        let until = (now + ahead()).max(Self::of(now, hours).to);
        std::iter::successors(Some(Self::of(now, hours)), move |slot| Some(Self::of(slot.to, hours)))
            .take_while(move |slot| slot.from <= until)
    }

    fn name(self, table: &str) -> String {
        format!("{table}_{}_{}", self.from.format("%Y%m%d%H"), self.to.format("%Y%m%d%H"))
    }

    fn named(name: &str) -> Option<Self> {
        let mut parts = name.rsplit('_');
        let (to, from) = (parts.next()?, parts.next()?);
        let time = |text: &str| {
            NaiveDateTime::parse_from_str(&format!("{text}0000"), "%Y%m%d%H%M%S").ok().map(|at| at.and_utc())
        };
        Some(Self { from: time(from)?, to: time(to)? })
    }

    /// What of it no other covers: there may be some of another width, from before the setting was changed.
    fn without(self, others: &BTreeSet<Self>) -> Vec<Self> {
        let mut free = Vec::new();
        let mut from = self.from;
        for other in others.iter().filter(|other| other.to > self.from && other.from < self.to) {
            if other.from > from {
                free.push(Self { from, to: other.from });
            }
            from = from.max(other.to);
        }
        if from < self.to {
            free.push(Self { from, to: self.to });
        }
        free
    }
}

/// The partitions that are known to be there.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<BTreeSet<Slot>>);

impl Room {
    fn known(&self) -> MutexGuard<'_, BTreeSet<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, at: DateTime<Utc>) -> bool {
        let latest = Slot { from: at, to: DateTime::<Utc>::MAX_UTC };
        self.known().range(..=latest).next_back().is_some_and(|slot| at < slot.to)
    }
}

pub(in super::super) async fn make_room(
    store: &Store,
    times: impl Iterator<Item = DateTime<Utc>>,
) -> Result<(), StoreError> {
    let hours = store.chunk_interval().hours();
    let wanted: BTreeSet<Slot> =
        times.filter(|at| !store.room().has(*at)).map(|at| Slot::of(at, hours)).collect();
    if !wanted.is_empty() {
        ensure(store, &wanted).await?;
    }
    Ok(())
}

/// "no partition of relation … found for row".
pub(in super::super) fn lost_room(store: &Store, error: &StoreError) -> bool {
    let StoreError::Query(error) = error else { return false };
    let is_lost = error.code() == Some(&SqlState::CHECK_VIOLATION);
    if is_lost {
        store.room().known().clear();
    }
    is_lost
}

/// Makes those of `wanted` that are missing; answers how many.
pub(super) async fn ensure(store: &Store, wanted: &BTreeSet<Slot>) -> Result<u64, StoreError> {
    let mut session = store.session().await?;
    let there = list(session.client()).await?;
    let made = if wanted.iter().all(|slot| slot.without(&there).is_empty()) {
        *store.room().known() = there;
        0
    } else {
        let transaction = session.begin().await?;
        let made = make(&transaction, wanted).await?;
        let there = list(&transaction).await?;
        commit(transaction).await?;
        *store.room().known() = there;
        made
    };
    Ok(made)
}

/// Attaching takes no lock that writers or readers wait for; creating a partition in one step would.
pub(super) async fn make(transaction: &Transaction<'_>, wanted: &BTreeSet<Slot>) -> Result<u64, StoreError> {
    session::row(transaction, LOCK, &[]).await?;
    let there = list(transaction).await?;
    let mut made = 0;
    for slot in wanted.iter().flat_map(|slot| slot.without(&there)) {
        for table in TABLES {
            let (name, from, to) = (slot.name(table), slot.from.to_rfc3339(), slot.to.to_rfc3339());
            // No parameters in a definition; all of it is ours.
            let sql = format!(
                "create table dashboard.{name} (like dashboard.{table});
                 alter table dashboard.{table} attach partition dashboard.{name} for values from ('{from}') to ('{to}')"
            );
            transaction.batch_execute(&sql).await?;
        }
        made += 1;
    }
    Ok(made)
}

pub(super) async fn list(client: &impl GenericClient) -> Result<BTreeSet<Slot>, StoreError> {
    let rows = session::rows(client, LIST, &[]).await?;
    rows.iter()
        .map(|row| {
            Slot::named(row.try_get(0)?).ok_or(StoreError::Unreadable { what: "partition of history" })
        })
        .collect()
}

/// The time of the first row in a slot of either table.
pub(super) async fn oldest_in(
    client: &impl GenericClient,
    slot: Slot,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let [checks, samples] = TABLES.map(|table| slot.name(table));
    let sql = format!(
        "select least((select min(checked_at) from dashboard.{checks}), (select min(checked_at) from dashboard.{samples}))"
    );
    Ok(session::row(client, &sql, &[]).await?.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Drops those whose every row is older. What a reader holds up is left for the next time.
pub(super) async fn drop_before(store: &Store, oldest: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut session = store.session().await?;
    let old: Vec<Slot> = list(session.client()).await?.into_iter().filter(|slot| slot.to <= oldest).collect();
    let mut dropped = 0;
    for slot in old {
        let transaction = session.begin().await?;
        session::row(&transaction, LOCK, &[]).await?;
        transaction.batch_execute(PATIENCE).await?;
        let [checks, samples] = TABLES.map(|table| slot.name(table));
        let sql = format!("drop table if exists dashboard.{checks}, dashboard.{samples}");
        match transaction.batch_execute(&sql).await {
            Ok(()) => {
                commit(transaction).await?;
                dropped += 1;
            }
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                tracing::info!(partition = checks, "history is being read; it is dropped later");
            }
            Err(error) => return Err(error.into()),
        }
        store.room().known().remove(&slot);
    }
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(from: i64, to: i64) -> Slot {
        let at = |hour| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        Slot { from: at(from), to: at(to) }
    }

    #[test]
    fn a_slot_is_read_from_the_name_that_it_gave() {
        let slot = Slot::of("2026-01-31T12:34:56Z".parse().unwrap(), 168);
        assert_eq!(slot.name("health_samples"), "health_samples_2026012900_2026020500");
        assert_eq!(Slot::named(&slot.name("checks")), Some(slot));
        assert_eq!(Slot::named("checks_default"), None);
    }

    #[test]
    fn where_the_width_has_changed_only_the_rest_is_made() {
        let there = BTreeSet::from([slot(0, 10), slot(20, 30), slot(50, 60)]);
        assert_eq!(slot(5, 55).without(&there), [slot(10, 20), slot(30, 50)]);
        assert_eq!(slot(22, 28).without(&there), []);
        assert_eq!(slot(10, 20).without(&there), [slot(10, 20)]);
    }

    #[test]
    fn there_is_room_ahead_for_two_days_and_a_whole_slot() {
        let now = "2026-01-31T12:34:56Z".parse().unwrap();
        let hourly: Vec<Slot> = Slot::ahead(now, 1).collect();
        assert_eq!(hourly.len(), 49);
        assert!(hourly.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!(Slot::ahead(now, 24 * 365).count(), 2);
    }
}
