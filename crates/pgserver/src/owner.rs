//! One dashboard to a data folder. The lock is the operating system's, so it goes with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::{AtPath, PgServerError};
use crate::os;

/// Held for as long as the folder is ours. The file stays when it goes: removing it would race with the next one.
#[derive(Debug)]
pub(crate) struct Owner {
    _lock: File,
}

impl Owner {
    pub(crate) fn claim(data_folder: &Path) -> Result<Owner, PgServerError> {
        let file = data_folder.join("dashboard.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(&file).at("open", &file)?;
        // another user who can open it could lock it
        os::set_mode(&file, 0o600).at("set the permissions of", &file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // for the message only
                let _ = lock.read_to_string(&mut pid);
                return Err(PgServerError::Owned {
                    folder: data_folder.to_owned(),
                    pid: pid.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &file),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .at("write", &file)?;
        Ok(Owner { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_the_folder_and_the_process_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Owner::claim(folder.path()).unwrap();
        let refused = Owner::claim(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(first);
        Owner::claim(folder.path()).unwrap();
    }
}
