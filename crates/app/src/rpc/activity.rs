//! What `/activity` asks: checks of all connections, newest first, and no more of each than the page shows.

use chrono::{DateTime, Utc, serde::ts_microseconds};
use common::{ConnectionId, Page, Phase, Phases, TestErrorKind, test_result::TestKind};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::wire::PostJson as Json;

/// Which checks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// `None`: of every connection.
    pub connection_id: Option<ConnectionId>,
    /// Only those that passed, or that failed.
    pub ok: Option<bool>,
    /// The `next` of the page before, or a time.
    pub before: Option<String>,
    pub limit: u32,
}

/// One check of one connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub connection_id: ConnectionId,
    pub connection_name: String,
    #[serde(with = "ts_microseconds")]
    pub at: DateTime<Utc>,
    pub kind: TestKind,
    pub round_trip_ms: Option<f64>,
    pub total_ms: f64,
    pub phases: Phases,
    /// `None`: it passed.
    pub failure: Option<Failure>,
}

/// Why a check failed. The message may hold the server's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: TestErrorKind,
    pub phase: Phase,
    /// Of an older check no more is kept than the kind; then it is only that in words.
    pub message: String,
}

#[server(name = ListChecks, prefix = "/rpc", endpoint = "checks", input = Json, output = Json)]
pub async fn checks(asked: Asked) -> Result<Page<Check>, RpcError> {
    let (service, principal) = caller()?;
    let query = shown::query(asked);
    let page = service::history::recent_checks(&service, &principal, query).await.map_err(answer)?;
    let names = service::connections::names(&service, &principal).await.map_err(answer)?;
    Ok(shown::page(page, &names))
}

#[cfg(feature = "ssr")]
mod shown {
    use std::collections::HashMap;

    use common::{ConnectionId, Page, TestResult, connection::ConnectionName, history::RecentChecksQuery};

    use super::{Asked, Check, Failure};

    pub(super) fn query(asked: Asked) -> RecentChecksQuery {
        let Asked { connection_id, ok, before, limit } = asked;
        RecentChecksQuery {
            connection_ids: connection_id.into_iter().collect(),
            ok,
            before,
            limit: Some(limit),
        }
    }

    pub(super) fn page(page: Page<TestResult>, names: &[ConnectionName]) -> Page<Check> {
        let names: HashMap<ConnectionId, &str> =
            names.iter().map(|name| (name.id, name.name.as_str())).collect();
        let check = |test: TestResult| {
            let id = test.connection_id;
            Check {
                connection_id: id,
                // One that was deleted between the two reads.
                connection_name: names
                    .get(&id)
                    .map_or_else(|| format!("connection {id}"), |name| (*name).to_owned()),
                at: test.checked_at,
                kind: test.kind,
                round_trip_ms: test.round_trip_ms,
                total_ms: test.total_ms,
                phases: test.phases,
                failure: test.error.map(|error| Failure {
                    kind: error.kind,
                    phase: error.phase,
                    message: error.message,
                }),
            }
        };
        Page { items: page.items.into_iter().map(check).collect(), total: page.total, next: page.next }
    }
}
