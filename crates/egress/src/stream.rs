//! The bytes to and from the server: a socket, plain or under TLS.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use common::test_result::Verified;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A connected socket.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// What is spoken over: plain or encrypted, by the policy of the connection.
#[derive(Debug)]
pub enum Stream {
    Plain(Socket),
    Tls {
        session: Box<TlsStream<Socket>>,
        /// The channel binding of the server's certificate (RFC 5929), where there is one.
        end_point: Option<Vec<u8>>,
        /// How far the server proved who it is.
        verified: Verified,
    },
}

impl Stream {
    /// Whether nobody but whom the user means can read what is sent: plain text is sent by choice only, and over
    /// TLS somebody else may sit at the other end until the certificate is verified.
    pub(crate) fn may_carry_readable_password(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls { verified, .. } => *verified != Verified::No,
        }
    }
}

/// Runs one poll method of whichever variant it is.
macro_rules! either {
    (socket $this:expr, $stream:ident => $call:expr) => {
        match $this {
            Socket::Tcp($stream) => $call,
            #[cfg(unix)]
            Socket::Unix($stream) => $call,
        }
    };
    (stream $this:expr, $stream:ident => $call:expr) => {
        match $this {
            Stream::Plain($stream) => $call,
            Stream::Tls { session, .. } => {
                let $stream = session.as_mut();
                $call
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(socket self.get_mut(), s => Pin::new(s).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(socket self.get_mut(), s => Pin::new(s).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(socket self.get_mut(), s => Pin::new(s).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(socket self.get_mut(), s => Pin::new(s).poll_shutdown(cx))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(stream self.get_mut(), s => Pin::new(s).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(stream self.get_mut(), s => Pin::new(s).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(stream self.get_mut(), s => Pin::new(s).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(stream self.get_mut(), s => Pin::new(s).poll_shutdown(cx))
    }
}
