//! The operating-system user that PostgreSQL runs as: ourselves, or, because it refuses root, `postgres` or `nobody`.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::error::{AtPath, PgServerError};
use crate::os::{self, Ids};

/// What programs need to find their libraries and a place for temporary files.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "TZ",
];

/// Who runs PostgreSQL's programs and owns their folders.
#[derive(Debug, Clone)]
pub struct Account {
    name: String,
    switch_to: Option<Ids>,
}

impl Account {
    /// For servers that this process starts: itself, unless it is root.
    pub fn for_servers() -> Result<Account, PgServerError> {
        if !os::is_root() {
            let name = std::env::var("USER").unwrap_or_else(|_| "the current user".to_owned());
            return Ok(Account { name, switch_to: None });
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                Some(Account { name: name.to_owned(), switch_to: Some(os::look_up_user(name)?) })
            })
            .ok_or(PgServerError::NoAccount)
    }

    /// For a data directory that may be there: as root, its owner goes on running it.
    pub(crate) fn for_data(data: &Path) -> Result<Account, PgServerError> {
        match os::owner_of(data) {
            Some(ids) if os::is_root() && ids.uid != 0 => {
                let name = os::user_name(ids.uid).unwrap_or_else(|| ids.uid.to_string());
                Ok(Account { name, switch_to: Some(ids) })
            }
            _ => Account::for_servers(),
        }
    }

    /// Ourselves, root or not: for programs that do not mind.
    pub(crate) fn ourselves() -> Account {
        Account { name: "the current user".to_owned(), switch_to: None }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is another user than the one we run as.
    pub fn is_another(&self) -> bool {
        self.switch_to.is_some()
    }

    /// `program` as this user, in `folder`. It gets no more of our environment than it needs: our keys and passwords
    /// are not for it, and variables such as `PGPORT` would steer it.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // messages in English: some are recognised
        command.env("LC_ALL", "C").current_dir(folder);
        if let Some(ids) = self.switch_to {
            os::run_as(&mut command, ids);
        }
        command
    }

    /// Makes a folder that only this user can enter, or repairs one that is there.
    pub fn make_private_folder(&self, folder: &Path) -> Result<(), PgServerError> {
        fs::create_dir_all(folder).at("make the folder", folder)?;
        os::set_mode(folder, 0o700).at("set the permissions of", folder)?;
        self.give(folder)
    }

    /// Whether this user can get to a folder of ours; if not, which folder on the way is closed.
    pub(crate) fn check_reach(&self, folder: &Path) -> Result<(), PgServerError> {
        let Some(ids) = self.switch_to else { return Ok(()) };
        let Some(closed) = folder.ancestors().find(|&on_the_way| !os::may_pass(on_the_way, ids)) else {
            return Ok(());
        };
        Err(PgServerError::Unreachable {
            account: self.name.clone(),
            path: folder.to_owned(),
            reason: format!(
                "{} is closed to other users. Set PG_DASHBOARD_DATA to another folder, or `chmod o+x` that one",
                closed.display()
            ),
        })
    }

    /// Gives one file or folder to this user, by its path: only where this user cannot have put a link there.
    pub fn give(&self, path: &Path) -> Result<(), PgServerError> {
        match self.switch_to {
            Some(ids) => os::give_to(path, ids).at("give to PostgreSQL's user", path),
            None => Ok(()),
        }
    }

    /// Gives an open file to this user. Whatever stands at its path by now is left alone.
    pub(crate) fn give_open(&self, file: &File, path: &Path) -> Result<(), PgServerError> {
        match self.switch_to {
            Some(ids) => os::give_open_to(file, ids).at("give to PostgreSQL's user", path),
            None => Ok(()),
        }
    }

    /// Refuses an open file that another user than this one owns. Nobody but root can be led to one.
    pub(crate) fn check_owns(&self, file: &File, path: &Path) -> Result<(), PgServerError> {
        match self.switch_to {
            Some(ids) if os::owner_of_open(file) != Some(ids.uid) => {
                Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied)).at("write", path)
            }
            _ => Ok(()),
        }
    }
}
