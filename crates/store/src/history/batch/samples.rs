//! The numbers of health readings as raw rows.

use common::{Health, health::Metrics};
use tokio_postgres::{
    Transaction,
    types::{ToSql, Type},
};

use super::{super::micros, copy::copied};
use crate::{StoreError, session};

macro_rules! columns {
    () => {
        "connection_id, checked_at, duration_us, score, status,
    active_connections, idle_connections, idle_in_transaction_connections, total_connections, max_connections,
    reserved_connections, database_size_bytes, deadlocks, replication_lag_bytes, oldest_xid_age, waiting_locks,
    cache_hit_ratio, transactions_per_s, rollback_ratio, temp_bytes_per_s, replication_lag_s, longest_transaction_s,
    wal_bytes_per_s"
    };
}

const COPY: &str = concat!("copy dashboard.health_samples (", columns!(), ") from stdin (format binary)");
const INSERT: &str = concat!(
    "
insert into dashboard.health_samples (",
    columns!(),
    ")
select *
from unnest($1::int8[], $2::timestamptz[], $3::int4[], $4::int2[], $5::text[], $6::int8[], $7::int8[], $8::int8[],
    $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[],
    $17::float8[], $18::float8[], $19::float8[], $20::float8[], $21::float8[], $22::float8[], $23::float8[])
on conflict do nothing"
);

/// What is there already stays as it is.
pub(super) async fn insert(transaction: &Transaction<'_>, samples: &[&Health]) -> Result<(), StoreError> {
    if samples.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = samples.iter().map(|health| health.connection_id.0).collect();
    let times: Vec<_> = samples.iter().map(|health| health.checked_at).collect();
    let durations: Vec<i32> = samples.iter().map(|health| micros(health.duration_ms)).collect();
    let scores: Vec<Option<i16>> = samples.iter().map(|health| health.score.map(i16::from)).collect();
    let statuses: Vec<&str> = samples.iter().map(|health| health.status.as_str()).collect();
    let counts = COUNTS.map(|of| samples.iter().map(|health| of(&health.metrics)).collect::<Vec<_>>());
    // What is not a number would make every sum that it is part of none either.
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let rates = RATES.map(|of| samples.iter().map(|health| finite(of(&health.metrics))).collect::<Vec<_>>());

    let row = |at: usize| -> [&(dyn ToSql + Sync); 23] {
        let fixed: [&(dyn ToSql + Sync); 5] =
            [&ids[at], &times[at], &durations[at], &scores[at], &statuses[at]];
        std::array::from_fn(|place| match place {
            0..5 => fixed[place],
            5..16 => &counts[place - 5][at],
            _ => &rates[place - 16][at],
        })
    };
    if copied(transaction, COPY, &types(), samples.len(), row).await? {
        return Ok(());
    }
    let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![
        (&ids, Type::INT8_ARRAY),
        (&times, Type::TIMESTAMPTZ_ARRAY),
        (&durations, Type::INT4_ARRAY),
        (&scores, Type::INT2_ARRAY),
        (&statuses, Type::TEXT_ARRAY),
    ];
    params.extend(counts.iter().map(|column| (column as &(dyn ToSql + Sync), Type::INT8_ARRAY)));
    params.extend(rates.iter().map(|column| (column as &(dyn ToSql + Sync), Type::FLOAT8_ARRAY)));
    session::sweep(transaction, INSERT, &params).await?;
    Ok(())
}

/// Of the columns.
fn types() -> [Type; 23] {
    std::array::from_fn(|place| match place {
        0 | 5..16 => Type::INT8,
        1 => Type::TIMESTAMPTZ,
        2 => Type::INT4,
        3 => Type::INT2,
        4 => Type::TEXT,
        _ => Type::FLOAT8,
    })
}

/// In the order of the statement's columns.
const COUNTS: [fn(&Metrics) -> Option<i64>; 11] = [
    |metrics| metrics.active_connections,
    |metrics| metrics.idle_connections,
    |metrics| metrics.idle_in_transaction_connections,
    |metrics| metrics.total_connections,
    |metrics| metrics.max_connections,
    |metrics| metrics.reserved_connections,
    |metrics| metrics.database_size_bytes,
    |metrics| metrics.deadlocks,
    |metrics| metrics.replication_lag_bytes,
    |metrics| metrics.oldest_xid_age,
    |metrics| metrics.waiting_locks,
];

/// In the order of the statement's columns.
const RATES: [fn(&Metrics) -> Option<f64>; 7] = [
    |metrics| metrics.cache_hit_ratio,
    |metrics| metrics.transactions_per_s,
    |metrics| metrics.rollback_ratio,
    |metrics| metrics.temp_bytes_per_s,
    |metrics| metrics.replication_lag_s,
    |metrics| metrics.longest_transaction_s,
    |metrics| metrics.wal_bytes_per_s,
];
