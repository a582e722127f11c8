//! One health reading, kept: its numbers, the whole of it as the newest, and since when each finding has stood.

use common::{
    Health,
    health::{Check, CheckStatus, Metrics},
};
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};

use super::{
    changes::{Columns, insert_changes},
    json::to_jsonb,
    micros,
    words::headline,
};
use crate::{Store, StoreError, events::tell, session};

/// As for a test: one statement, only for a connection that is there, and a reading that is older or of
/// an address that was left goes into history only.
/// A check that could not be read neither opens nor closes its finding; one that does not apply any more closes it. What changed is written with the reading that
/// became the newest: any other had a memory that did not count.
const RECORD: &str = concat!(
    "
with present as (
    select id, address_version <= $30 as is_here, paused, deleted_at is not null as hidden
    from dashboard.connections
    where id = $1
    for key share
),
raw as (
    insert into dashboard.health_samples (
        connection_id, checked_at, duration_us, score, status,
        active_connections, idle_connections, idle_in_transaction_connections, total_connections,
        max_connections, reserved_connections, database_size_bytes, deadlocks, replication_lag_bytes,
        oldest_xid_age, waiting_locks, cache_hit_ratio, transactions_per_s, rollback_ratio, temp_bytes_per_s,
        replication_lag_s, longest_transaction_s, wal_bytes_per_s
    )
    select present.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
        $22, $23
    from present
    on conflict do nothing
),
newest as (
    insert into dashboard.latest_health as known (
        connection_id, checked_at, score, status, headline, health, counters
    )
    select present.id, $2, $4, $5, $24, $25, $26 from present where present.is_here
    on conflict (connection_id) do update
    set checked_at = excluded.checked_at, score = excluded.score, status = excluded.status,
        headline = excluded.headline, health = excluded.health,
        counters = coalesce(excluded.counters, known.counters)
    where known.checked_at <= excluded.checked_at
    returning connection_id
),
opened as (
    insert into dashboard.finding_spans (connection_id, check_id, severity, since)
    select newest.connection_id, found.check_id, found.severity, $2
    from newest
    cross join unnest($27::text[], $28::text[]) as found (check_id, severity)
    on conflict (connection_id, check_id) do update set severity = excluded.severity
),
changed as (
    ",
    insert_changes!("select connection_id from newest", "$31", "$32", "$33", "$34", "$35"),
    "
),
told as (
    insert into dashboard.events (kind, connection_id, at, details)
    select 'health', newest.connection_id, $2,
        jsonb_build_object(
            'status', $5, 'score', $4, 'headline', $24,
            'connection_status', ",
    tell::status!("present.paused", "test.ok", "$5"),
    ",
            'was', ",
    tell::status!("present.paused", "test.ok", "before.status"),
    "
        )
    from newest
    join present on not present.hidden
    left join dashboard.latest_tests test on test.connection_id = newest.connection_id
    left join dashboard.latest_health before on before.connection_id = newest.connection_id
),
told_of_changes as (
    ",
    tell::changes!("changed"),
    "
)
delete from dashboard.finding_spans span
using newest
where span.connection_id = newest.connection_id and span.check_id = any ($29::text[])"
);

impl Store {
    /// Keeps a health reading, also that of a database which is down; `version` is that of the target that was
    /// asked. `memory` is what the next reading starts from; without one, that of the reading before stays. Twice is as good as once; for a connection that is gone, nothing happens.
    pub async fn record_health(
        &self,
        health: &Health,
        memory: Option<&Value>,
        version: i32,
    ) -> Result<(), StoreError> {
        let session = self.session().await?;
        let json = to_jsonb("health reading", health)?;
        let memory = memory.map(|memory| to_jsonb("memory of a reading", memory)).transpose()?;
        let headline = headline(health);
        let duration_us = micros(health.duration_ms);
        let score = health.score.map(i16::from);
        let status = health.status.as_str();
        let Findings { open, severities, closed } = Findings::of(health);
        let changes = Columns::of(&health.changes);

        let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![
            (&health.connection_id.0, Type::INT8),
            (&health.checked_at, Type::TIMESTAMPTZ),
            (&duration_us, Type::INT4),
            (&score, Type::INT2),
            (&status, Type::TEXT),
        ];
        params.extend(counts(&health.metrics).map(|count| (count as &(dyn ToSql + Sync), Type::INT8)));
        params.extend(rates(&health.metrics).map(|rate| (rate as &(dyn ToSql + Sync), Type::FLOAT8)));
        params.extend([
            (&headline as &(dyn ToSql + Sync), Type::TEXT),
            (&json, Type::JSONB),
            (&memory, Type::JSONB),
            (&open, Type::TEXT_ARRAY),
            (&severities, Type::TEXT_ARRAY),
            (&closed, Type::TEXT_ARRAY),
            (&version, Type::INT4),
        ]);
        params.extend(changes.params());
        session::execute(session.client(), RECORD, &params).await?;
        Ok(())
    }
}

/// In the order of the statement's columns.
fn counts(metrics: &Metrics) -> [&Option<i64>; 11] {
    [
        &metrics.active_connections,
        &metrics.idle_connections,
        &metrics.idle_in_transaction_connections,
        &metrics.total_connections,
        &metrics.max_connections,
        &metrics.reserved_connections,
        &metrics.database_size_bytes,
        &metrics.deadlocks,
        &metrics.replication_lag_bytes,
        &metrics.oldest_xid_age,
        &metrics.waiting_locks,
    ]
}

/// In the order of the statement's columns.
fn rates(metrics: &Metrics) -> [&Option<f64>; 7] {
    [
        &metrics.cache_hit_ratio,
        &metrics.transactions_per_s,
        &metrics.rollback_ratio,
        &metrics.temp_bytes_per_s,
        &metrics.replication_lag_s,
        &metrics.longest_transaction_s,
        &metrics.wal_bytes_per_s,
    ]
}

/// What a reading says of each finding: it stands (how urgent), or it is over.
struct Findings<'a> {
    open: Vec<&'a str>,
    severities: Vec<&'static str>,
    closed: Vec<&'a str>,
}

impl<'a> Findings<'a> {
    fn of(health: &'a Health) -> Self {
        let mut findings = Self { open: Vec::new(), severities: Vec::new(), closed: Vec::new() };
        for check in &health.checks {
            let severity = match check.status {
                CheckStatus::Critical => "critical",
                CheckStatus::Warning => "warning",
                CheckStatus::Info => "info",
                CheckStatus::Ok => {
                    findings.closed.push(&check.id);
                    continue;
                }
                CheckStatus::Skipped if does_not_apply(check) => {
                    findings.closed.push(&check.id);
                    continue;
                }
                CheckStatus::Unavailable | CheckStatus::Skipped => continue,
            };
            // ON CONFLICT cannot touch one row twice.
            if !findings.open.contains(&check.id.as_str()) {
                findings.open.push(&check.id);
                findings.severities.push(severity);
            }
        }
        findings
    }
}

/// What is skipped for want of data has a value that says too little, or a reason why it has none. With neither, there is
/// nothing here that could be wrong any more: archiving was switched off, a standby was promoted.
fn does_not_apply(check: &Check) -> bool {
    check.value.is_none() && !check.unavailable.contains_key("value")
}
