//! Windows and the rest: binaries can be found, but a server of our own is not looked after there (no signals to
//! stop it by, no process groups): `Embedded::start` says to set `DATABASE_URL` instead.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Ids, Shutdown};

pub(crate) const EXE_SUFFIX: &str = if cfg!(windows) { ".exe" } else { "" };
/// Whether this crate can look after a server of its own here.
pub(crate) const EMBEDDED_WORKS: bool = false;

pub(crate) fn is_root() -> bool {
    false
}

pub(crate) fn look_up_user(_name: &str) -> Option<Ids> {
    None
}

pub(crate) fn user_name(_uid: u32) -> Option<String> {
    None
}

pub(crate) fn owner_of(_path: &Path) -> Option<Ids> {
    None
}

pub(crate) fn may_pass(_folder: &Path, _ids: Ids) -> bool {
    true
}

pub(crate) fn let_others_pass(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) fn is_planted(_path: &Path) -> bool {
    false
}

pub(crate) fn run_as(_command: &mut Command, _ids: Ids) {}

pub(crate) fn own_group(_command: &mut Command) {}

pub(crate) fn give_to(_path: &Path, _ids: Ids) -> io::Result<()> {
    Ok(())
}

pub(crate) fn give_open_to(_file: &File, _ids: Ids) -> io::Result<()> {
    Ok(())
}

pub(crate) fn owner_of_open(_file: &File) -> Option<u32> {
    None
}

pub(crate) fn make_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

pub(crate) fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn symlink(_original: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn signal(_pid: u32, _how: Shutdown) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn is_alive(_pid: u32) -> bool {
    false
}

pub(crate) fn command_line(_pid: u32) -> Option<String> {
    None
}

pub(crate) fn working_folder(_pid: u32) -> Option<PathBuf> {
    None
}
