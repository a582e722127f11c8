//! One test, kept: a raw row, the newest result, and since when it has been failing.

use common::{TestResult, test_result::TestKind};
use tokio_postgres::types::Type;

use super::{CONNECTION_FINDING, json::to_jsonb, micros};
use crate::{Store, StoreError, events::tell, session};

/// One statement, so that all of it counts or none. The key share lock waits for a purge: history is never
/// written for a connection that is gone. A result older than the newest one (it took longer), or of an address
/// that the connection has left since, goes into history only. The percentiles of the day are reckoned anew each time while they are few, and once a minute
/// when they are many: a day of checks every 10 s is 8,640 rows.
const RECORD: &str = concat!(
    "
with present as (
    select id, address_version <= $18 as is_here, paused, deleted_at is not null as hidden
    from dashboard.connections
    where id = $1
    for key share
),
raw as (
    insert into dashboard.checks (
        connection_id, checked_at, total_us, round_trip_us, dns_us, tcp_us, tls_us, auth_us, query_us,
        ok, held, degraded, error_kind, error_phase, address
    )
    select present.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
        $10 and coalesce(health.status in ('warning', 'critical'), false), $12, $13, $14
    from present
    left join dashboard.latest_health health on health.connection_id = present.id
    on conflict do nothing
),
fresh as (
    select latency_at, latency_samples, p50_us, p95_us
    from dashboard.latest_tests
    where connection_id = $1 and latency_samples >= 200 and latency_at > $2 - interval '1 minute'
),
day as (
    select round_trip_us
    from dashboard.checks
    where (select not exists (select from fresh))
        and connection_id = $1 and checked_at > $2 - interval '24 hours' and checked_at < $2
        and ok and round_trip_us is not null
    union all
    select $4 where $10 and $4 is not null
),
latency as (
    select count(*)::int4 as samples,
        percentile_cont(array[0.5, 0.95]) within group (order by round_trip_us::float8) as us
    from day
),
newest as (
    insert into dashboard.latest_tests as known (
        connection_id, checked_at, ok, server_version_num, p50_us, p95_us, latency_samples, latency_at, result
    )
    select present.id, $2, $10, $15,
        case when fresh.latency_at is null then latency.us[1] else fresh.p50_us end,
        case when fresh.latency_at is null then latency.us[2] else fresh.p95_us end,
        coalesce(fresh.latency_samples, latency.samples), coalesce(fresh.latency_at, $2), $16
    from present
    cross join latency
    left join fresh on true
    where present.is_here
    on conflict (connection_id) do update
    set checked_at = excluded.checked_at, ok = excluded.ok, result = excluded.result,
        server_version_num = coalesce(excluded.server_version_num, known.server_version_num),
        p50_us = excluded.p50_us, p95_us = excluded.p95_us, latency_samples = excluded.latency_samples,
        latency_at = excluded.latency_at
    where known.checked_at <= excluded.checked_at
    returning connection_id, p50_us, p95_us
),
told as (
    insert into dashboard.events (kind, connection_id, at, details)
    select
        case
            when $12 = 'secret' then 'connection-error'
            when $10 then 'connection-test-passed'
            else 'connection-test-failed'
        end,
        newest.connection_id, $2,
        jsonb_build_object(
            'ok', $10, 'error', $19,
            'status', ",
    tell::status!("present.paused", "$10", "health.status"),
    ",
            'was', ",
    tell::status!("present.paused", "before.ok", "health.status"),
    ",
            'round_trip_ms', round($4 / 1000.0, 3), 'p50_ms', round(newest.p50_us::numeric / 1000, 3),
            'p95_ms', round(newest.p95_us::numeric / 1000, 3)
        )
    from newest
    join present on not present.hidden
    left join dashboard.latest_health health on health.connection_id = newest.connection_id
    left join dashboard.latest_tests before on before.connection_id = newest.connection_id
),
opened as (
    insert into dashboard.finding_spans (connection_id, check_id, severity, since)
    select connection_id, $17, 'critical', $2 from newest where not $10
    on conflict do nothing
)
delete from dashboard.finding_spans span
using newest
where $10 and span.connection_id = newest.connection_id and span.check_id = $17"
);

impl Store {
    /// Keeps a test; `version` is that of the target that was tested. Twice is as good as once; for a connection
    /// that is gone, nothing happens.
    pub async fn record_test(&self, test: &TestResult, version: i32) -> Result<(), StoreError> {
        let session = self.session().await?;
        let json = to_jsonb("test result", test)?;
        let us = |ms: Option<f64>| ms.map(micros);
        let phases = &test.phases;
        let address = test.address.as_deref().map(|address| common::text::clean(address, 120));
        session::execute(
            session.client(),
            RECORD,
            &[
                (&test.connection_id.0, Type::INT8),
                (&test.checked_at, Type::TIMESTAMPTZ),
                (&micros(test.total_ms), Type::INT4),
                (&us(test.round_trip_ms), Type::INT4),
                (&us(phases.dns_ms), Type::INT4),
                (&us(phases.tcp_ms), Type::INT4),
                (&us(phases.tls_ms), Type::INT4),
                (&us(phases.auth_ms), Type::INT4),
                (&us(phases.query_ms), Type::INT4),
                (&test.ok, Type::BOOL),
                (&(test.kind == TestKind::Held), Type::BOOL),
                (&test.error.as_ref().map(|error| error.kind.as_str()), Type::TEXT),
                (&test.error.as_ref().map(|error| error.phase.as_str()), Type::TEXT),
                (&address, Type::TEXT),
                (&test.server_version_num, Type::INT4),
                (&json, Type::JSONB),
                (&CONNECTION_FINDING, Type::TEXT),
                (&version, Type::INT4),
                (&test.error.as_ref().map(|error| error.kind.headline()), Type::TEXT),
            ],
        )
        .await?;
        Ok(())
    }
}
