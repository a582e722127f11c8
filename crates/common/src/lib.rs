//! What both sides of the wire say: requests, responses, problems, units, validation.
//!
//! The browser and the server share these types, so that a page and an API client can never
//! disagree about a shape. No I/O, no clock, no randomness; builds for wasm.
//!
//! Units stand in the names: `_ms` milliseconds (float, µs precision), `_s` seconds, `_bytes`,
//! `_ratio` from 0 to 1. A value that is not known is `None`, and the same object's
//! [`Unavailable`] map says why: never 0, never left out.

pub mod connection;
pub mod database;
pub mod draft;
pub mod event;
pub mod health;
pub mod histogram;
pub mod history;
pub mod ids;
pub mod job;
pub mod list;
pub mod load;
pub mod load_draft;
pub mod plannable;
pub mod problem;
pub mod secret;
pub mod setup;
pub mod ssl_mode;
pub mod statements;
pub mod test_result;
pub mod text;
pub mod time;
pub mod unavailable;
pub mod units;
pub mod validate;

pub use connection::{Connection, ConnectionStatus, Created, Heartbeat, HeartbeatStatus};
pub use draft::{ConnectionDraft, ConnectionInput, PasswordChange};
pub use health::Health;
pub use ids::ConnectionId;
pub use list::Page;
pub use load_draft::LoadDraft;
pub use problem::{FieldError, Problem, ProblemCode};
pub use secret::RequestSecret;
pub use ssl_mode::SslMode;
pub use test_result::{Latency, Phase, Phases, TestError, TestErrorKind, TestResult};
pub use unavailable::{Reason, Unavailable};
