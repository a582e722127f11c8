//! `bench`: measurements of what was built.

use super::build;
use crate::stop::{Outcome, Stop};

/// By name; without a name, all there are.
pub(crate) fn run(names: &[String]) -> Outcome {
    match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["web"] => {
            say!("web: sizes of a release build of the page\n");
            build::run(true)
        }
        _ => Err(Stop::new("usage: cargo xtask bench [web]")),
    }
}
