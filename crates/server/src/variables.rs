//! Where settings come from: the environment, and beneath it `.env`.

use std::{collections::BTreeMap, fmt, path::Path};

use secrecy::SecretString;

use crate::dotenv;

/// The variables of the process, and beneath them those of `.env`: the environment wins. An empty one counts as not set.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    unreadable: Vec<String>,
}

impl Variables {
    /// The environment of this process over the `.env` of `folder`.
    pub fn of_process(folder: &Path) -> Self {
        let mut variables = match std::fs::read_to_string(folder.join(".env")) {
            Ok(text) => Self::from_dotenv(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                Self { unreadable: vec![format!("The file cannot be read: {error}.")], ..Self::default() }
            }
        };
        let process = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        variables.values.extend(process);
        variables
    }

    pub(crate) fn from_dotenv(text: &str) -> Self {
        let (values, unreadable) = dotenv::parse(text);
        let unreadable =
            unreadable.iter().map(|line| format!("Line {} cannot be read: {}.", line.line, line.reason));
        Self { values, unreadable: unreadable.collect() }
    }

    /// Variables from pairs: for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { values, ..Self::default() }
    }

    /// What is wrong with `.env` itself, in sentences that repeat none of it.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.unreadable.iter().map(String::as_str)
    }

    /// Without the white space around it; `None` where there is nothing else.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }
}

/// Values are not printed: some of them are secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
