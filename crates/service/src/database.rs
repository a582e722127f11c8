//! The dashboard's own database, and all connections in a few numbers.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use common::{
    ConnectionStatus, Problem, Reason, Unavailable,
    database::{ConnectionCounts, DatabaseInfo, DatabaseSummary, Group, MigrationInfo, SpoolInfo},
};
use store::Standing;

use crate::{Permission, Principal, Service, failure};

/// The ranges over which availability is told, in hours.
const AVAILABILITY: [(&str, i64); 3] = [("24h", 24), ("7d", 7 * 24), ("30d", 30 * 24)];

/// `GET /api/database/info`: where the dashboard keeps its own data, and how much of it there is.
pub async fn info(service: &Service, who: &Principal) -> Result<DatabaseInfo, Problem> {
    who.require(Permission::Read)?;
    let mut info = service.store().database_info().await.map_err(failure::from_store)?;
    info.spool = Some(service.0.spool.info());
    info.unavailable.remove("spool");
    Ok(info)
}

/// `GET /api/database-summary`: all connections in a few numbers.
pub async fn summary(service: &Service, who: &Principal) -> Result<DatabaseSummary, Problem> {
    who.require(Permission::Read)?;
    let store = service.store();
    let now = service.0.clock.now();
    let since = now - TimeDelta::hours(24);
    let ranges = AVAILABILITY.map(|(_, hours)| TimeDelta::hours(hours));
    let (standings, availability, latency_ms, size_bytes, findings) = tokio::try_join!(
        store.standings(),
        store.availability(&ranges, now),
        store.latency_percentiles(since),
        store.measured_size_bytes(),
        store.finding_counts(),
    )
    .map_err(failure::from_store)?;
    let checked_at = standings.iter().filter_map(|standing| standing.checked_at).max();

    let mut unavailable = Unavailable::new();
    let missing = [
        ("availability_ratio", availability.iter().all(Option::is_none)),
        ("latency_ms", latency_ms.p50.is_none()),
        ("size_bytes", size_bytes.is_none()),
        ("checked_at", checked_at.is_none()),
    ];
    unavailable.extend(
        missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| not_collected(name)),
    );
    let of_some = availability.iter().any(Option::is_some);
    for ((range, _), ratio) in AVAILABILITY.iter().zip(&availability) {
        if of_some && ratio.is_none() {
            unavailable.extend([not_collected(&format!("availability_ratio.{range}"))]);
        }
    }
    Ok(DatabaseSummary {
        connections: count(&standings),
        availability_ratio: AVAILABILITY
            .iter()
            .zip(availability)
            .map(|((name, _), ratio)| ((*name).to_owned(), ratio))
            .collect(),
        latency_ms,
        size_bytes,
        findings,
        by_region: groups(&standings, |standing| standing.region.clone()),
        by_cloud_provider: groups(&standings, |standing| standing.cloud_provider.clone()),
        // server_version_num: 170002 is 17.2 (libpq, PQserverVersion).
        by_version: groups(&standings, |standing| {
            standing.server_version_num.map(|num| (num / 10_000).to_string())
        }),
        checked_at,
        unavailable,
    })
}

fn not_collected(field: &str) -> (String, Reason) {
    (field.to_owned(), Reason::new(Reason::NOT_COLLECTED))
}

fn count<'a>(standings: impl IntoIterator<Item = &'a Standing>) -> ConnectionCounts {
    let mut counts = ConnectionCounts::default();
    for standing in standings {
        counts.total += 1;
        let slot = match standing.status {
            ConnectionStatus::Up => &mut counts.up,
            ConnectionStatus::Degraded => &mut counts.degraded,
            ConnectionStatus::Down => &mut counts.down,
            ConnectionStatus::Paused => &mut counts.paused,
            ConnectionStatus::Unknown => &mut counts.unknown,
        };
        *slot += 1;
    }
    counts
}

/// The connections that share a name, in the order of the names; those without one come first.
fn groups(standings: &[Standing], name: impl Fn(&Standing) -> Option<String>) -> Vec<Group> {
    let mut by_name: BTreeMap<Option<String>, Vec<&Standing>> = BTreeMap::new();
    for standing in standings {
        by_name.entry(name(standing)).or_default().push(standing);
    }
    by_name.into_iter().map(|(name, standings)| Group { name, connections: count(standings) }).collect()
}

/// What waits for the own database, what was lost, and whether the disk takes it.
pub fn spool(service: &Service, who: &Principal) -> Result<SpoolInfo, Problem> {
    who.require(Permission::Read)?;
    Ok(service.0.spool.info())
}

/// Whether requests can be answered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub ready: bool,
    pub migrations: MigrationInfo,
    /// A spool that cannot write says so here; requests are answered all the same.
    pub spool: SpoolInfo,
}

/// Asks the own database one question. It says nothing about what is kept there, so anyone may ask.
pub async fn ready(service: &Service) -> Result<Readiness, Problem> {
    let migrations = service.store().migrations().await.map_err(failure::from_store)?;
    // A newer release's migrations are fine (each works with the release before it); missing ones are not.
    let spool = service.0.spool.info();
    Ok(Readiness { ready: migrations.applied >= migrations.latest, migrations, spool })
}
