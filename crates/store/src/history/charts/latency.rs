//! Round trips, connects and their phases over time.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::{
    histogram::Histogram,
    history::{ChartData, LATENCY_METRICS},
};
use tokio_postgres::{Row, types::Type};

use super::{
    super::resolution::Resolution,
    ChartRange, chart,
    fold::{Part, Spread, Values},
};
use crate::{Store, StoreError, session};

const RAW: &str = "
select connection_id, checked_at, ok, held, round_trip_us, total_us, dns_us, tcp_us, tls_us, auth_us, query_us
from dashboard.checks
where connection_id = any ($1) and checked_at >= $2 and checked_at < $3
order by connection_id, checked_at";

/// In the order of [`LATENCY_METRICS`], as [`RAW`] calls them.
const COLUMNS: [&str; 7] = ["round_trip", "total", "dns", "tcp", "tls", "auth", "query"];

/// A bucket may come twice: what is rolled up, and what is not yet.
macro_rules! series {
    ($view:literal) => {
        concat!(
            "
select connection_id, bucket, checks, failures, round_trip_count, round_trip_sum, round_trip_min, round_trip_max,
    round_trip_histogram, total_count, total_sum, total_min, total_max, total_histogram, dns_count, dns_sum, dns_min,
    dns_max, tcp_count, tcp_sum, tcp_min, tcp_max, tls_count, tls_sum, tls_min, tls_max, auth_count, auth_sum, auth_min,
    auth_max, query_count, query_sum, query_min, query_max
from dashboard.",
            $view,
            "
where connection_id = any ($1) and bucket >= $2 and bucket < $3
order by connection_id, bucket"
        )
    };
}

/// The same without what only the other metrics need: most charts are of round trips.
macro_rules! round_trips {
    ($view:literal) => {
        concat!(
            "
select connection_id, bucket, checks, failures, round_trip_count, round_trip_sum, round_trip_min, round_trip_max,
    round_trip_histogram
from dashboard.",
            $view,
            "
where connection_id = any ($1) and bucket >= $2 and bucket < $3
order by connection_id, bucket"
        )
    };
}

impl Store {
    /// Series of the latency metrics of a range, with what changed marked.
    pub async fn latency_chart(&self, range: &ChartRange) -> Result<ChartData, StoreError> {
        let resolution = self.resolution(range);
        let wanted: Vec<usize> = range
            .metrics
            .iter()
            .filter_map(|name| LATENCY_METRICS.iter().position(|metric| metric == name))
            .collect();
        let only_round_trips = wanted.iter().all(|metric| *metric == 0);
        let sql = match (resolution, only_round_trips) {
            (None, _) => RAW,
            (Some(Resolution::FiveMinutes), true) => round_trips!("check_series_5m"),
            (Some(Resolution::Hour), true) => round_trips!("check_series_1h"),
            (Some(Resolution::Day), true) => round_trips!("check_series_1d"),
            (Some(Resolution::FiveMinutes), false) => series!("check_series_5m"),
            (Some(Resolution::Hour), false) => series!("check_series_1h"),
            (Some(Resolution::Day), false) => series!("check_series_1d"),
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
            for (place, metric) in wanted.iter().enumerate() {
                let part = if resolution.is_none() { check(row, *metric)? } else { bucket(row, *metric)? };
                if let Some(part) = part {
                    parts.entry((id, place)).or_default().push(part);
                }
            }
        }
        let mut data = chart(range, resolution, parts, |_| "ms".to_owned());
        data.marks = super::marks::read(session.client(), &ids, range.from, range.to).await?;
        Ok(data)
    }
}

/// Of phases and connects, checks on a held session tell nothing.
fn check(row: &Row, metric: usize) -> Result<Option<Part>, StoreError> {
    let at: DateTime<Utc> = row.try_get("checked_at")?;
    let (ok, held): (bool, bool) = (row.try_get("ok")?, row.try_get("held")?);
    if metric > 0 && held && ok {
        return Ok(None);
    }
    // The metrics stand in their order from the fifth column on.
    let us: Option<i32> = row.try_get(4 + metric)?;
    let values = us.filter(|_| ok).map(|us| Values::one(ms(us)));
    Ok(Some(Part { t: at.timestamp_millis(), count: 1, failures: i64::from(!ok), values }))
}

fn bucket(row: &Row, metric: usize) -> Result<Option<Part>, StoreError> {
    let at: DateTime<Utc> = row.try_get("bucket")?;
    let name = COLUMNS[metric];
    let column = |part: &str| format!("{name}_{part}");
    let failures = i64::from(row.try_get::<_, i32>("failures")?);
    let measured = i64::from(row.try_get::<_, Option<i32>>(column("count").as_str())?.unwrap_or(0));
    let count = if metric == 0 { i64::from(row.try_get::<_, i32>("checks")?) } else { measured + failures };
    if count == 0 {
        return Ok(None);
    }
    let min: Option<i32> = row.try_get(column("min").as_str())?;
    let max: Option<i32> = row.try_get(column("max").as_str())?;
    let sum: Option<i64> = row.try_get(column("sum").as_str())?;
    let values = match (min, max, sum) {
        (Some(min), Some(max), Some(sum)) => {
            let spread = if metric < 2 {
                let entries: Option<Vec<i32>> = row.try_get(column("histogram").as_str())?;
                Spread::Histogram(histogram(&entries.unwrap_or_default()))
            } else {
                Spread::Unknown
            };
            Some(Values { count: measured, sum: sum as f64 / 1000.0, min: ms(min), max: ms(max), spread })
        }
        _ => None,
    };
    Ok(Some(Part { t: at.timestamp_millis(), count, failures, values }))
}

fn ms(us: i32) -> f64 {
    f64::from(us) / 1000.0
}

/// As `dashboard.histogram_of` writes it: the number of the bucket above 21 bits that count.
pub(in super::super) fn histogram(entries: &[i32]) -> Histogram {
    let entry = |entry: &i32| ((entry >> 21) as u16, (entry & 0x1f_ffff) as u64);
    entries.iter().map(entry).collect()
}
