//! The key of a dashboard that nobody gave one: made once, and kept in the data folder where only its owner reads it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use service::KeyRing;

const FILE_NAME: &str = "encryption.key";

/// Why the key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("the key in {path} cannot be {action}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the key in {path} cannot be used: {reason}. Put the file back from a backup, or set DB_PASSWORD_ENCRYPTION_KEY"
    )]
    Unusable { path: PathBuf, reason: String },
}

/// The key of a data folder.
#[derive(Debug)]
pub(crate) struct KeyFile {
    pub(crate) path: PathBuf,
    pub(crate) keys: KeyRing,
    /// Whether it was made just now.
    pub(crate) is_new: bool,
}

impl KeyFile {
    /// Reads the key in `folder`, or makes one. The caller owns the folder: nobody else makes one at the same time.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeyFileError> {
        let path = folder.join(FILE_NAME);
        let (key, is_new) = match fs::read_to_string(&path) {
            Ok(text) => (SecretString::from(text.trim()), false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyRing::generate_key();
                write(&path, &key).map_err(|source| KeyFileError::Io {
                    action: "written",
                    path: path.clone(),
                    source,
                })?;
                (key, true)
            }
            Err(source) => return Err(KeyFileError::Io { action: "read", path, source }),
        };
        match KeyRing::parse(&key) {
            Ok(keys) => Ok(Self { path, keys, is_new }),
            Err(error) => Err(KeyFileError::Unusable { path, reason: error.to_string() }),
        }
    }

    /// Takes back a key that was made just now, because the database turned out to have another one.
    pub(crate) fn discard(&self) {
        if self.is_new
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the new key, which does not fit, cannot be removed");
        }
    }
}

/// Whole or not at all: a key that is half there would look like a broken one.
fn write(path: &Path, key: &SecretString) -> io::Result<()> {
    let unfinished = path.with_extension("key.new");
    // Left behind by a start that was cut off.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_private(&unfinished)?;
    writeln!(file, "{}", key.expose_secret())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = KeyFile::open(folder.path()).unwrap();
        let text = fs::read_to_string(&first.path).unwrap();
        let second = KeyFile::open(folder.path()).unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!(fs::read_to_string(&second.path).unwrap(), text);
        second.discard();
        assert!(second.path.exists(), "an old key is never removed");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let key = KeyFile::open(folder.path()).unwrap();
        assert_eq!(fs::metadata(&key.path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_broken_key_is_told_with_its_file_and_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "hunter2").unwrap();
        let message = KeyFile::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains(FILE_NAME) && !message.contains("hunter2"), "{message}");
    }
}
