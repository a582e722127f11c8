//! Series for charts: read as finely as the range and the points asked for need, then folded.

mod fold;
mod health;
mod latency;
mod marks;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId,
    history::{COLUMNS, ChartData, Series},
};
use tokio_postgres::types::Type;

use self::fold::{Folding, Part};
use super::resolution::Resolution;
use crate::{Store, StoreError, session};

const SOURCES: &str = "
select id, name, check_interval_s
from dashboard.connections
where deleted_at is null and (cardinality($1::int8[]) = 0 or id = any ($1))
order by name_key, id
limit $2::int8";

/// A connection whose history is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    pub connection_id: ConnectionId,
    pub name: String,
    pub check_interval_s: i32,
}

/// What to draw. `from` lies before `to`; `points` is at least 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartRange {
    pub sources: Vec<ChartSource>,
    /// Names of [`common::history::LATENCY_METRICS`] or of [`common::history::HEALTH_METRICS`].
    pub metrics: Vec<String>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// The most points of a series.
    pub points: u32,
    pub now: DateTime<Utc>,
}

impl ChartRange {
    fn ids(&self) -> Vec<i64> {
        self.sources.iter().map(|source| source.connection_id.0).collect()
    }
}

impl Store {
    /// The connections with these ids, or all where there are none; by name, at most `limit`.
    pub async fn chart_sources(
        &self,
        ids: &[ConnectionId],
        limit: usize,
    ) -> Result<Vec<ChartSource>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let session = self.session().await?;
        let params = &[(&ids as _, Type::INT8_ARRAY), (&(limit as i64) as _, Type::INT8)];
        let rows = session::rows(session.client(), SOURCES, params).await?;
        rows.iter()
            .map(|row| {
                Ok(ChartSource {
                    connection_id: ConnectionId(row.try_get("id")?),
                    name: row.try_get("name")?,
                    check_interval_s: row.try_get("check_interval_s")?,
                })
            })
            .collect()
    }

    /// Which resolution a chart is made from; `None`: the raw rows.
    fn resolution(&self, range: &ChartRange) -> Option<Resolution> {
        let seconds = (range.to - range.from).num_seconds().max(1);
        // A point may be made of a few rows, but not of many: they would all be read.
        let few = |every: i64| seconds / every.max(1) <= 3 * i64::from(range.points);
        let interval = range.sources.iter().map(|source| source.check_interval_s).min().unwrap_or(60);
        let retention = TimeDelta::days(i64::from(self.retention_days()));
        let is_kept = |kept: TimeDelta| range.from >= range.now - kept;
        if is_kept(retention) && few(i64::from(interval)) {
            return None;
        }
        let fine = [Resolution::FiveMinutes, Resolution::Hour];
        let found = fine.into_iter().find(|fine| is_kept(fine.kept()) && few(fine.seconds()));
        Some(found.unwrap_or(Resolution::Day))
    }
}

/// The series of what was read: `parts` by connection and metric (by its place in `range.metrics`), each in the order of time.
fn chart(
    range: &ChartRange,
    resolution: Option<Resolution>,
    mut parts: HashMap<(i64, usize), Vec<Part>>,
    unit: impl Fn(&str) -> String,
) -> ChartData {
    let finest = resolution.map(Resolution::seconds);
    let mut folding = Folding::new(range.from, range.to, range.points, finest);
    // One resolution for all of them: where one has more rows than points, all are folded.
    let usual = |source: &ChartSource| i64::from(source.check_interval_s) * 1000;
    let too_many = |source: &ChartSource, parts: &HashMap<(i64, usize), Vec<Part>>| {
        (0..range.metrics.len()).any(|metric| {
            let parts = parts.get(&(source.connection_id.0, metric));
            parts.is_some_and(|parts| folding.is_too_fine_for(parts, usual(source)))
        })
    };
    if range.sources.iter().any(|source| too_many(source, &parts)) {
        folding = folding.coarser();
    }
    let mut series = Vec::with_capacity(range.sources.len() * range.metrics.len());
    for source in &range.sources {
        for (metric, name) in range.metrics.iter().enumerate() {
            let parts = parts.remove(&(source.connection_id.0, metric)).unwrap_or_default();
            series.push(Series {
                connection_id: source.connection_id,
                name: source.name.clone(),
                metric: name.clone(),
                unit: unit(name),
                columns: COLUMNS.map(str::to_owned).to_vec(),
                points: folding.points(parts, usual(source)),
            });
        }
    }
    ChartData {
        from: range.from,
        to: range.to,
        resolution_s: folding.resolution_s(),
        series,
        marks: Vec::new(),
    }
}
