//! How healthy a database is: the last reading, or one taken now.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use common::{
    ConnectionId, Health, Problem, Reason, Unavailable,
    health::{AllHealth, HealthCounts, HealthStatus},
};
use futures::{StreamExt, stream};

use crate::{
    Permission, Principal, Service, connections, failure, memory, patience::within_patience, plans,
    recording, statements, targets, watching,
};

/// How long a reading of all connections may take; what is missing by then says so.
const ALL_LIMIT: Duration = Duration::from_secs(10);
const NOT_IN_TIME: &str = "There was no answer within the 10 s that a reading of all connections may take.";
/// How many targets are read at the same time.
const CONCURRENT_READINGS: usize = 16;

/// The last reading, or one taken now where there is none (but not of a paused or sleeping database). `fresh` always
/// asks now; where no reading is near enough for rates, twice a second apart.
pub async fn read(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    fresh: bool,
) -> Result<Health, Problem> {
    who.require(Permission::Read)?;
    if !fresh && let Some((last, _)) = service.store().latest_health(id).await.map_err(failure::from_store)? {
        return Ok(last);
    }
    let target = targets::load(service, id).await?;
    who.require(Permission::Test)?;
    if !fresh {
        let connection = connections::get(service, who, id).await?;
        if connection.paused || connection.let_sleep {
            return Ok(unread(service, id, "It is paused or may sleep: it is only asked when you say so."));
        }
    }
    service.0.rate.admit(Some(id))?;
    within_patience(take(service, target, fresh)).await
}

/// Takes a reading now and keeps it. Who asks while one is under way joins it.
pub(crate) async fn take(
    service: &Service,
    loaded: targets::Loaded,
    two_readings: bool,
) -> Result<Health, Problem> {
    take_on(service, loaded, two_readings, true).await
}

/// [`take`], but for a database that failed a moment ago and is left alone for now: then that failure is the answer.
async fn take_if_due(service: &Service, loaded: targets::Loaded) -> Result<Health, Problem> {
    take_on(service, loaded, false, false).await
}

async fn take_on(
    service: &Service,
    loaded: targets::Loaded,
    two_readings: bool,
    now: bool,
) -> Result<Health, Problem> {
    let asking = service.clone();
    let key = (loaded.key.clone(), two_readings, now);
    let read = move || async move {
        let mut reading = match reading(&asking, &loaded, two_readings, now, Duration::ZERO).await {
            Ok(reading) => reading,
            // It was not asked: there is nothing new to keep.
            Err(left_alone) => return probe::HealthReading::of_failed(*left_alone.last).health,
        };
        recording::health(&asking, &loaded.key, &mut reading).await;
        plans::look_soon(&asking, &loaded, &reading);
        reading.health
    };
    service.0.readings.join(key, read).await.map_err(failure::from_lost)
}

/// Whether a look of the watcher could read the health.
pub(crate) struct WatchedHealth {
    pub(crate) ok: bool,
    pub(crate) left_alone: bool,
}

/// A reading that the watcher takes, kept in any case: a database that is left alone for a while is down. Who asks by hand
/// meanwhile takes a reading of their own.
pub(crate) async fn watch(service: &Service, loaded: &targets::Loaded, next: Duration) -> WatchedHealth {
    let reading = Box::pin(reading(service, loaded, false, false, next)).await;
    let left_alone = reading.is_err();
    let mut reading = reading.unwrap_or_else(|left_alone| {
        probe::HealthReading::of_failed(watching::still_failing(service, loaded.id(), &left_alone))
    });
    recording::health_unseen(service, &loaded.key, &mut reading).await;
    plans::look_soon(service, loaded, &reading);
    WatchedHealth { ok: reading.test.ok, left_alone }
}

/// Asks, compares with the reading before, and remembers for the next.
async fn reading(
    service: &Service,
    loaded: &targets::Loaded,
    two_readings: bool,
    now: bool,
    next: Duration,
) -> Result<probe::HealthReading, probe::BackingOff> {
    let target = match &loaded.target {
        Ok(target) => target,
        Err(error) => {
            let test = targets::not_begun(service, loaded.id(), error.clone());
            return Ok(probe::HealthReading::of_failed(test));
        }
    };
    let at = service.0.clock.now();
    let previous = memory(service, &loaded.key, two_readings, at).await;
    // The interval since the reading before says more than a second does.
    let two_readings = two_readings && !previous.as_ref().is_some_and(|memory| memory.gives_rates(at));
    let asked = probe::Asked { target, version: loaded.key.version, keep: loaded.keep, now, next };
    let mut reading = service.0.held.health(asked, previous.as_ref(), two_readings).await?;
    statements::name(service, &mut reading).await;
    memory::keep(service, &loaded.key, &reading);
    Ok(reading)
}

