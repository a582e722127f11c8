//! Why a value is missing. It stands beside the value, so that "unknown" never reads as "fine" or as 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// For each field that is `null`: why, and the SQL that would mend it where there is one.
pub type Unavailable = BTreeMap<String, Reason>;

/// Why one value is unavailable. `reason` is a slug (`not_collected`, `first_reading`, `no_privilege`, …)
/// or a sentence; `fix_sql` can be run as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reason {
    pub reason: String,
    pub fix_sql: Option<String>,
}

impl Reason {
    /// Nothing collects this yet, or nothing has been collected so far.
    pub const NOT_COLLECTED: &str = "not_collected";
    /// A rate needs two readings, and this was the first.
    pub const FIRST_READING: &str = "first_reading";
    /// Only a superuser may see it; `pg_monitor` is not enough.
    pub const NEEDS_SUPERUSER: &str = "needs_superuser";

    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix_sql: None }
    }

    pub fn with_fix(reason: impl Into<String>, fix_sql: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix_sql: Some(fix_sql.into()) }
    }
}
