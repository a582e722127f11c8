//! `tokio-postgres` over a stream that is connected and encrypted already.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::{Instant, timeout_at};
use tokio_postgres::{
    Client, Config, Connection, Error,
    config::{SslMode, SslNegotiation},
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

use crate::{
    Stream,
    gate::{Allowance, AuthGate, Greeting, Traffic},
};

/// A "handshake" that hands the stream through, because TLS is up already, or was decided against.
#[derive(Debug, Clone, Copy)]
pub struct PassThrough;

impl<S: TlsStream + Unpin> TlsConnect<S> for PassThrough {
    type Stream = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(stream))
    }
}

impl TlsStream for Stream {
    /// Binds SCRAM to this very TLS session's certificate, so that nobody in the middle can pass it on.
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Self::Tls { end_point: Some(hash), .. } => ChannelBinding::tls_server_end_point(hash.clone()),
            Self::Tls { end_point: None, .. } | Self::Plain(_) => ChannelBinding::none(),
        }
    }
}

/// A session that has let us in. Whoever has it drives `connection`, which reads and writes for `client`.
#[allow(missing_debug_implementations, reason = "tokio-postgres' client and connection have none")]
pub struct SignedIn {
    pub client: Client,
    pub connection: Connection<AuthGate<Stream>, AuthGate<Stream>>,
    pub greeting: Greeting,
    pub allowance: Allowance,
}

/// Signs in over `stream`, with the gate before it: a password that can be read goes only where nobody else could
/// read it. User, password, database and application name come from `config`; its hosts, ports and TLS settings
/// are ignored.
///
/// To cancel a query of this client, dial the same peer again ([`crate::connect_again`]) and give
/// `cancel_query_raw` that stream and [`PassThrough`].
///
/// # Errors
/// What `tokio-postgres` reports; where the gate ended the session, an I/O error around a
/// [`crate::gate::Violation`].
pub async fn sign_in(config: &Config, stream: Stream, traffic: Traffic) -> Result<SignedIn, Error> {
    let (gate, greeting) = gate(stream, traffic);
    through(config, gate, &greeting).await
}

/// Why nobody was let in before a deadline.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Postgres(Error),
    /// Something was said, but not all that it takes.
    #[error("sign-in was not finished in time")]
    Timeout,
    /// Nothing at all was said.
    #[error("no answer to the first message in time")]
    Silent,
}

/// [`sign_in`] before `deadline`.
///
/// # Errors
/// As of [`sign_in`], or that it took too long.
pub async fn sign_in_before(
    config: &Config,
    stream: Stream,
    traffic: Traffic,
    deadline: Instant,
) -> Result<SignedIn, SignInError> {
    let (gate, greeting) = gate(stream, traffic);
    match timeout_at(deadline, through(config, gate, &greeting)).await {
        Ok(done) => done.map_err(SignInError::Postgres),
        Err(_) if greeting.lock().unwrap_or_else(PoisonError::into_inner).heard => Err(SignInError::Timeout),
        Err(_) => Err(SignInError::Silent),
    }
}

fn gate(stream: Stream, traffic: Traffic) -> (AuthGate<Stream>, Arc<Mutex<Greeting>>) {
    let readable_password = stream.may_carry_readable_password();
    AuthGate::new(stream, readable_password, traffic)
}

async fn through(
    config: &Config,
    gate: AuthGate<Stream>,
    greeting: &Mutex<Greeting>,
) -> Result<SignedIn, Error> {
    let mut config = config.clone();
    // `Require` and `Direct`: tokio-postgres asks the server nothing about TLS and has no plain text to fall back to.
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    let allowance = gate.allowance();
    let (client, connection) = config.connect_raw(gate, PassThrough).await?;
    // Complete: it returns once the server is ready for a query.
    let greeting = greeting.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(SignedIn { client, connection, greeting, allowance })
}
