//! What every open page is told of a batch: the newest test and the newest health of each connection.

use chrono::{DateTime, Utc};
use common::{ConnectionStatus, Health, TestErrorKind, TestResult, event::EventKind};
use serde_json::{Value, json};
use tokio_postgres::{Transaction, types::Type};

use super::{super::words::headline, known::Standing, story::Story};
use crate::{StoreError, session};

/// With the percentiles of the day, as they have just been reckoned.
const TELL: &str = "
insert into dashboard.events (kind, connection_id, at, details)
select told.kind, told.connection_id, told.at,
    told.details || jsonb_build_object(
        'p50_ms', round(test.p50_us::numeric / 1000, 3),
        'p95_ms', round(test.p95_us::numeric / 1000, 3)
    )
from unnest($1::text[], $2::int8[], $3::timestamptz[], $4::jsonb[]) with ordinality
    as told (kind, connection_id, at, details, place)
left join dashboard.latest_tests test on test.connection_id = told.connection_id
order by told.place";

pub(super) async fn tell(transaction: &Transaction<'_>, story: &Story<'_>) -> Result<(), StoreError> {
    let visible = |id: &i64| story.known.get(*id).filter(|standing| !standing.hidden);
    let tests = story.tests.iter().filter_map(|(id, newest)| Some(Told::test(newest.test, visible(id)?)));
    let health =
        story.health.iter().filter_map(|(id, newest)| Some(Told::health(newest.health, visible(id)?)));
    let told: Vec<Told> = tests.chain(health).collect();
    if told.is_empty() {
        return Ok(());
    }
    let kinds: Vec<&str> = told.iter().map(|told| told.kind.as_str()).collect();
    let ids: Vec<i64> = told.iter().map(|told| told.connection_id).collect();
    let times: Vec<DateTime<Utc>> = told.iter().map(|told| told.at).collect();
    let details: Vec<Value> = told.into_iter().map(|told| told.details).collect();
    let params = &[
        (&kinds as _, Type::TEXT_ARRAY),
        (&ids as _, Type::INT8_ARRAY),
        (&times as _, Type::TIMESTAMPTZ_ARRAY),
        (&details as _, Type::JSONB_ARRAY),
    ];
    session::sweep(transaction, TELL, params).await.map(drop)
}

struct Told {
    kind: EventKind,
    connection_id: i64,
    at: DateTime<Utc>,
    details: Value,
}

impl Told {
    /// `status` is how the connection stands now, `was` how it stood before.
    fn test(test: &TestResult, standing: &Standing) -> Self {
        let kind = match &test.error {
            None => EventKind::ConnectionTestPassed,
            Some(error) if error.kind == TestErrorKind::Secret => EventKind::ConnectionError,
            Some(_) => EventKind::ConnectionTestFailed,
        };
        let details = json!({
            "ok": test.ok,
            "status": status(standing.status()),
            "was": status(standing.was),
            "round_trip_ms": test.round_trip_ms,
            "error": test.error.as_ref().map(|error| error.kind.headline()),
        });
        Self { kind, connection_id: test.connection_id.0, at: test.checked_at, details }
    }

    fn health(health: &Health, standing: &Standing) -> Self {
        let details = json!({
            "status": status(standing.status()),
            "was": status(standing.was),
            "health": health.status.as_str(),
            "score": health.score,
            // PostgreSQL keeps no NUL.
            "headline": headline(health).replace('\0', "\u{FFFD}"),
        });
        Self {
            kind: EventKind::Health,
            connection_id: health.connection_id.0,
            at: health.checked_at,
            details,
        }
    }
}

fn status(status: ConnectionStatus) -> &'static str {
    status.as_str()
}
