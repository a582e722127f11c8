//! `tokio-postgres` over a stream that is connected and encrypted already.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{
    Client, Config, Connection, Error,
    config::{SslMode, SslNegotiation},
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

use crate::Stream;

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

/// Signs in over `stream`. User, password, database and application name come from `config`; its hosts, ports
/// and TLS settings are ignored.
///
/// To cancel a query of this client, dial the same peer again ([`crate::connect_again`]) and give
/// `cancel_query_raw` that stream and [`PassThrough`].
///
/// # Errors
/// What `tokio-postgres` reports.
pub async fn sign_in<S>(config: &Config, stream: S) -> Result<(Client, Connection<S, S>), Error>
where
    S: TlsStream + AsyncRead + AsyncWrite + Unpin,
{
    let mut config = config.clone();
    // `Require` and `Direct`: tokio-postgres asks the server nothing about TLS and has no plain text to fall back to.
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    config.connect_raw(stream, PassThrough).await
}
