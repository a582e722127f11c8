//! What was measured over time: charts, and the checks themselves.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId, FieldError, Page, Problem, TestResult,
    history::{
        ChartData, ChartQuery, DEFAULT_HEALTH_METRICS, DEFAULT_POINTS, HEALTH_METRICS, LATENCY_METRICS,
        MAX_POINTS, MAX_POINTS_OF_ALL, MAX_RANGE_DAYS, MAX_SERIES, RecentChecksQuery,
    },
    list,
};
use store::{Before, ChartRange, ChartSource, RecentChecks};

use crate::{Permission, Principal, Service, failure};

/// How often the history is looked after. What has not been rolled up yet is read from raw rows.
pub(crate) const MAINTAIN_EVERY: Duration = Duration::from_secs(60);

/// How far a range may reach beyond now: the clock of whoever asks may be ahead.
fn skew() -> TimeDelta {
    TimeDelta::minutes(5)
}

/// `GET /api/latency-chart-data`: round trips, or what else of [`LATENCY_METRICS`] is asked for, over time.
pub async fn latency(service: &Service, who: &Principal, query: ChartQuery) -> Result<ChartData, Problem> {
    who.require(Permission::Read)?;
    let range = range(service, query, &LATENCY_METRICS, &LATENCY_METRICS[..1]).await?;
    service.store().latency_chart(&range).await.map_err(failure::from_store)
}

/// `GET /api/health-metrics-chart-data`: the numbers of health readings over time.
pub async fn health_metrics(
    service: &Service,
    who: &Principal,
    query: ChartQuery,
) -> Result<ChartData, Problem> {
    who.require(Permission::Read)?;
    let known = HEALTH_METRICS.map(|(metric, _)| metric);
    let range = range(service, query, &known, &DEFAULT_HEALTH_METRICS).await?;
    service.store().health_chart(&range).await.map_err(failure::from_store)
}

/// `GET /api/recent-checks`: the checks themselves, newest first. Of all but the newest of each connection some things are
/// not kept; `unavailable` says which.
pub async fn recent_checks(
    service: &Service,
    who: &Principal,
    query: RecentChecksQuery,
) -> Result<Page<TestResult>, Problem> {
    who.require(Permission::Read)?;
    let mut faults = Vec::new();
    let limit = query.limit.unwrap_or(list::DEFAULT_LIMIT);
    if !(1..=list::MAX_LIMIT).contains(&limit) {
        faults.push(failure::field("limit", "range", &format!("From 1 to {}.", list::MAX_LIMIT)));
    }
    let before = match query.before.as_deref() {
        None => None,
        Some(text) => {
            let before = before(text);
            if before.is_none() {
                let message = "Use the `next` of the page before, or a time as in RFC 3339.";
                faults.push(failure::field("before", "unknown", message));
            }
            before
        }
    };
    let ids = distinct(query.connection_ids);
    if ids.len() > MAX_SERIES {
        faults.push(failure::field("connection_id", "too_many", &format!("At most {MAX_SERIES}.")));
    }
    if !faults.is_empty() {
        return Err(Problem::validation(faults));
    }
    if !ids.is_empty() {
        let there = service.store().chart_sources(&ids, ids.len()).await.map_err(failure::from_store)?;
        known(&ids, &there)?;
    }
    let query = RecentChecks { connection_ids: ids, ok: query.ok, before, limit };
    service.store().recent_checks(&query, service.0.clock.now()).await.map_err(failure::from_store)
}

fn before(text: &str) -> Option<Before> {
    // A `+` that is not encoded is a space.
    let time =
        DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok().map(|time| Before::time(time.to_utc()));
    time.or_else(|| Before::decode(text))
}

/// What a query asks for, or everything that is wrong with it.
async fn range(
    service: &Service,
    query: ChartQuery,
    metrics: &[&str],
    usual: &[&str],
) -> Result<ChartRange, Problem> {
    let now = service.0.clock.now();
    let mut faults = Vec::new();
    let (from, to) = times(&query, now, &mut faults);
    let unknown: Vec<&String> =
        query.metrics.iter().filter(|name| !metrics.contains(&name.as_str())).collect();
    if !unknown.is_empty() {
        faults.push(failure::field("metric", "unknown", &format!("One of: {}.", metrics.join(", "))));
    }
    if query.points.is_some_and(|points| !(1..=MAX_POINTS).contains(&points)) {
        faults.push(failure::field("points", "range", &format!("From 1 to {MAX_POINTS}.")));
    }
    if !faults.is_empty() {
        return Err(Problem::validation(faults));
    }
    let mut metrics = Vec::new();
    for name in query.metrics {
        if !metrics.contains(&name) {
            metrics.push(name);
        }
    }
    if metrics.is_empty() {
        metrics = usual.iter().map(|name| (*name).to_owned()).collect();
    }
    let ids = distinct(query.connection_ids);
    let most = MAX_SERIES / metrics.len();
    if ids.len() > most {
        return Err(too_many(most));
    }
    let sources = service.store().chart_sources(&ids, most + 1).await.map_err(failure::from_store)?;
    known(&ids, &sources)?;
    if sources.len() > most {
        return Err(too_many(most));
    }
    let each = MAX_POINTS_OF_ALL / (sources.len() * metrics.len()).max(1) as u32;
    if query.points.is_some_and(|points| points > each) {
        let message = format!("At most {each} for so many lines.");
        return Err(Problem::field("points", "range", &message));
    }
    let points = query.points.unwrap_or(DEFAULT_POINTS.min(each));
    Ok(ChartRange { sources, metrics, from, to, points, now })
}