/// What the reading before handed on. Without it rates are unavailable, which is no reason not to read. Counters of
/// statements are looked up only where they are read again: now and then, and in a `fresh` reading.
async fn memory(
    service: &Service,
    of: &targets::TargetKey,
    fresh: bool,
    now: DateTime<Utc>,
) -> Option<probe::Memory> {
    let memory = memory::before(service, of).await?;
    let wanted = fresh || service.0.prober.statements_due(&memory, now);
    if !wanted || service.0.spool.is_away() {
        return Some(memory);
    }
    Some(match service.store().statements_before(of.id).await {
        Ok(before) => memory.with_statements(before.and_then(readable)),
        // The database is away: they stay due, and their interval grows.
        Err(_) => memory,
    })
}

/// Another release may have written it in another way: then it counts as none.
fn readable(before: store::StatementsBefore) -> Option<probe::StatementsBefore> {
    let snapshot = serde_json::from_str(&before.snapshot).ok()?;
    Some(probe::StatementsBefore { snapshot, taken_at: before.taken_at, texts: before.texts })
}

/// The last reading of every connection that is not paused; where there is none, one is taken now. All together
/// within 10 s: what did not make it is `unknown`, with the reason.
pub async fn read_all(service: &Service, who: &Principal) -> Result<AllHealth, Problem> {
    who.require(Permission::Read)?;
    who.require(Permission::Test)?;
    let targets = targets::all(service).await?;
    let known = service.store().all_latest_health().await.map_err(failure::from_store)?;
    let mut known: HashMap<ConnectionId, Health> =
        known.into_iter().map(|health| (health.connection_id, health)).collect();
    let (mut items, mut missing) = (Vec::new(), Vec::new());
    for target in targets {
        match known.remove(&target.id()) {
            Some(health) => items.push(health),
            None => missing.push(target),
        }
    }
    let mut late: Vec<ConnectionId> = missing.iter().map(targets::Loaded::id).collect();
    let readings = stream::iter(missing)
        .map(|target| take_if_due(service, target))
        .buffer_unordered(CONCURRENT_READINGS)
        .take_until(tokio::time::sleep(ALL_LIMIT));
    let mut readings = std::pin::pin!(readings);
    while let Some(reading) = readings.next().await {
        let health = reading?;
        late.retain(|id| *id != health.connection_id);
        items.push(health);
    }
    let mut unavailable = Unavailable::new();
    for id in late {
        unavailable.insert(id.to_string(), Reason::new("not_in_time"));
        items.push(unread(service, id, NOT_IN_TIME));
    }
    items.sort_by_key(|health| health.connection_id);
    Ok(AllHealth { summary: count(&items), items, unavailable })
}

/// No reading, and why.
fn unread(service: &Service, id: ConnectionId, reason: &str) -> Health {
    Health {
        connection_id: id,
        status: HealthStatus::Unknown,
        score: None,
        checked_at: service.0.clock.now(),
        duration_ms: 0.0,
        server: Default::default(),
        metrics: Default::default(),
        checks: Vec::new(),
        statements: Default::default(),
        changes: Vec::new(),
        error: None,
        unavailable: ["server", "metrics", "score", "checks", "statements"]
            .map(|field| (field.to_owned(), Reason::new(reason)))
            .into(),
    }
}

fn count(items: &[Health]) -> HealthCounts {
    let mut counts = HealthCounts::default();
    for health in items {
        let slot = match health.status {
            HealthStatus::Ok => &mut counts.ok,
            HealthStatus::Warning => &mut counts.warning,
            HealthStatus::Critical => &mut counts.critical,
            HealthStatus::Down => &mut counts.down,
            HealthStatus::Unknown => &mut counts.unknown,
        };
        *slot += 1;
    }
    counts
}
