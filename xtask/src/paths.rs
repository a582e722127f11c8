//! Where things are, from the workspace's root, whatever folder the command was called in.

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the root Cargo.toml.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

pub(crate) fn in_root(path: &str) -> PathBuf {
    root().join(path)
}

/// What sub-commands print goes here, one file each.
pub(crate) fn logs() -> PathBuf {
    in_root("target/xtask")
}

/// The dashboard's binary in a profile's folder.
pub(crate) fn dashboard(release: bool) -> PathBuf {
    let folder = if release { "target/release" } else { "target/debug" };
    in_root(folder).join(format!("pg-dashboard{}", env::consts::EXE_SUFFIX))
}

/// PATH with what npm installed first: cargo-leptos takes `sass` and `wasm-opt` from PATH, and downloads them otherwise.
pub(crate) fn search_path() -> std::ffi::OsString {
    let mut folders = vec![in_root("node_modules/.bin")];
    if let Some(cargo_home) = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default_cargo_home) {
        folders.push(cargo_home.join("bin"));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    folders.extend(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}

fn default_cargo_home() -> Option<PathBuf> {
    env::home_dir().map(|home| home.join(".cargo"))
}

/// The first program of these names in `search_path` (and in the folders for system programs, which a person's PATH
/// often lacks).
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = search_path();
    let system = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(system).collect();
    names
        .iter()
        .flat_map(|name| {
            folders.iter().map(move |folder| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
        })
        .find(|candidate| candidate.is_file())
}
