//! Where the dashboard may connect, and how: resolve once, guard the address, dial, encrypt.
//!
//! Every PostgreSQL connection of the dashboard, to a monitored database or to its own, goes through
//! [`connect`], so that the rules stand in one place:
//!
//! - A name is resolved once, and what it resolved to is what is guarded and dialled: an answer that changes
//!   in between (DNS rebinding) finds nothing to change ([`guard`]).
//! - Whether to encrypt, and what the server must prove, is decided by a pure function of the mode and the
//!   address actually reached ([`policy`]).
//! - TLS is negotiated here, before `tokio-postgres` sees the stream: its own modes know no verification, and
//!   one of them falls back to plain text ([`negotiate`], [`tls`]).
//! - Who takes PostgreSQL's first bytes and says nothing may wait for the rest of a line: it is asked once more, in
//!   the words of the web ([`second_look`]).
//! - Signing in goes through a gate that reads along: a password that can be read is not sent over TLS that nobody
//!   verified, and what is not PostgreSQL, or does not end, ends the session ([`gate`], [`postgres::sign_in`]).
//!
//! Deliberately absent: passwords of its own. They are in the caller's configuration of the session.

mod connect;
mod dial;
mod error;
pub mod gate;
pub mod guard;
pub mod negotiate;
pub mod peer;
pub mod policy;
pub mod postgres;
mod resolve;
mod second_look;
mod stream;
pub mod tls;

pub use connect::{Connected, Destination, connect, connect_again};
pub use error::{Cause, ConnectError};
pub use guard::Denied;
pub use peer::Peer;
pub use policy::{Demand, Encryption};
pub use second_look::second_look;
pub use stream::{Socket, Stream};
pub use tls::{CertificateFault, RootCertError, crypto_provider, parse_root_certs};
