//! One connect from host to stream, each phase timed, within one deadline.

use std::sync::Arc;

use common::{Phase, Phases, SslMode, test_result::TlsInfo};
use tokio::time::{Instant, timeout_at};

use crate::{
    Cause, ConnectError, Encryption, Peer, Socket, Stream,
    dial::{STAGGER, dial},
    negotiate::request_tls,
    policy::encryption,
    resolve::{literal, resolve},
    tls::{Roots, handshake},
};

/// Where to and how, as a connection says it.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// A name, an IP address, or the folder of a Unix socket (it begins with `/`).
    pub host: &'a str,
    pub port: u16,
    pub mode: SslMode,
    /// PEM of the CA (or of the server's own certificate) to trust instead of the system's.
    pub root_cert: Option<&'a str>,
}

/// A stream to a server, encrypted as the policy wants it. Nothing of PostgreSQL's protocol but the request for
/// TLS has been said.
#[derive(Debug)]
pub struct Connected {
    pub stream: Stream,
    pub peer: Peer,
    /// `dns_ms` (none for an address or a socket), `tcp_ms` and, under TLS, `tls_ms`.
    pub phases: Phases,
    pub tls: Option<TlsInfo>,
}

/// How far a connect has come; read when it ends early.
struct Progress {
    phase: Phase,
    since: Instant,
    peer: Option<Peer>,
    phases: Phases,
    tls: Option<TlsInfo>,
    /// Whether the request for TLS is out and unanswered.
    unanswered: bool,
}

impl Progress {
    fn at(phase: Phase) -> Self {
        Self {
            phase,
            since: Instant::now(),
            peer: None,
            phases: Phases::default(),
            tls: None,
            unanswered: false,
        }
    }

    fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }

    fn done(&mut self) {
        self.phases.set(self.phase, common::time::millis(self.since.elapsed()));
    }

    fn failed(self, cause: Cause) -> ConnectError {
        // A time-out of the kernel is one of ours that came first.
        let cause = match cause {
            Cause::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Cause::Timeout,
            Cause::Timeout if self.unanswered => Cause::Silent,
            cause => cause,
        };
        ConnectError {
            phase: self.phase,
            cause: Box::new(cause),
            peer: self.peer,
            phases: Box::new(self.phases),
            tls: self.tls.map(Box::new),
        }
    }
}

/// Resolves, guards, dials and encrypts.
///
/// # Errors
/// The phase in which it ended, why, and what was reached before.
pub async fn connect(to: &Destination<'_>, deadline: Instant) -> Result<Connected, ConnectError> {
    let mut progress = Progress::at(Phase::Dns);
    match timeout_at(deadline, Box::pin(reach(to, &mut progress))).await {
        Ok(Ok(stream)) => connected(stream, progress),
        Ok(Err(cause)) => Err(progress.failed(cause)),
        Err(_) => Err(progress.failed(Cause::Timeout)),
    }
}

/// Dials the very address of an earlier connect, to cancel what runs there.
///
/// # Errors
/// As [`connect`].
pub async fn connect_again(
    peer: &Peer,
    to: &Destination<'_>,
    deadline: Instant,
) -> Result<Connected, ConnectError> {
    let mut progress = Progress::at(Phase::Tcp);
    let attempt = async {
        let socket = match peer {
            Peer::Tcp(address) => dial(vec![*address], STAGGER).await.map_err(|(cause, _)| cause)?.0,
            Peer::Unix(_) => dial_unix(peer).await?,
        };
        arrived(socket, peer.clone(), to, &mut progress).await
    };
    match timeout_at(deadline, Box::pin(attempt)).await {
        Ok(Ok(stream)) => connected(stream, progress),
        Ok(Err(cause)) => Err(progress.failed(cause)),
        Err(_) => Err(progress.failed(Cause::Timeout)),
    }
}

fn connected(stream: Stream, mut progress: Progress) -> Result<Connected, ConnectError> {
    match progress.peer.take() {
        Some(peer) => Ok(Connected { stream, peer, phases: progress.phases, tls: progress.tls }),
        None => Err(progress.failed(Cause::NoAddress)),
    }
}

async fn reach(to: &Destination<'_>, progress: &mut Progress) -> Result<Stream, Cause> {
    if to.host.starts_with('/') {
        progress.begin(Phase::Tcp);
        let peer = Peer::unix(to.host, to.port);
        progress.peer = Some(peer.clone());
        let socket = dial_unix(&peer).await?;
        return arrived(socket, peer, to, progress).await;
    }
    let addresses = resolve(to.host, to.port).await?;
    if literal(to.host).is_none() {
        progress.done();
    }
    progress.begin(Phase::Tcp);
    // Until one answers, the first stands for all: a time-out names an address that was tried.
    progress.peer = addresses.first().copied().map(Peer::Tcp);
    match dial(addresses, STAGGER).await {
        Ok((socket, peer)) => arrived(socket, peer, to, progress).await,
        Err((cause, peer)) => {
            progress.peer = peer.or(progress.peer.take());
            Err(cause)
        }
    }
}

#[cfg(unix)]
async fn dial_unix(peer: &Peer) -> Result<Socket, Cause> {
    match peer {
        Peer::Unix(path) => tokio::net::UnixStream::connect(path).await.map(Socket::Unix).map_err(Cause::Io),
        Peer::Tcp(_) => Err(Cause::NoAddress),
    }
}

#[cfg(not(unix))]
async fn dial_unix(_peer: &Peer) -> Result<Socket, Cause> {
    Err(Cause::NoUnixSockets)
}

async fn arrived(
    mut socket: Socket,
    peer: Peer,
    to: &Destination<'_>,
    progress: &mut Progress,
) -> Result<Stream, Cause> {
    progress.done();
    let encryption = encryption(to.mode, &peer, to.root_cert.is_some());
    progress.peer = Some(peer);
    let Encryption::Tls(demand) = encryption else {
        return Ok(Stream::Plain(socket));
    };
    progress.begin(Phase::Tls);
    let roots = match to.root_cert {
        Some(pem) => Arc::new(Roots::from_pem(pem).map_err(Cause::RootCert)?),
        None => Roots::system().await,
    };
    progress.unanswered = true;
    request_tls(&mut socket).await?;
    progress.unanswered = false;
    let (stream, info) = handshake(socket, to.host, demand, roots).await;
    progress.tls = info;
    let stream = stream?;
    progress.done();
    Ok(stream)
}
