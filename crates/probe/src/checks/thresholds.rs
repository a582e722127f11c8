//! From when on something is a finding, for the checks where that is a matter of how long or how much.

use common::health::Threshold;

use super::{
    idle_in_transaction, lock_waits, long_statements, long_transactions, prepared_transactions,
    replication_lag, replication_slots, temporary_files,
};

/// The usual ones, unless who asks knows better: the tests do, which cannot wait for an hour.
#[derive(Debug, Clone)]
pub struct Thresholds {
    pub idle_in_transaction_s: Threshold,
    pub long_statement_s: Threshold,
    pub long_transaction_s: Threshold,
    pub prepared_transaction_s: Threshold,
    pub lock_wait_s: Threshold,
    pub temporary_bytes_per_s: Threshold,
    /// In less than this, written within one interval, no rate is a finding.
    pub temporary_bytes: Threshold,
    pub replication_lag_s: Threshold,
    pub replication_lag_bytes: Threshold,
    pub slot_bytes: Threshold,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            idle_in_transaction_s: idle_in_transaction::LIMITS,
            long_statement_s: long_statements::LIMITS,
            long_transaction_s: long_transactions::LIMITS,
            prepared_transaction_s: prepared_transactions::LIMITS,
            lock_wait_s: lock_waits::LIMITS,
            temporary_bytes_per_s: temporary_files::LIMITS,
            temporary_bytes: temporary_files::LEAST,
            replication_lag_s: replication_lag::LIMITS,
            replication_lag_bytes: replication_lag::LIMITS_BYTES,
            slot_bytes: replication_slots::LIMITS,
        }
    }
}
