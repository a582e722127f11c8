//! Round trips of all connections together.

use chrono::{DateTime, Utc};
use common::database::LatencyPercentiles;
use tokio_postgres::types::Type;

use crate::{Store, StoreError, session};

const OF_ALL: &str = "
select percentile_cont(array[0.5, 0.95]) within group (order by k.round_trip_us::float8)
from dashboard.checks k
join dashboard.connections c on c.id = k.connection_id
where c.deleted_at is null and k.checked_at > $1 and k.ok and k.round_trip_us is not null";

impl Store {
    /// In milliseconds; `None` where no check passed since then.
    pub async fn latency_percentiles(&self, since: DateTime<Utc>) -> Result<LatencyPercentiles, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), OF_ALL, &[(&since, Type::TIMESTAMPTZ)]).await?;
        let us: Option<Vec<f64>> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        let ms = |at: usize| us.as_ref().and_then(|us| us.get(at)).map(|us| us.round() / 1000.0);
        Ok(LatencyPercentiles { p50: ms(0), p95: ms(1) })
    }
}
