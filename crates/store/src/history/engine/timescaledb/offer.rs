//! Whether there is a TimescaleDB that history can be kept in.

use tokio_postgres::Client;

use crate::{
    StoreConfig, StoreError,
    open::{dial, migration_url},
    session,
};

const AVAILABLE: &str = "select installed_version from pg_available_extensions where name = 'timescaledb'";
const CREATE: &str = "create extension if not exists timescaledb";
/// The extension is loaded by the first statement that names something of it.
const LOADED: &str = "
select extversion, current_setting('timescaledb.license', true)
from pg_extension, (select count(*) from timescaledb_information.hypertables) loaded
where extname = 'timescaledb'";

/// Rows can be written to compressed chunks, continuous aggregates stand on each other, and neither is new.
const OLDEST: (u32, u32) = (2, 13);

/// Takes it where it is offered: creates the extension if need be. The inner error says why it is not.
pub(super) async fn accept(client: &Client, config: &StoreConfig) -> Result<Result<(), String>, StoreError> {
    let Some(row) = session::row(client, AVAILABLE, &[]).await? else {
        return Ok(Err("the server has no TimescaleDB".to_owned()));
    };
    if row.try_get::<_, Option<String>>(0)?.is_none() {
        // On a session of its own: where the library is not preloaded, the server ends it.
        let (_, url) = migration_url(config)?;
        let (other, task) = dial(&url).await?;
        let created = other.batch_execute(CREATE).await;
        drop(other);
        let _ = task.await;
        if let Err(error) = created {
            let reason = StoreError::from(error).to_string();
            return Ok(Err(format!("the extension timescaledb cannot be created ({reason})")));
        }
    }
    let Some(row) = session::row(client, LOADED, &[]).await? else {
        return Ok(Err("the extension timescaledb is not there".to_owned()));
    };
    let (version, license): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(is_enough(&version, license.as_deref()))
}

/// The Apache-licensed edition has no continuous aggregates, no compression and no policies.
fn is_enough(version: &str, license: Option<&str>) -> Result<(), String> {
    if license != Some("timescale") {
        let license = common::text::clean(license.unwrap_or("not known"), 40);
        return Err(format!("timescaledb.license is {license}, not timescale"));
    }
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version_known = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version_known < OLDEST {
        let version = common::text::clean(version, 40);
        return Err(format!("TimescaleDB is {version}; {}.{} or newer is needed", OLDEST.0, OLDEST.1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_enough;

    #[test]
    fn only_the_edition_with_its_own_licence_is_used_and_only_when_it_is_new_enough() {
        assert_eq!(is_enough("2.17.2", Some("timescale")), Ok(()));
        assert_eq!(is_enough("2.23.0-dev", Some("timescale")), Ok(()));
        assert_eq!(is_enough("3.0", Some("timescale")), Ok(()));
        for (version, license) in [
            ("2.17.2", Some("apache")),
            ("2.17.2", None),
            ("2.9.1", Some("timescale")),
            ("1.7.5", Some("timescale")),
            ("new", Some("timescale")),
        ] {
            assert!(is_enough(version, license).is_err(), "{version} {license:?}");
        }
    }
}
