//! Why a command ends early: words for the person at the terminal, nothing else.

use std::fmt;

/// The reason, and what to do about it where we know.
#[derive(Debug)]
pub(crate) struct Stop(String);

pub(crate) type Outcome<T = ()> = Result<T, Stop>;

impl Stop {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds what was being done to an I/O error, which alone does not say which file it is about.
pub(crate) trait While<T> {
    fn doing(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T> While<T> for std::io::Result<T> {
    fn doing(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Stop::new(format!("{what}: {error}")))
    }
}
