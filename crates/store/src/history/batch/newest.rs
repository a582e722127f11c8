//! The newest test and the newest health of each connection, whole.

use tokio_postgres::{
    Transaction,
    types::{ToSql, Type},
};

use super::{
    super::{json::to_jsonb, words::headline},
    story::Story,
};
use crate::{StoreError, session};

/// The percentiles of the day are reckoned anew each time while they are few. When they are many, that waits for a
/// minute, and longer the more there are: a day of checks every 5 s is 17,280 rows.
const TESTS: &str = "
insert into dashboard.latest_tests as known (
    connection_id, checked_at, ok, server_version_num, p50_us, p95_us, latency_samples, latency_at, result
)
select newest.connection_id, newest.checked_at, newest.ok, newest.server_version_num,
    case when fresh.connection_id is null then day.us[1] else fresh.p50_us end,
    case when fresh.connection_id is null then day.us[2] else fresh.p95_us end,
    coalesce(fresh.latency_samples, day.samples), coalesce(fresh.latency_at, newest.checked_at), newest.result
from unnest($1::int8[], $2::timestamptz[], $3::bool[], $4::int4[], $5::jsonb[])
    as newest (connection_id, checked_at, ok, server_version_num, result)
left join dashboard.latest_tests fresh
    on fresh.connection_id = newest.connection_id and fresh.latency_samples >= 200
    and fresh.latency_at
        > newest.checked_at - greatest(interval '1 minute', fresh.latency_samples * interval '30 milliseconds')
cross join lateral (
    select count(*)::int4 as samples,
        percentile_cont(array[0.5, 0.95]) within group (order by round_trip_us::float8) as us
    from dashboard.checks
    where fresh.connection_id is null and connection_id = newest.connection_id
        and checked_at > newest.checked_at - interval '24 hours' and checked_at <= newest.checked_at
        and ok and round_trip_us is not null
) day
on conflict (connection_id) do update
set checked_at = excluded.checked_at, ok = excluded.ok, result = excluded.result,
    server_version_num = coalesce(excluded.server_version_num, known.server_version_num),
    p50_us = excluded.p50_us, p95_us = excluded.p95_us, latency_samples = excluded.latency_samples,
    latency_at = excluded.latency_at
where known.checked_at <= excluded.checked_at";
const HEALTH: &str = "
insert into dashboard.latest_health as known (
    connection_id, checked_at, score, status, headline, health, counters
)
select * from unnest($1::int8[], $2::timestamptz[], $3::int2[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[])
on conflict (connection_id) do update
set checked_at = excluded.checked_at, score = excluded.score, status = excluded.status,
    headline = excluded.headline, health = excluded.health,
    counters = coalesce(excluded.counters, known.counters)
where known.checked_at <= excluded.checked_at";

pub(super) async fn tests(transaction: &Transaction<'_>, story: &Story<'_>) -> Result<(), StoreError> {
    if story.tests.is_empty() {
        return Ok(());
    }
    let newest = story.tests.values();
    let ids: Vec<i64> = story.tests.keys().copied().collect();
    let times: Vec<_> = newest.clone().map(|newest| newest.test.checked_at).collect();
    let ok: Vec<bool> = newest.clone().map(|newest| newest.test.ok).collect();
    let versions: Vec<Option<i32>> = newest.clone().map(|newest| newest.server_version_num).collect();
    let results = newest.map(|newest| to_jsonb("test result", newest.test)).collect::<Result<Vec<_>, _>>()?;
    let params: [(&(dyn ToSql + Sync), Type); 5] = [
        (&ids, Type::INT8_ARRAY),
        (&times, Type::TIMESTAMPTZ_ARRAY),
        (&ok, Type::BOOL_ARRAY),
        (&versions, Type::INT4_ARRAY),
        (&results, Type::JSONB_ARRAY),
    ];
    session::sweep(transaction, TESTS, &params).await?;
    Ok(())
}

pub(super) async fn health(transaction: &Transaction<'_>, story: &Story<'_>) -> Result<(), StoreError> {
    if story.health.is_empty() {
        return Ok(());
    }
    let newest = story.health.values().map(|newest| newest.health);
    let ids: Vec<i64> = story.health.keys().copied().collect();
    let times: Vec<_> = newest.clone().map(|health| health.checked_at).collect();
    let scores: Vec<Option<i16>> = newest.clone().map(|health| health.score.map(i16::from)).collect();
    let statuses: Vec<&str> = newest.clone().map(|health| health.status.as_str()).collect();
    let headlines: Vec<String> = newest.clone().map(headline).collect();
    let readings = newest.map(|health| to_jsonb("health reading", health)).collect::<Result<Vec<_>, _>>()?;
    let memories = story.health.values().map(|newest| newest.memory);
    let memories = memories
        .map(|memory| memory.map(|memory| to_jsonb("memory of a reading", memory)).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let params: [(&(dyn ToSql + Sync), Type); 7] = [
        (&ids, Type::INT8_ARRAY),
        (&times, Type::TIMESTAMPTZ_ARRAY),
        (&scores, Type::INT2_ARRAY),
        (&statuses, Type::TEXT_ARRAY),
        (&headlines, Type::TEXT_ARRAY),
        (&readings, Type::JSONB_ARRAY),
        (&memories, Type::JSONB_ARRAY),
    ];
    session::sweep(transaction, HEALTH, &params).await?;
    Ok(())
}
