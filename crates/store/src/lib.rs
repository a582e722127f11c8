//! The dashboard's own database: connections with their secrets, and what was measured.
//!
//! Everything that is kept goes through here, so that SQL, encryption and the rules that need a transaction have
//! one home. Tables live in the schema `dashboard`. Each statement goes out unnamed and typed, in one round
//! trip, and no session state is relied on, so `DATABASE_URL` may lead through a transaction pooler; only
//! [`migrate()`] needs a real session.
//!
//! Whatever depends on time takes `now` from its caller.

mod config;
mod connections;
mod database_info;
mod error;
mod events;
mod history;
mod key_check;
mod keys;
mod leases;
mod migrate;
mod open;
mod sealed;
mod session;
mod spool;
mod store;

pub use config::{BadChunkInterval, ChunkInterval, StoreConfig};
pub use connections::{change::Stored, idempotency::Idempotency, standings::Standing, target::StoredTarget};
pub use error::{ConnectError, StoreError, UrlError};
pub use events::{EventBounds, EventPage, Wakeups};
pub use history::{
    changes::ChangeFilter,
    charts::{ChartRange, ChartSource},
    engine::{Progress as ConversionProgress, convert_history},
    maintenance::Maintenance,
    measurement::{Measured, MeasuredHealth, Measurement},
    plans::{StatementShape, WholeStatement},
    recent::{Before, RecentChecks},
    statement_list::StatementQuery,
    statements::{StatementsBefore, StatementsReading},
};
pub use keys::{KeyError, KeyRing};
pub use leases::Lease;
pub use migrate::migrate;
pub use open::check_url;
pub use spool::{Kept, NotKept, Spool, SpoolConfig};
pub use store::Store;
