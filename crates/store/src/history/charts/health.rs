//! The numbers of health readings over time.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::history::{ChartData, HEALTH_METRICS};
use tokio_postgres::{Row, types::Type};

use super::{
    super::resolution::Resolution,
    ChartRange, chart,
    fold::{Part, Spread, Values},
};
use crate::{Store, StoreError, session};

/// In the order of [`HEALTH_METRICS`].
const RAW: &str = "
select connection_id, checked_at, status,
    array[cache_hit_ratio, active_connections::float8, idle_connections::float8,
        idle_in_transaction_connections::float8, total_connections::float8, max_connections::float8,
        reserved_connections::float8, database_size_bytes::float8, transactions_per_s, rollback_ratio,
        deadlocks::float8, temp_bytes_per_s, replication_lag_s, replication_lag_bytes::float8,
        oldest_xid_age::float8, longest_transaction_s, waiting_locks::float8, wal_bytes_per_s] as values
from dashboard.health_samples
where connection_id = any ($1) and checked_at >= $2 and checked_at < $3
order by connection_id, checked_at";

/// A bucket may come twice: what is rolled up, and what is not yet.
macro_rules! series {
    ($view:literal) => {
        concat!(
            "
select connection_id, bucket, readings, failures, counts, sums, minima, maxima
from dashboard.",
            $view,
            "
where connection_id = any ($1) and bucket >= $2 and bucket < $3
order by connection_id, bucket"
        )
    };
}

impl Store {
    /// Series of the health metrics of a range, with what changed marked.
    pub async fn health_chart(&self, range: &ChartRange) -> Result<ChartData, StoreError> {
        let resolution = self.resolution(range);
        let wanted: Vec<usize> = range
            .metrics
            .iter()
            .filter_map(|name| HEALTH_METRICS.iter().position(|(metric, _)| metric == name))
            .collect();
        let sql = match resolution {
            None => RAW,
            Some(Resolution::FiveMinutes) => series!("health_series_5m"),
            Some(Resolution::Hour) => series!("health_series_1h"),
            Some(Resolution::Day) => series!("health_series_1d"),
        };
        let from = resolution.map_or(range.from, |resolution| resolution.floor(range.from));
        let ids = range.ids();
        let session = self.session().await?;
        let params = &[
            (&ids as _, Type::INT8_ARRAY),
            (&from as _, Type::TIMESTAMPTZ),
            (&range.to as _, Type::TIMESTAMPTZ),
        ];
        let rows = session::rows(session.client(), sql, params).await?;
        let mut parts: HashMap<(i64, usize), Vec<Part>> = HashMap::new();
        for row in &rows {
            let id: i64 = row.try_get(0)?;
            let of_row = if resolution.is_none() { reading(row, &wanted)? } else { bucket(row, &wanted)? };
            for (place, part) in of_row.into_iter().enumerate() {
                parts.entry((id, place)).or_default().push(part);
            }
        }
        let unit = |name: &str| {
            let known = HEALTH_METRICS.iter().find(|(metric, _)| *metric == name);
            known.map_or("count", |(_, unit)| unit).to_owned()
        };
        let mut data = chart(range, resolution, parts, unit);
        data.marks = super::marks::read(session.client(), &ids, range.from, range.to).await?;
        Ok(data)
    }
}

/// A part for each metric that is wanted.
fn reading(row: &Row, wanted: &[usize]) -> Result<Vec<Part>, StoreError> {
    let at: DateTime<Utc> = row.try_get("checked_at")?;
    let failures = i64::from(row.try_get::<_, &str>("status")? == "down");
    let values: Vec<Option<f64>> = row.try_get("values")?;
    let value = |metric: usize| values.get(metric).copied().flatten().filter(|value| value.is_finite());
    let part = |metric: &usize| Part {
        t: at.timestamp_millis(),
        count: 1,
        failures,
        values: value(*metric).map(Values::one),
    };
    Ok(wanted.iter().map(part).collect())
}

fn bucket(row: &Row, wanted: &[usize]) -> Result<Vec<Part>, StoreError> {
    let at: DateTime<Utc> = row.try_get("bucket")?;
    let count = i64::from(row.try_get::<_, i32>("readings")?);
    let failures = i64::from(row.try_get::<_, i32>("failures")?);
    let counts: Vec<Option<i32>> = row.try_get("counts")?;
    let [sums, minima, maxima] =
        ["sums", "minima", "maxima"].map(|name| row.try_get::<_, Vec<Option<f64>>>(name));
    let (sums, minima, maxima) = (sums?, minima?, maxima?);
    let values = |metric: usize| {
        let of = |values: &[Option<f64>]| values.get(metric).copied().flatten();
        let count = i64::from(counts.get(metric).copied().flatten()?);
        let (sum, min, max) = (of(&sums)?, of(&minima)?, of(&maxima)?);
        Some(Values { count, sum, min, max, spread: Spread::Unknown })
    };
    let part = |metric: &usize| Part { t: at.timestamp_millis(), count, failures, values: values(*metric) };
    Ok(wanted.iter().map(part).collect())
}
