//! From a stored connection to something that can be asked.

use std::{collections::HashMap, sync::Arc};

use common::{ConnectionId, Phase, Problem, ProblemCode, TestError, TestErrorKind, TestResult};
use store::StoredTarget;

use crate::{Service, failure};

/// What a run is about: a connection as it was at one version. A changed connection is another target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TargetKey {
    pub(crate) id: ConnectionId,
    pub(crate) version: i32,
}

/// A connection that is about to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) key: TargetKey,
    pub(crate) region: Option<String>,
    /// Whether a session may be kept open: not on a database that is paused, or that should fall asleep when nobody uses
    /// it.
    pub(crate) keep: bool,
    /// The target, or why its password cannot be read.
    pub(crate) target: Result<probe::Target, TestError>,
}

impl Loaded {
    pub(crate) fn id(&self) -> ConnectionId {
        self.key.id
    }
}

/// The connection `id`, with its password opened.
pub(crate) async fn load(service: &Service, id: ConnectionId) -> Result<Loaded, Problem> {
    service.store().target(id).await.map(loaded).map_err(failure::from_store)
}

/// [`load`], as it was at `version`: what was decided by a connection as it was says nothing of what it has become.
pub(crate) async fn load_at(service: &Service, id: ConnectionId, version: i32) -> Result<Loaded, Problem> {
    let loaded = load(service, id).await?;
    still_at(version, &loaded.key).map(|()| loaded)
}

fn still_at(version: i32, now: &TargetKey) -> Result<(), Problem> {
    if now.version == version { Ok(()) } else { Err(changed_meanwhile()) }
}

pub(crate) fn changed_meanwhile() -> Problem {
    Problem::new(ProblemCode::Conflict, "Somebody changed the connection just now.")
        .with_hint("Look at it again, then repeat this.")
}

/// Those of `ids` that are not deleted, with their passwords opened.
pub(crate) async fn some(
    service: &Service,
    ids: &[ConnectionId],
) -> Result<HashMap<ConnectionId, Arc<Loaded>>, Problem> {
    let targets = service.store().targets(ids).await.map_err(failure::from_store)?;
    Ok(targets.into_iter().map(|stored| (stored.connection_id, Arc::new(loaded(stored)))).collect())
}

/// Every connection that is not paused, with its password opened.
pub(crate) async fn all(service: &Service) -> Result<Vec<Loaded>, Problem> {
    let targets = service.store().all_targets().await.map_err(failure::from_store)?;
    Ok(targets.into_iter().map(loaded).collect())
}

fn loaded(stored: StoredTarget) -> Loaded {
    let target = match stored.password {
        Ok(password) => Ok(probe::Target {
            connection_id: stored.connection_id,
            host: stored.host,
            port: stored.port,
            database_name: stored.database_name,
            username: stored.username,
            password,
            password_since: stored.password_since,
            ssl_mode: stored.ssl_mode,
            ssl_root_cert: stored.ssl_root_cert,
        }),
        // The store has logged it.
        Err(_) => Err(unreadable_password()),
    };
    let key = TargetKey { id: stored.connection_id, version: stored.version };
    Loaded { key, region: stored.region, keep: !stored.paused && !stored.let_sleep, target }
}

fn unreadable_password() -> TestError {
    TestError {
        kind: TestErrorKind::Secret,
        phase: Phase::Auth,
        message: "The stored password cannot be opened with the present encryption key.".to_owned(),
        hint:
            "Start the dashboard with the key it was stored with (DB_PASSWORD_ENCRYPTION_KEY), or edit the \
               connection and type the password again."
                .to_owned(),
        sqlstate: None,
    }
}

/// The result of a test that could not even begin.
pub(crate) fn not_begun(service: &Service, id: ConnectionId, error: TestError) -> TestResult {
    TestResult::failed(id, service.0.clock.now(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_allowed_of_one_version_is_not_done_to_another() {
        let now = TargetKey { id: ConnectionId(1), version: 2 };
        assert_eq!(still_at(2, &now), Ok(()));
        let refused = still_at(1, &now).unwrap_err();
        assert_eq!((refused.code, refused.status), (ProblemCode::Conflict, 409));
    }
}
