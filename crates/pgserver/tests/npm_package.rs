//! The npm package works as its archive comes: without links, without its install script, without execute bits.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test ends where something is not as it must be

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pgserver::{Binaries, Search, copy_tree, find, npm_package};

#[test]
fn a_package_whose_install_script_never_ran_is_found_and_runs() {
    let installed =
        npm_package::bin_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../node_modules")));
    if !installed.is_dir() {
        eprintln!("skipped: npm has no PostgreSQL for this platform, or `npm ci` did not run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bin_dir = npm_package::bin_dir(folder.path());
    let package = bin_dir.parent().unwrap();
    fs::create_dir_all(package.parent().unwrap()).unwrap();
    copy_tree(installed.parent().unwrap(), package, &|_| Ok(())).unwrap();
    for entry in fs::read_dir(package.join("lib")).unwrap() {
        let file = entry.unwrap();
        if file.file_type().unwrap().is_symlink() {
            fs::remove_file(file.path()).unwrap();
        }
    }
    for entry in fs::read_dir(&bin_dir).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let search = Search { node_modules: vec![folder.path().to_owned()], ..Search::default() };
    let Binaries { major, bin_dir: found, .. } = find(&search).unwrap();
    assert!(major >= 15);
    assert_eq!(found, fs::canonicalize(bin_dir).unwrap());
}
