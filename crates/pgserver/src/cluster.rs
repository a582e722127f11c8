//! A data directory: making one with `initdb`, its settings, and who may log in.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::text::clean;
use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::{AtPath, PgServerError};
use crate::os;

/// Our settings stand in a file of their own, so that `postgresql.conf` stays the administrator's, and
/// `ALTER SYSTEM` still wins.
const SETTINGS_FILE: &str = "dashboard.conf";

/// What `initdb` is told.
#[derive(Debug)]
pub struct NewCluster<'a> {
    /// Does not exist yet, or is empty; its parent must be reachable by the account.
    pub data: &'a Path,
    pub superuser: &'a str,
    pub password: &'a SecretString,
    /// Further options of `initdb`.
    pub options: &'a [&'a str],
}

impl NewCluster<'_> {
    /// Runs `initdb`: UTF-8, SCRAM for everybody. Takes about half a second.
    pub fn make(&self, binaries: &Binaries, account: &Account) -> Result<(), PgServerError> {
        account.make_private_folder(self.data)?;
        let password_file = beside(self.data, ".password");
        write_private(&password_file, self.password.expose_secret(), account)?;
        let output = account
            .command(&binaries.initdb(), self.data)
            .arg("--pgdata")
            .arg(self.data)
            .arg("--pwfile")
            .arg(&password_file)
            .args(["--username", self.superuser, "--auth", "scram-sha-256", "--encoding", "UTF8"])
            .args(locale_options(binaries.major))
            .args(self.options)
            .stdin(Stdio::null())
            .output();
        fs::remove_file(&password_file).at("remove", &password_file)?;
        check("initdb", output.at("run", &binaries.initdb())?)?;
        let include = format!(
            "\n# the dashboard's own settings, written at each start\ninclude_if_exists = '{SETTINGS_FILE}'\n"
        );
        append(&self.data.join("postgresql.conf"), &include, account)
    }
}

/// The same order of texts everywhere, whatever locales the system has. From 17 on PostgreSQL brings a UTF-8 locale
/// of its own, in which `lower('Ä')` is `ä` (PostgreSQL docs 23.1.4).
fn locale_options(major: u32) -> &'static [&'static str] {
    if major >= 17 {
        &["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    } else {
        &["--locale", "C"]
    }
}

/// Writes our settings, for the next start.
pub fn write_settings(
    data: &Path,
    settings: &[(String, String)],
    account: &Account,
) -> Result<(), PgServerError> {
    let lines: String =
        settings.iter().map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''"))).collect();
    let file = data.join(SETTINGS_FILE);
    write_private(&file, &lines, account)
}

/// The port of the last start: addresses that people noted down stay good.
pub(crate) fn last_port(data: &Path) -> Option<u16> {
    let settings = fs::read_to_string(data.join(SETTINGS_FILE)).ok()?;
    settings.lines().find_map(|line| line.strip_prefix("port = '")?.strip_suffix('\'')?.parse().ok())
}

/// Writes who may log in, from where, and how (`pg_hba.conf`).
pub fn write_hba(data: &Path, lines: &str, account: &Account) -> Result<(), PgServerError> {
    write_private(&data.join("pg_hba.conf"), lines, account)
}

/// Runs SQL on a stopped cluster, one statement a line, without forcing it to the disk. No login, no network: for
/// what must be so before a start.
pub fn single_user(
    binaries: &Binaries,
    account: &Account,
    data: &Path,
    database: &str,
    sql: &str,
) -> Result<(), PgServerError> {
    let mut command = account.command(&binaries.postgres(), data);
    command
        .args([
            "--single",
            "-j",
            "-c",
            "exit_on_error=on",
            "-c",
            "log_min_messages=fatal",
            "-c",
            "fsync=off",
            "-D",
        ])
        .arg(data)
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().at("run", &binaries.postgres())?;
    if let Some(mut input) = child.stdin.take() {
        // with -j a statement ends at a semicolon before an empty line. If it ended early, it says why below
        let _ = sql.lines().try_for_each(|statement| writeln!(input, "{statement}\n"));
    }
    check("postgres --single", child.wait_with_output().at("run", &binaries.postgres())?)
}

/// Forces a data directory to the disk, for one made with `--no-sync`: quicker than after every step.
pub(crate) fn sync(binaries: &Binaries, account: &Account, data: &Path) -> Result<(), PgServerError> {
    let mut command = account.command(&binaries.initdb(), data);
    let output = command.arg("--sync-only").arg("--pgdata").arg(data).stdin(Stdio::null()).output();
    check("initdb --sync-only", output.at("run", &binaries.initdb())?)
}

/// `path` with something after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A file that only `account` reads (mode 0600), replaced as a whole. Not forced to the disk: see [`sync`].
///
/// The folder may belong to PostgreSQL's user, who could put a link to any file of ours in the place of this one at
/// any time. So the file is made, never found, and its mode and owner are changed on what is open, never by its name.
pub(crate) fn write_private(file: &Path, text: &str, account: &Account) -> Result<(), PgServerError> {
    let new = beside(file, ".half-written");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", &new),
        _ => {}
    }
    let mut open = os::make_private_file(&new).at("make", &new)?;
    account.give_open(&open, &new)?;
    open.write_all(text.as_bytes()).at("write", &new)?;
    drop(open);
    fs::rename(&new, file).at("write", file)
}

