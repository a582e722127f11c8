//! Linux, macOS and the BSDs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};

use super::{Ids, Shutdown};

pub(crate) const EXE_SUFFIX: &str = "";
/// Whether this crate can look after a server of its own here.
pub(crate) const EMBEDDED_WORKS: bool = true;

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The ids of a user by `/etc/passwd`.
pub(crate) fn look_up_user(name: &str) -> Option<Ids> {
    parse_passwd(&fs::read_to_string("/etc/passwd").ok()?, name)
}

/// The name of a user by `/etc/passwd`.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let names = passwd.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name));
    names
        .into_iter()
        .find(|name| parse_passwd(&passwd, name).is_some_and(|ids| ids.uid == uid))
        .map(str::to_owned)
}

pub(crate) fn owner_of(path: &Path) -> Option<Ids> {
    let metadata = fs::metadata(path).ok()?;
    Some(Ids { uid: metadata.uid(), gid: metadata.gid() })
}

/// Whether the permission bits let a user go through a folder.
pub(crate) fn may_pass(folder: &Path, ids: Ids) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| {
        let bit = match (metadata.uid() == ids.uid, metadata.gid() == ids.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        metadata.mode() & bit != 0
    })
}

/// Others may go through a folder of ours, and still not look into it.
pub(crate) fn let_others_pass(folder: &Path) -> io::Result<()> {
    set_mode(folder, (fs::metadata(folder)?.mode() & 0o7777) | 0o011)
}

/// Whether somebody else may have put this here for us to find: it lies in a folder that all can write to (`/tmp`),
/// and is not ours.
pub(crate) fn is_planted(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return true };
    let ours = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    let anybody = path
        .parent()
        .and_then(|parent| fs::metadata(parent).ok())
        .is_none_or(|parent| parent.mode() & 0o002 != 0);
    anybody && !ours
}

fn parse_passwd(passwd: &str, name: &str) -> Option<Ids> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (user, _password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (user == name).then(|| Some(Ids { uid: id(uid)?, gid: id(gid)? }))?
    })
}

/// An id as `/etc/passwd` writes it; macOS writes `nobody` as -2.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
}

/// Lets `command` run under `ids`. The supplementary groups of root go as well (std does that).
pub(crate) fn run_as(command: &mut Command, ids: Ids) {
    command.uid(ids.uid).gid(ids.gid);
}

/// Its own process group: Ctrl-C in the terminal reaches the dashboard only, which then stops the server in order.
pub(crate) fn own_group(command: &mut Command) {
    command.process_group(0);
}

pub(crate) fn give_to(path: &Path, ids: Ids) -> io::Result<()> {
    chown(path, Some(ids.uid), Some(ids.gid))
}

pub(crate) fn give_open_to(file: &File, ids: Ids) -> io::Result<()> {
    fchown(file, Some(ids.uid), Some(ids.gid))
}

pub(crate) fn owner_of_open(file: &File) -> Option<u32> {
    Some(file.metadata().ok()?.uid())
}

/// A new file that only its owner can open, from its first moment on. Fails where anything is there, also a link.
pub(crate) fn make_private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // the umask may have taken more away
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// A file that is there, to add to it. Fails where the path is a link.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).custom_flags(no_follow).open(path)
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

pub(crate) fn symlink(original: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

pub(crate) fn signal(pid: u32, how: Shutdown) -> io::Result<()> {
    let signal = match how {
        Shutdown::Fast => Signal::INT,
        Shutdown::Immediate => Signal::QUIT,
        Shutdown::Kill => Signal::KILL,
    };
    Ok(rustix::process::kill_process(pid_of(pid)?, signal)?)
}

/// Whether a process with this id is there (also one that we may not signal, also a zombie).
pub(crate) fn is_alive(pid: u32) -> bool {
    match pid_of(pid).map(rustix::process::test_kill_process) {
        Ok(Ok(())) => true,
        Ok(Err(error)) => error == rustix::io::Errno::PERM,
        Err(_) => false,
    }
}

fn pid_of(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// What a process was started with, where the system tells.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    let ps = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    ps.status.success().then(|| String::from_utf8_lossy(&ps.stdout).into_owned())
}

/// The folder that a process works in; PostgreSQL's is its data directory. Linux only.
pub(crate) fn working_folder(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_in_passwd_also_with_a_negative_id() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:*:-2:-2:Unprivileged:/var/empty:/usr/bin/false\npostgres:x:101:104::/:/bin/sh\n";
        assert_eq!(parse_passwd(passwd, "postgres"), Some(Ids { uid: 101, gid: 104 }));
        assert_eq!(parse_passwd(passwd, "nobody"), Some(Ids { uid: u32::MAX - 1, gid: u32::MAX - 1 }));
        assert_eq!(parse_passwd(passwd, "post"), None);
    }

    #[test]
    fn this_process_is_alive_and_impossible_ids_are_not() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(0));
        assert!(!is_alive(u32::MAX));
    }
}
