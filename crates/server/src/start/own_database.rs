//! The dashboard's own database while the dashboard runs: the configured one, or an embedded PostgreSQL that is started,
//! started again when it ends by itself, and stopped.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use common::database::DatabaseMode;
use pgserver::{Embedded, Search};
use secrecy::SecretString;
use service::{KeyRing, StoreConfig, StoreError};
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::{
    config::{Config, Database},
    encryption_key::KeyFile,
};

/// A server that ends more often than this, within this time, has a fault that one more start does not mend.
const MOST_RESTARTS: usize = 3;
const WITHIN: Duration = Duration::from_secs(5 * 60);

fn store_config(config: &Config, url: SecretString, mode: DatabaseMode, keys: KeyRing) -> StoreConfig {
    StoreConfig {
        url,
        direct_url: None,
        mode,
        keys,
        retention_days: config.retention_days,
        chunk_interval: config.chunk_interval.clone(),
    }
}

/// The dashboard's own database as long as the dashboard runs.
pub(super) struct OwnDatabase {
    embedded: Option<Embedded>,
    key_file: Option<KeyFile>,
}

impl OwnDatabase {
    /// Starts the embedded server, or only says where the configured one is. `None`: a signal came first.
    pub(super) async fn start(
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<Option<(Self, StoreConfig)>, StartError> {
        let (bin_dir, given) = match &config.database {
            Database::External { url, direct_url, keys } => {
                let store = StoreConfig {
                    direct_url: direct_url.clone(),
                    ..store_config(config, url.clone(), DatabaseMode::External, keys.clone())
                };
                return Ok(Some((Self { embedded: None, key_file: None }, store)));
            }
            Database::Embedded { bin_dir, keys } => (bin_dir, keys),
        };
        let search = Search::usual(bin_dir.clone());
        let Some(embedded) = stop.run_until_cancelled(Embedded::start(&config.data_folder, &search)).await
        else {
            return Ok(None);
        };
        let embedded = embedded?;
        let (url, secrets) = (embedded.url(), embedded.secrets_dir().to_owned());
        let mut database = Self { embedded: Some(embedded), key_file: None };
        let keys = match given {
            Some(keys) => Ok(keys.clone()),
            None => database.own_key(&secrets),
        };
        match keys {
            Ok(keys) => Ok(Some((database, store_config(config, url, DatabaseMode::Embedded, keys)))),
            Err(error) => {
                database.stop().await;
                Err(error)
            }
        }
    }

    /// The key in the data folder, which the embedded server's lock makes ours alone.
    fn own_key(&mut self, secrets: &Path) -> Result<KeyRing, StartError> {
        let key_file = KeyFile::open(secrets)?;
        if key_file.is_new {
            tracing::info!(
                path = %key_file.path.display(),
                "made a key for the passwords of connections; keep it with your backups"
            );
        }
        let keys = key_file.keys.clone();
        self.key_file = Some(key_file);
        Ok(keys)
    }

    /// An error of opening the database, in the words that fit where the key came from.
    pub(super) fn explain(&self, error: StoreError) -> StartError {
        match (&error, &self.key_file) {
            (StoreError::WrongKey, Some(key_file)) if key_file.is_new => {
                key_file.discard();
                StartError::KeyFileLost { path: key_file.path.display().to_string() }
            }
            _ => StartError::Store(error),
        }
    }

    /// Starts the embedded server again whenever it ends by itself, until `stop`. An error: it is lost for good.
    pub(super) async fn keep_up(&mut self, stop: &CancellationToken) -> Result<(), StartError> {
        let mut restarts = Restarts::default();
        while let Some(embedded) = self.embedded.take() {
            let Some(how) = stop.run_until_cancelled(embedded.ended()).await else {
                self.embedded = Some(embedded);
                return Ok(());
            };
            let log = embedded.log().to_owned();
            let Some(restart) = restarts.next(Instant::now()) else {
                let minutes = WITHIN.as_secs() / 60;
                return Err(StartError::EmbeddedKeepsEnding { how, restarts: MOST_RESTARTS, minutes, log });
            };
            tracing::warn!(how, restart, most = MOST_RESTARTS, log = %log.display(), "starting the embedded PostgreSQL again");
            match stop.run_until_cancelled(embedded.restart()).await {
                None => return Ok(()),
                Some(Ok(restarted)) => self.embedded = Some(restarted),
                Some(Err(source)) => return Err(StartError::EmbeddedLost { how, source, log }),
            }
        }
        stop.cancelled().await;
        Ok(())
    }

    pub(super) async fn stop(self) {
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop().await
        {
            tracing::error!(%error, "the embedded PostgreSQL did not stop");
        }
    }
}

/// When the server was started again.
#[derive(Default)]
struct Restarts(Vec<Instant>);

impl Restarts {
    /// Counts one more, and says its number among those that count; `None`: there were enough.
    fn next(&mut self, now: Instant) -> Option<usize> {
        self.0.retain(|&restart| now.saturating_duration_since(restart) < WITHIN);
        if self.0.len() == MOST_RESTARTS {
            return None;
        }
        self.0.push(now);
        Some(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_few_within_some_minutes_and_without_end_over_days() {
        let (mut restarts, begin) = (Restarts::default(), Instant::now());
        let mut at = |seconds| restarts.next(begin + Duration::from_secs(seconds));
        assert_eq!([at(0), at(100), at(200), at(299)], [Some(1), Some(2), Some(3), None]);
        assert_eq!([at(300), at(399), at(400)], [Some(3), None, Some(3)]);
        assert_eq!([at(86_400), at(2 * 86_400)], [Some(1), Some(1)]);
    }
}
