//! The few things that differ by operating system: users, signals, permissions. All `cfg`s of this crate are here.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use other::*;
#[cfg(unix)]
pub(crate) use unix::*;

/// The two ids that a process runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// PostgreSQL's ways to stop, by the signal that asks for each (PostgreSQL docs 18.5, "Shutting Down the
/// Server"), and the end of all patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// SIGINT: sessions are ended, everything is written out.
    Fast,
    /// SIGQUIT: ends at once; the next start replays the write-ahead log. Nothing committed is lost.
    Immediate,
    /// SIGKILL: for a process that answers to nothing else.
    Kill,
}
