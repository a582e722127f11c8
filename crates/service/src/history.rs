//! What was measured over time.

use std::time::Duration;

use crate::{Service, failure};

/// How often the history is looked after. What has not been rolled up yet is read from raw rows.
pub(crate) const MAINTAIN_EVERY: Duration = Duration::from_secs(60);

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
