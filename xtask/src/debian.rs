//! What only the tests need and no registry of ours has: a Chromium, pgbouncer, docker-compose. Debian's packages where
//! we may install them, and words on what to do elsewhere.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::paths;
use crate::plan::{Line, Plan};
use crate::run;
use crate::stop::{Outcome, Stop};

/// Names that a Chromium goes by, then the folders where macOS and Windows keep it.
const CHROMIUM_NAMES: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
const CHROMIUM_FILES: [&str; 4] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
];

/// The browser of the tests: `CHROMIUM` where it is set, else the first one found.
pub(crate) fn chromium() -> Option<PathBuf> {
    if let Some(chosen) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        return Some(chosen);
    }
    let known = CHROMIUM_FILES.iter().map(PathBuf::from).find(|file| file.is_file());
    paths::find_program(&CHROMIUM_NAMES).or(known)
}

/// `docker-compose`, or Docker's plugin of that name: what checks docker-compose.yml, without an engine.
pub(crate) fn compose() -> Option<Vec<String>> {
    if let Some(program) = paths::find_program(&["docker-compose"]) {
        return Some(vec![program.to_string_lossy().into_owned()]);
    }
    run::answer(run::program("docker").args(["compose", "version"]))?;
    Some(vec!["docker".to_owned(), "compose".to_owned()])
}

pub(crate) fn add_chromium(plan: &mut Plan) {
    plan.step("Chromium", |line| {
        if let Some(found) = chromium() {
            line.already(found.display());
            return Ok(());
        }
        // Without a font it draws no letters.
        install(line, &["chromium", "fonts-liberation"], "about 1 min")?.then_some(()).ok_or_else(|| {
            Stop::new(
                "the browser tests need a Chromium. Install Chromium or Google Chrome (Debian: `apt-get install \
                 chromium`; Fedora: `dnf install chromium`; macOS: `brew install --cask chromium`), or set CHROMIUM to \
                 one",
            )
        })
    });
}

pub(crate) fn add_pgbouncer(plan: &mut Plan) {
    plan.step("pgbouncer", |line| {
        if let Some(found) = paths::find_program(&["pgbouncer"]) {
            line.already(found.display());
            return Ok(());
        }
        if !install(line, &["pgbouncer"], "seconds")? {
            line.already(
                "not there: tests through a pooler are left out (Debian: `apt-get install pgbouncer`)",
            );
        }
        Ok(())
    });
}

/// The peer of the benchmarks: pgbench, which no npm package has. Debian's is in a folder beside PATH.
pub(crate) fn add_pgbench(plan: &mut Plan) {
    plan.step("pgbench", |line| {
        let found = || {
            let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
            let debian = versions.map(|version| version.path().join("bin/pgbench")).find(|file| file.is_file());
            debian.or_else(|| paths::find_program(&["pgbench"]))
        };
        if let Some(found) = found() {
            line.already(found.display());
            return Ok(());
        }
        install(line, &["postgresql"], "about 1 min")?.then_some(()).ok_or_else(|| {
            Stop::new(
                "the benchmarks compare with pgbench. Install it (Debian: `apt-get install postgresql`; Fedora: `dnf \
                 install postgresql-contrib`; macOS: `brew install postgresql`)",
            )
        })
    });
}

pub(crate) fn add_compose(plan: &mut Plan) {
    plan.step("docker-compose", |line| {
        if compose().is_some() {
            line.already("there");
            return Ok(());
        }
        if !install(line, &["docker-compose"], "seconds")? {
            line.already("not there: docker-compose.yml is left unchecked");
        }
        Ok(())
    });
}

/// Installs Debian's packages where this is Debian and we are root; otherwise `false`.
fn install(line: &mut Line, packages: &[&str], takes: &str) -> Outcome<bool> {
    static LISTS_ARE_NEW: AtomicBool = AtomicBool::new(false);
    let root = run::answer(run::program("id").arg("-u")).is_some_and(|user| user == "0");
    if !root || paths::find_program(&["apt-get"]).is_none() {
        return Ok(false);
    }
    line.doing(format_args!("installing by apt-get, {takes}"));
    let apt = |arguments: &[&str], log: &str| {
        run::logged(run::program("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"), log)
    };
    if !LISTS_ARE_NEW.swap(true, Ordering::Relaxed) {
        apt(&["update", "-q"], "apt-update")?;
    }
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    apt(&[&install[..], packages].concat(), &format!("apt-{}", packages[0]))?;
    Ok(true)
}
