//! Building the page and its server by cargo-leptos, and knowing when that is not needed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::paths;
use crate::plan::Line;
use crate::run;
use crate::stop::{Outcome, While};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    /// Optimised, lazy routes in files of their own, everything compressed.
    Release,
}

/// What goes into a build.
const SOURCES: [&str; 8] =
    ["crates", "migrations", "style", "public", "Cargo.toml", "Cargo.lock", "package-lock.json", ".cargo"];

/// Builds the site and the server unless nothing changed since the last time.
pub(crate) fn build(line: &mut Line, profile: Profile) -> Outcome {
    let stamp = paths::logs().join("site.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|built| built == state(profile)) {
        line.already("unchanged since the last build");
        return Ok(());
    }
    line.doing(match profile {
        Profile::Dev => "building by cargo-leptos: about 5 min the first time, seconds after a change",
        Profile::Release => "building by cargo-leptos --release --split: about 15 min the first time",
    });
    // A build that fails half-way leaves a site that belongs to neither state.
    let _ = fs::remove_file(&stamp);
    let mut leptos = cargo_leptos("build");
    if profile == Profile::Release {
        leptos.args(["--release", "--split", "--lib-features", "split", "--precompress"]);
    }
    let log = if profile == Profile::Release { "build-release" } else { "build" };
    run::logged(&mut leptos, log)?;
    fs::write(&stamp, state(profile)).doing("noting what was built")
}

/// The page alone: its server was built by the tests.
pub(crate) fn build_page(line: &mut Line) -> Outcome {
    line.doing("building by cargo-leptos: about 3 min the first time, seconds after a change");
    let _ = fs::remove_file(paths::logs().join("site.stamp"));
    run::logged(cargo_leptos("build").arg("--frontend-only"), "build-page")
}

/// cargo-leptos reads a `.env` in its working directory with a parser that stops at `TIMESCALE_CHUNK_TIME_INTERVAL=7
/// days`, which is a fair line to the dashboard. Called from another folder it finds the workspace by its manifest, and
/// no `.env`; the dashboard that it starts runs in the workspace's root all the same.
pub(crate) fn cargo_leptos(command: &str) -> Command {
    let mut leptos = run::cargo();
    leptos.current_dir(paths::in_root("xtask"));
    // Its own backtrace would stand where the compiler's error should be read.
    leptos.env("RUST_BACKTRACE", "0");
    leptos.arg("leptos").arg("--manifest-path").arg(paths::in_root("Cargo.toml")).arg(command);
    leptos
}

/// Every source's path, length and time of change, and the same of what was built from them: cargo would find out too,
/// but cargo-leptos runs wasm-bindgen and sass each time whatever cargo says.
fn state(profile: Profile) -> String {
    let mut state = format!("release: {}\n", profile == Profile::Release);
    for source in SOURCES {
        describe(&paths::in_root(source), &mut state);
    }
    describe(&paths::in_root("target/site/pkg"), &mut state);
    describe(&paths::dashboard(profile == Profile::Release), &mut state);
    state
}

fn describe(path: &Path, state: &mut String) {
    if let Ok(entries) = fs::read_dir(path) {
        let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            describe(&path, state);
        }
        return;
    }
    // Snapshots of tests that wait for review come and go without any meaning for a build.
    if path.extension().is_some_and(|extension| extension == "new" || extension == "snap") {
        return;
    }
    let changed = fs::metadata(path).ok().and_then(|about| {
        let age = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some((about.len(), age.as_nanos()))
    });
    let _ = writeln!(state, "{} {changed:?}", path.display());
}
