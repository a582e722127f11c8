//! Where the dashboard keeps what is its own: its PostgreSQL, and the keys that belong to it.
//!
//! ```text
//! <data folder>/            the dashboard's user; others may pass through at most
//!   dashboard.lock          one dashboard at a time, and its process id
//!   postgres.log            what the server says
//!   secrets/                the dashboard's user only (0700)
//!     postgres-password
//!   postgres/               the data directory, PostgreSQL's user only (0700)
//!   programs/               copied binaries, only when PostgreSQL's user cannot reach the original ones
//! ```

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{AtPath, PgServerError};
use crate::os;

const NAME: &str = "pg-dashboard";

/// The configured folder (`PG_DASHBOARD_DATA`), else the platform's: `/var/lib/pg-dashboard` for root,
/// `$XDG_DATA_HOME/pg-dashboard` or `~/.local/share/pg-dashboard`, `~/Library/Application Support/pg-dashboard`,
/// `%LOCALAPPDATA%\pg-dashboard`. Nothing is made yet.
pub fn data_folder(configured: Option<PathBuf>) -> Result<PathBuf, PgServerError> {
    let folder = match configured.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => folder,
        None => {
            of_platform(os::is_root(), |name| std::env::var_os(name)).ok_or(PgServerError::NoDataFolder)?
        }
    };
    std::path::absolute(&folder).at("make absolute", &folder)
}

fn of_platform(is_root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // the XDG specification: a relative path is to be ignored
    let folder = |name| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    if is_root {
        // PostgreSQL's user must reach it, and cannot enter /root
        return Some(PathBuf::from("/var/lib").join(NAME));
    }
    if cfg!(windows) {
        return Some(folder("LOCALAPPDATA").or_else(|| folder("APPDATA"))?.join(NAME));
    }
    if cfg!(target_os = "macos") {
        return Some(folder("HOME")?.join("Library/Application Support").join(NAME));
    }
    Some(folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")))?.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_platform_s_folder_follows_xdg_and_root_has_one_that_others_can_reach() {
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/ada"));
        assert_eq!(of_platform(false, home), Some("/home/ada/.local/share/pg-dashboard".into()));
        let xdg = |name: &str| (name == "XDG_DATA_HOME").then(|| OsString::from("/data"));
        assert_eq!(of_platform(false, xdg), Some("/data/pg-dashboard".into()));
        let relative = |name: &str| (name == "XDG_DATA_HOME").then(|| OsString::from("data"));
        assert_eq!(of_platform(false, relative), None);
        assert_eq!(of_platform(true, home), Some("/var/lib/pg-dashboard".into()));
    }

    #[test]
    fn a_configured_folder_is_taken_and_made_absolute() {
        let folder = data_folder(Some("here".into())).unwrap();
        assert!(folder.is_absolute() && folder.ends_with("here"));
    }
}