/// Where a range begins and ends. Without an end it is now, up to the next ten seconds: who asks again at once gets the same
/// answer.
fn times(
    query: &ChartQuery,
    now: DateTime<Utc>,
    faults: &mut Vec<FieldError>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    const STEP_S: i64 = 10;
    let soon = DateTime::from_timestamp((now.timestamp() / STEP_S + 1) * STEP_S, 0).unwrap_or(now);
    let to = query.to.unwrap_or(soon);
    let from = query.from.unwrap_or(to - TimeDelta::hours(24));
    if from > now {
        faults.push(failure::field("from", "future", "Nothing was measured yet at that time."));
    } else if from >= to {
        faults.push(failure::field("from", "range", "Must be before `to`."));
    } else if to - from > TimeDelta::days(MAX_RANGE_DAYS) {
        faults.push(failure::field("from", "too_long", "A range is at most five years long."));
    }
    if to > now + skew() {
        faults.push(failure::field("to", "future", "Must not be in the future."));
    }
    (from, to)
}

fn distinct(mut ids: Vec<ConnectionId>) -> Vec<ConnectionId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn known(ids: &[ConnectionId], there: &[ChartSource]) -> Result<(), Problem> {
    match ids.iter().find(|id| !there.iter().any(|source| source.connection_id == **id)) {
        Some(gone) => {
            Err(Problem::field("connection_id", "unknown", format!("There is no connection {gone}.")))
        }
        None => Ok(()),
    }
}

fn too_many(most: usize) -> Problem {
    let message = format!("A chart has at most {MAX_SERIES} lines: name {most} connections at most.");
    Problem::field("connection_id", "too_many", message)
}

/// Makes room for what is to come, rolls up what has come and drops what is older than it is kept.
pub(crate) async fn maintain(service: &Service) {
    match service.store().maintain_history(service.0.clock.now()).await {
        Ok(done) if done.partitions_made + done.partitions_dropped + done.rows_dropped > 0 => {
            let store::Maintenance { partitions_made, partitions_dropped, rows_dropped, .. } = done;
            tracing::info!(partitions_made, partitions_dropped, rows_dropped, "looked after the history");
        }
        Ok(_) => {}
        Err(error) => {
            failure::from_store(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(from: Option<&str>, to: Option<&str>) -> Vec<(String, String)> {
        let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let query = ChartQuery { from: time(from), to: time(to), ..ChartQuery::default() };
        let mut faults = Vec::new();
        times(&query, "2026-01-31T12:00:03Z".parse().unwrap(), &mut faults);
        faults.into_iter().map(|fault| (fault.field, fault.code)).collect()
    }

    fn fault(field: &str, code: &str) -> (String, String) {
        (field.to_owned(), code.to_owned())
    }

    #[test]
    fn a_range_lies_in_the_past_and_is_not_too_long() {
        assert_eq!(told(None, None), []);
        assert_eq!(told(Some("2026-01-30T12:00:00Z"), Some("2026-01-31T12:04:00Z")), []);
        assert_eq!(
            told(Some("2026-01-30T12:00:00Z"), Some("2026-01-30T12:00:00Z")),
            [fault("from", "range")]
        );
        assert_eq!(told(Some("2020-01-30T12:00:00Z"), None), [fault("from", "too_long")]);
        assert_eq!(told(None, Some("2020-01-30T12:00:00Z")), []);
        assert_eq!(
            told(Some("2026-02-01T00:00:00Z"), Some("2026-02-02T00:00:00Z")),
            [fault("from", "future"), fault("to", "future")]
        );
    }

    #[test]
    fn a_page_begins_at_a_time_or_a_cursor() {
        assert_eq!(before("2026-01-31T12:00:00 01:00"), before("2026-01-31T11:00:00Z"));
        assert!(before("2026-01-31T11:00:00Z").is_some());
        assert_eq!((before("yesterday"), before("")), (None, None));
    }
}
