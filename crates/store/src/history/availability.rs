//! All connections in numbers of time: how often they could be reached, and their round trips.

use chrono::{DateTime, TimeDelta, Utc};
use common::{database::LatencyPercentiles, histogram::Histogram};
use tokio_postgres::types::Type;

use super::resolution::Resolution;
use crate::{Store, StoreError, session};

/// Whole days from the rollup of days, and the hours before the first of them from that of hours: right to the hour, and
/// few rows. $1 from which hour, $2 from which day.
const AVAILABILITY: &str = "
select range.place, sum(part.checks)::int8 as checks, sum(part.failures)::int8 as failures
from unnest($1::timestamptz[], $2::timestamptz[]) with ordinality as range (hour, day, place)
cross join lateral (
    select connection_id, checks, failures from dashboard.check_series_1d where bucket >= range.day
    union all
    select connection_id, checks, failures from dashboard.check_series_1h where bucket >= range.hour and bucket < range.day
) part
join dashboard.connections c on c.id = part.connection_id and c.deleted_at is null
group by range.place
order by range.place";
const ROUND_TRIPS: &str = "
select entry >> 21 as bucket, sum(entry & 2097151)::int8 as times
from dashboard.check_series_1h s
join dashboard.connections c on c.id = s.connection_id and c.deleted_at is null
cross join unnest(s.round_trip_histogram) as entry
where s.bucket >= $1
group by 1
order by 1";

impl Store {
    /// Which part of all checks passed, over each of `ranges` until now (each to the hour); `None` where there was none.
    pub async fn availability(
        &self,
        ranges: &[TimeDelta],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<f64>>, StoreError> {
        let hours: Vec<DateTime<Utc>> =
            ranges.iter().map(|range| Resolution::Hour.ceil(now - *range)).collect();
        let days: Vec<DateTime<Utc>> = hours.iter().map(|hour| Resolution::Day.ceil(*hour)).collect();
        let session = self.session().await?;
        let params = &[(&hours as _, Type::TIMESTAMPTZ_ARRAY), (&days as _, Type::TIMESTAMPTZ_ARRAY)];
        let rows = session::rows(session.client(), AVAILABILITY, params).await?;
        let mut ratios = vec![None; ranges.len()];
        for row in &rows {
            let place: i64 = row.try_get("place")?;
            let (checks, failures): (i64, i64) = (row.try_get("checks")?, row.try_get("failures")?);
            if let Some(ratio) = ratios.get_mut(place as usize - 1).filter(|_| checks > 0) {
                *ratio = Some((checks - failures) as f64 / checks as f64);
            }
        }
        Ok(ratios)
    }

    /// Of the round trips of all connections since then (to the hour), within 2 %, in milliseconds; `None` where no check
    /// passed.
    pub async fn latency_percentiles(&self, since: DateTime<Utc>) -> Result<LatencyPercentiles, StoreError> {
        let session = self.session().await?;
        let since = Resolution::Hour.ceil(since);
        let rows = session::rows(session.client(), ROUND_TRIPS, &[(&since, Type::TIMESTAMPTZ)]).await?;
        let counts = rows.iter().map(|row| {
            let (bucket, times): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((bucket as u16, times.unsigned_abs()))
        });
        let histogram = counts.collect::<Result<Histogram, StoreError>>()?;
        let ms = |ratio| histogram.quantile_us(ratio).map(|us| us.round() / 1000.0);
        Ok(LatencyPercentiles { p50: ms(0.5), p95: ms(0.95) })
    }
}