/// Adds to a file of `account`'s that is there: never through a link, nor to a file of somebody else.
fn append(file: &Path, text: &str, account: &Account) -> Result<(), PgServerError> {
    let mut open = os::open_to_append(file).at("open", file)?;
    account.check_owns(&open, file)?;
    open.write_all(text.as_bytes()).at("write", file)
}

fn check(program: &'static str, output: Output) -> Result<(), PgServerError> {
    if output.status.success() {
        return Ok(());
    }
    let said =
        String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr })
            .into_owned();
    Err(PgServerError::Program { program, output: format!("{}: {}", output.status, clean(&said, 1_000)) })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn text(file: &Path) -> String {
        fs::read_to_string(file).unwrap()
    }

    fn mode(file: &Path) -> u32 {
        fs::symlink_metadata(file).unwrap().permissions().mode() & 0o7777
    }

    /// A file that PostgreSQL's user has no business with, and the folder that it owns.
    fn theirs_and_ours(account: &Account) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let all = tempfile::tempdir().unwrap();
        let (theirs, ours) = (all.path().join("postgres"), all.path().join("shadow"));
        account.make_private_folder(&theirs).unwrap();
        fs::write(&ours, "secret").unwrap();
        os::set_mode(&ours, 0o640).unwrap();
        (all, theirs, ours)
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_and_what_it_leads_to_stays_as_it_was() {
        let account = Account::for_servers().unwrap();
        let (all, theirs, ours) = theirs_and_ours(&account);
        let file = theirs.join("pg_hba.conf");
        for planted in [file.clone(), beside(&file, ".half-written")] {
            symlink(&ours, &planted).unwrap();
            write_hba(&theirs, "local all all reject\n", &account).unwrap();
            assert!(fs::symlink_metadata(&file).unwrap().is_file());
            assert_eq!((text(&file).as_str(), mode(&file)), ("local all all reject\n", 0o600));
            let owners = [&file, &theirs].map(|path| fs::metadata(path).unwrap().uid());
            assert_eq!(owners[0], owners[1]);
            assert_eq!((text(&ours).as_str(), mode(&ours)), ("secret", 0o640));
            assert_eq!(fs::metadata(&ours).unwrap().uid(), fs::metadata(all.path()).unwrap().uid());
            fs::remove_file(&file).unwrap();
        }
    }

    #[test]
    fn nothing_is_added_through_a_link() {
        let account = Account::for_servers().unwrap();
        let (_all, theirs, ours) = theirs_and_ours(&account);
        let file = theirs.join("postgresql.conf");
        symlink(&ours, &file).unwrap();
        append(&file, "more", &account).unwrap_err();
        assert_eq!(text(&ours), "secret");
    }

    #[test]
    fn as_root_nothing_is_added_to_a_file_of_somebody_else() {
        let account = Account::for_servers().unwrap();
        let (_all, theirs, ours) = theirs_and_ours(&account);
        let file = theirs.join("postgresql.conf");
        fs::hard_link(&ours, &file).unwrap();
        assert_eq!(append(&file, "more", &account).is_err(), account.is_another());
        fs::remove_file(&file).unwrap();
        write_private(&file, "some", &account).unwrap();
        append(&file, " more", &account).unwrap();
        assert_eq!(text(&file), "some more");
    }
}
