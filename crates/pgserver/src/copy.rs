//! Copies a folder with everything in it: data directories made in advance, and binaries to where they can be run.

use std::fs;
use std::io;
use std::path::Path;

use crate::os;

/// Copies `from` to `to`, which must not be there. Links stay links. `after` sees every copied folder and file (for
/// owner and permissions), a folder before what is in it.
pub fn copy_tree(from: &Path, to: &Path, after: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    fs::create_dir(to)?;
    after(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &target, after)?;
        } else if kind.is_symlink() {
            os::symlink(&fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            after(&target)?;
        }
    }
    Ok(())
}
