//! The PostgreSQL versions that tests run against, and where npm puts them.

use std::fmt;
use std::path::{Path, PathBuf};

use pgserver::npm_package;

/// A major version of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    V13,
    V14,
    V15,
    V16,
    V17,
    V18,
}

impl Version {
    pub const ALL: [Version; 6] =
        [Version::V13, Version::V14, Version::V15, Version::V16, Version::V17, Version::V18];
    /// The two ends of what the dashboard supports.
    pub const OLDEST_AND_NEWEST: [Version; 2] = [Version::V13, Version::V18];

    pub const fn major(self) -> u32 {
        match self {
            Version::V13 => 13,
            Version::V14 => 14,
            Version::V15 => 15,
            Version::V16 => 16,
            Version::V17 => 17,
            Version::V18 => 18,
        }
    }

    /// Whether its npm package is installed (the full matrix is there only for `cargo xtask test --full`).
    pub fn is_installed(self) -> bool {
        self.find().is_some()
    }

    /// The folder of its programs: the npm alias `pg13` … `pg18`, or the plain package where that is of this major.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let node_modules = node_modules();
        let aliased = npm_package::aliased_bin_dir(&node_modules, &format!("pg{}", self.major()));
        if aliased.is_dir() {
            return Some(aliased);
        }
        let plain = npm_package::bin_dir(&node_modules);
        let manifest = plain.parent()?.parent()?.join("package.json");
        let of_this_major = std::fs::read_to_string(manifest)
            .is_ok_and(|json| json.contains(&format!("\"version\": \"{}.", self.major())));
        of_this_major.then_some(plain)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {}", self.major())
    }
}

/// The workspace's `node_modules`, or the folder that `PG_TEST_NODE_MODULES` names.
pub(crate) fn node_modules() -> PathBuf {
    match std::env::var_os("PG_TEST_NODE_MODULES") {
        Some(folder) => folder.into(),
        None => workspace_root().join("node_modules"),
    }
}

pub(crate) fn workspace_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
