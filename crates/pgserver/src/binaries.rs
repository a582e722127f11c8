//! One PostgreSQL installation: its programs, its version, and whether the user that runs them can.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::text::clean_server_text;

use crate::account::Account;
use crate::copy::copy_tree;
use crate::error::{AtPath, PgServerError};
use crate::npm_package;
use crate::os::{self, EXE_SUFFIX};

/// Server programs that run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Holds `postgres` and `initdb`.
    pub bin_dir: PathBuf,
    pub major: u32,
    /// The exact version: `18.4`.
    pub version: String,
}

impl Binaries {
    /// The installation in `bin_dir`, asked for its version by `account`. The error is a sentence's end:
    /// "… has no postgres program".
    pub fn at(bin_dir: &Path, account: &Account) -> Result<Binaries, String> {
        for program in ["postgres", "initdb"] {
            if !bin_dir.join(format!("{program}{EXE_SUFFIX}")).is_file() {
                return Err(format!("there is no program `{program}` in it"));
            }
        }
        npm_package::restore_links(bin_dir);
        let bin_dir = real_bin_dir(bin_dir).map_err(|error| error.to_string())?;
        let answer = ask_version(&bin_dir, account)?;
        let (major, version) = parse_version(&answer)
            .ok_or_else(|| format!("its postgres calls itself `{}`", clean_server_text(&answer)))?;
        Ok(Binaries { bin_dir, major, version })
    }

    /// The installation in `bin_dir`, as far as we ourselves can run it: see [`Binaries::reachable_by`].
    pub fn readable(bin_dir: &Path) -> Result<Binaries, String> {
        Binaries::at(bin_dir, &Account::ourselves())
    }

    pub fn postgres(&self) -> PathBuf {
        self.bin_dir.join(format!("postgres{EXE_SUFFIX}"))
    }

    pub fn initdb(&self) -> PathBuf {
        self.bin_dir.join(format!("initdb{EXE_SUFFIX}"))
    }

    /// These binaries where `account` can run them: in place if that works, else copied (once) to a folder in
    /// `shelf`, which must be reachable by that user and writable only by us.
    pub fn reachable_by(self, account: &Account, shelf: &Path) -> Result<Binaries, PgServerError> {
        if !account.is_another() || ask_version(&self.bin_dir, account).is_ok() {
            return Ok(self);
        }
        let unreachable = |reason: String| PgServerError::Unreachable {
            account: account.name().to_owned(),
            path: self.bin_dir.clone(),
            reason,
        };
        let installation = self.bin_dir.parent().filter(|folder| is_installation(folder));
        let Some(installation) = installation else {
            return Err(unreachable(
                "and it is not an installation that can be copied (bin, lib and share in one folder)"
                    .to_owned(),
            ));
        };
        let copy = shelf.join(self.shelf_name());
        let bin_dir = copy.join("bin");
        if !bin_dir.is_dir() {
            tracing::info!(from = %installation.display(), to = %copy.display(), user = account.name(), "copying PostgreSQL to where its user can reach it");
            let half = shelf.join(format!(".copying-{}", std::process::id()));
            let copied = copy_tree(installation, &half, &|path| os::set_mode(path, readable_mode(path)))
                .and_then(|()| fs::rename(&half, &copy));
            if copied.is_err() {
                // half a copy is of no use; what went wrong is told below
                let _ = fs::remove_dir_all(&half);
            }
            // a second process may have been quicker
            if !bin_dir.is_dir() {
                copied.at("copy PostgreSQL to", &copy)?;
            }
        }
        Binaries::at(&bin_dir, account).map_err(unreachable)
    }

    /// A folder name that tells this installation from others: the exact version and where it came from (FNV-1a).
    fn shelf_name(&self) -> String {
        let origin = self.bin_dir.to_string_lossy().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("postgres-{}-{origin:016x}", self.version)
    }
}

/// The folder itself, or, where it holds only links (`/usr/local/bin`, Homebrew), the installation's that they lead
/// to: PostgreSQL finds its libraries from there, and that is what would have to be copied.
fn real_bin_dir(bin_dir: &Path) -> io::Result<PathBuf> {
    let postgres = fs::canonicalize(bin_dir.join(format!("postgres{EXE_SUFFIX}")))?;
    match postgres.parent() {
        Some(folder) if folder.join(format!("initdb{EXE_SUFFIX}")).is_file() => Ok(folder.to_owned()),
        _ => fs::canonicalize(bin_dir),
    }
}

/// Whether a folder is one PostgreSQL installation and nothing else: not `/usr/local`.
fn is_installation(folder: &Path) -> bool {
    let catalogue = |share: &str| folder.join("share").join(share).join("postgres.bki").is_file();
    let programs = fs::read_dir(folder.join("bin")).map_or(0, Iterator::count);
    (catalogue("") || catalogue("postgresql")) && programs < 100
}

fn readable_mode(path: &Path) -> u32 {
    let executable = path.is_dir() || path.components().any(|part| part.as_os_str() == "bin");
    if executable { 0o755 } else { 0o644 }
}

/// `postgres (PostgreSQL) 18.4`, or why it does not run.
fn ask_version(bin_dir: &Path, account: &Account) -> Result<String, String> {
    let program = bin_dir.join(format!("postgres{EXE_SUFFIX}"));
    let run = || {
        let mut command = account.command(&program, Path::new(std::path::MAIN_SEPARATOR_STR));
        command.arg("--version").stdin(Stdio::null()).output()
    };
    let output = match run() {
        // npm packages that went through an archive or a cache can lose the execute bits
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && make_executable(bin_dir).is_ok() => {
            run()
        }
        other => other,
    };
    let output = output.map_err(|error| format!("its postgres does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "its postgres does not run: {}",
            clean_server_text(&String::from_utf8_lossy(&output.stderr))
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Only in an npm package: other installations are not ours to change.
fn make_executable(bin_dir: &Path) -> io::Result<()> {
    if !npm_package::is_package(bin_dir) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    for entry in fs::read_dir(bin_dir)? {
        os::set_mode(&entry?.path(), 0o755)?;
    }
    Ok(())
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → 15 and `15.18`; betas say `19beta1`.
fn parse_version(answer: &str) -> Option<(u32, String)> {
    let version = answer.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let plain = version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    plain.then(|| Some((version[..digits].parse().ok()?, version.to_owned())))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_releases_distributions_and_betas() {
        assert_eq!(parse_version("postgres (PostgreSQL) 18.4"), Some((18, "18.4".to_owned())));
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(parse_version(debian), Some((15, "15.18".to_owned())));
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1"), Some((19, "19beta1".to_owned())));
        assert_eq!(parse_version("postgres (EDB) 18"), None);
        assert_eq!(parse_version("postgres (PostgreSQL) 18/../.."), None);
    }
}
