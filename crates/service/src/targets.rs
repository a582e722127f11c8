//! From a stored connection to something that can be asked.

use common::{
    ConnectionId, Phase, Problem, TestError, TestErrorKind, TestResult,
    test_result::{Phases, TestKind},
};
use store::{StoreError, StoredTarget};

use crate::{Service, failure};

/// What a run is about: a connection as it was at one version. A changed connection is another target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TargetKey {
    pub(crate) id: ConnectionId,
    version: i32,
}

/// A connection that is about to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) key: TargetKey,
    pub(crate) region: Option<String>,
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
    match service.store().target(id).await {
        Err(error) if !matches!(error, StoreError::Secret { .. }) => Err(failure::from_store(error)),
        stored => Ok(loaded(id, stored)),
    }
}

/// Every connection that is not paused, with its password opened.
pub(crate) async fn all(service: &Service) -> Result<Vec<Loaded>, Problem> {
    let targets = service.store().all_targets().await.map_err(failure::from_store)?;
    Ok(targets.into_iter().map(|(id, stored)| loaded(id, stored)).collect())
}

fn loaded(id: ConnectionId, stored: Result<StoredTarget, StoreError>) -> Loaded {
    match stored {
        Ok(stored) => Loaded {
            key: TargetKey { id, version: stored.version },
            region: stored.region,
            target: Ok(probe::Target {
                connection_id: id,
                host: stored.host,
                port: stored.port,
                database_name: stored.database_name,
                username: stored.username,
                password: stored.password,
                ssl_mode: stored.ssl_mode,
                ssl_root_cert: stored.ssl_root_cert,
            }),
        },
        Err(_) => {
            Loaded { key: TargetKey { id, version: 0 }, region: None, target: Err(unreadable_password()) }
        }
    }
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
    TestResult {
        connection_id: id,
        ok: false,
        checked_at: service.0.clock.now(),
        kind: TestKind::Full,
        phases: Phases::default(),
        total_ms: 0.0,
        round_trip_ms: None,
        address: None,
        server_version: None,
        server_version_num: None,
        pooler: None,
        backend_pid: None,
        tls: None,
        error: Some(error),
        unavailable: Default::default(),
    }
}
