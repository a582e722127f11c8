//! A data directory made once for each version and copied for each cluster: `initdb` takes half a second, a copy
//! a twentieth of that. Every test runs in a process of its own, so the template lies in `target/testkit`, made
//! under a file lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use pgserver::{Account, Binaries, NewCluster, copy_tree};
use secrecy::ExposeSecret;

use crate::version::{Version, workspace_root};

/// Part of the template's name: another number makes all templates anew.
const LAYOUT: u32 = 1;

/// A version's programs, reachable by the account that runs them, and its data directory to copy.
pub(crate) struct Template {
    pub(crate) binaries: Binaries,
    pub(crate) data: PathBuf,
    pub(crate) password: String,
}

impl Template {
    pub(crate) fn get(version: Version, account: &Account) -> Template {
        let bin_dir = version.find().unwrap_or_else(|| {
            panic!("{version} is not installed for tests: run `cargo xtask test` or `npm ci` first")
        });
        let home = template_folder();
        let binaries = binaries(version, &bin_dir, account);
        let folder = home.join(format!("pg-{}-{LAYOUT}", binaries.version));
        let lock = File::create(home.join(format!("pg-{}.lock", binaries.version))).unwrap();
        lock.lock().unwrap();
        if !folder.is_dir() {
            make(&folder, &binaries, account);
        }
        let password = fs::read_to_string(folder.join("password")).unwrap();
        Template { binaries, data: folder.join("data"), password }
    }

    /// A data directory that belongs to the account.
    pub(crate) fn copy_to(&self, data: &Path, account: &Account) {
        copy_tree(&self.data, data, &|path| account.give(path).map_err(std::io::Error::other)).unwrap();
        account.make_private_folder(data).unwrap();
    }
}

pub(crate) fn template_folder() -> PathBuf {
    let folder = workspace_root().join("target/testkit");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn binaries(version: Version, bin_dir: &Path, account: &Account) -> Binaries {
    match Binaries::at(bin_dir, account) {
        Ok(binaries) => binaries,
        Err(_) => unreachable_binaries(version, bin_dir, account),
    }
}

/// The workspace may lie in a folder that only root can enter: then the programs are copied beside it all.
fn unreachable_binaries(version: Version, bin_dir: &Path, account: &Account) -> Binaries {
    let shelf = std::env::temp_dir().join("pg-dashboard-testkit");
    fs::create_dir_all(&shelf).unwrap();
    // a folder in /tmp that somebody else made could hold anything
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&shelf).unwrap()), 0, "{}", shelf.display());
    Binaries::readable(bin_dir)
        .map_err(|reason| format!("{version} in {}: {reason}", bin_dir.display()))
        .and_then(|binaries| binaries.reachable_by(account, &shelf).map_err(|error| error.to_string()))
        .unwrap_or_else(|reason| panic!("{reason}"))
}

fn make(folder: &Path, binaries: &Binaries, account: &Account) {
    // made where the account can reach it, then moved to where we keep it
    let workshop = short_folder("pgt-new-");
    account.give(workshop.path()).unwrap();
    let data = workshop.path().join("data");
    let password = pgserver::random_password();
    // small log segments: 15 MB less to copy each time
    let options = ["--no-sync", "--wal-segsize=1"];
    NewCluster { data: &data, superuser: "postgres", password: &password, options: &options }
        .make(binaries, account)
        .unwrap_or_else(|error| panic!("{error}"));
    let half = folder.with_extension("half");
    let _ = fs::remove_dir_all(&half);
    fs::create_dir(&half).unwrap();
    copy_tree(&data, &half.join("data"), &|_| Ok(())).unwrap();
    fs::write(half.join("password"), password.expose_secret()).unwrap();
    fs::rename(&half, folder).unwrap();
}

/// A new folder whose path is short enough for a Unix socket in it (107 bytes).
pub(crate) fn short_folder(prefix: &str) -> tempfile::TempDir {
    let parent = if cfg!(unix) { PathBuf::from("/tmp") } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix(prefix).tempdir_in(parent).unwrap()
}
