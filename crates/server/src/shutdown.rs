//! When to stop: Ctrl-C, SIGTERM (service managers, containers) and SIGHUP (the terminal was closed).

use std::io;

use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first signal to stop. Later signals change nothing: stopping takes 10 s at most.
pub(crate) fn on_signal() -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let signals = Signals::listen()?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        signals.first().await;
        tracing::info!("stopping");
        stopping.cancel();
    });
    Ok(stop)
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn first(mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn first(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
