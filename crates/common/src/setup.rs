//! What would have to be set up on a server so that everything can be read, and how.

use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Unavailable};

/// Why a value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SetupCause {
    /// A library that only a restart with `shared_preload_libraries` brings.
    NotPreloaded,
    /// The extension is there, but not in this database.
    NotCreated,
    /// Its files are not on the server.
    NotAvailable,
    /// The extension is older than its files.
    Outdated,
    /// The login may not see it.
    Privilege,
    /// A setting is off.
    Setting,
    /// The provider of a managed server does not allow it, to anybody.
    ManagedService,
    /// The server is too old to have it.
    Version,
    /// A pooler stands between, and only a session of one's own would tell.
    Pooler,
    /// Anything else; the detail says what.
    Other,
}

/// Values that one cause keeps from being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupItem {
    /// What is missing, as a person calls it: `Statement statistics`, `Active connections`.
    pub values: Vec<String>,
    pub cause: SetupCause,
    /// The cause in a sentence.
    pub detail: String,
    /// The statements that mend it, in order, ready to run; `None` where no SQL does.
    pub fix_sql: Option<String>,
    /// As whom, or where else: `as a superuser`, `in the provider's console, then restart`.
    pub fix_as: Option<String>,
}

/// What keeps values of one connection from being read, and a role that would read everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Setup {
    pub connection_id: ConnectionId,
    pub items: Vec<SetupItem>,
    /// `CREATE ROLE … CONNECTION LIMIT …; GRANT pg_monitor …`: a login for watching and nothing else. `None` where the
    /// present one is just that.
    pub role_sql: Option<String>,
    /// `items`, of a database that could not be asked: nobody knows then what is missing.
    pub unavailable: Unavailable,
}
