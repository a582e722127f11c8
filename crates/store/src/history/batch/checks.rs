//! Tests as raw rows.

use chrono::{DateTime, Utc};
use common::test_result::TestKind;
use tokio_postgres::{
    Transaction,
    types::{ToSql, Type},
};

use super::{super::micros, copy::copied, story::Checked};
use crate::{StoreError, session};

macro_rules! columns {
    () => {
        "connection_id, checked_at, total_us, round_trip_us, dns_us, tcp_us, tls_us, auth_us, query_us, ok, held, degraded,
    error_kind, error_phase, address"
    };
}

const COPY: &str = concat!("copy dashboard.checks (", columns!(), ") from stdin (format binary)");
const TYPES: [Type; 15] = [
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::BOOL,
    Type::BOOL,
    Type::BOOL,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
];
const INSERT: &str = concat!(
    "
insert into dashboard.checks (",
    columns!(),
    ")
select *
from unnest($1::int8[], $2::timestamptz[], $3::int4[], $4::int4[], $5::int4[], $6::int4[], $7::int4[], $8::int4[],
    $9::int4[], $10::bool[], $11::bool[], $12::bool[], $13::text[], $14::text[], $15::text[])
on conflict do nothing"
);

/// What is there already stays as it is.
pub(super) async fn insert(transaction: &Transaction<'_>, checks: &[Checked<'_>]) -> Result<(), StoreError> {
    if checks.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = checks.iter().map(Row::of).collect();
    if copied(transaction, COPY, &TYPES, rows.len(), |at| rows[at].values()).await? {
        return Ok(());
    }
    fn column<T>(rows: &[Row], of: impl Fn(&Row) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let params: [(&(dyn ToSql + Sync), Type); 15] = [
        (&column(&rows, |row| row.connection_id), Type::INT8_ARRAY),
        (&column(&rows, |row| row.checked_at), Type::TIMESTAMPTZ_ARRAY),
        (&column(&rows, |row| row.total_us), Type::INT4_ARRAY),
        (&column(&rows, |row| row.round_trip_us), Type::INT4_ARRAY),
        (&column(&rows, |row| row.phases[0]), Type::INT4_ARRAY),
        (&column(&rows, |row| row.phases[1]), Type::INT4_ARRAY),
        (&column(&rows, |row| row.phases[2]), Type::INT4_ARRAY),
        (&column(&rows, |row| row.phases[3]), Type::INT4_ARRAY),
        (&column(&rows, |row| row.phases[4]), Type::INT4_ARRAY),
        (&column(&rows, |row| row.ok), Type::BOOL_ARRAY),
        (&column(&rows, |row| row.held), Type::BOOL_ARRAY),
        (&column(&rows, |row| row.degraded), Type::BOOL_ARRAY),
        (&column(&rows, |row| row.error_kind), Type::TEXT_ARRAY),
        (&column(&rows, |row| row.error_phase), Type::TEXT_ARRAY),
        (&column(&rows, |row| row.address.clone()), Type::TEXT_ARRAY),
    ];
    session::sweep(transaction, INSERT, &params).await?;
    Ok(())
}

struct Row {
    connection_id: i64,
    checked_at: DateTime<Utc>,
    /// None where it is the round trip: on a session that was held.
    total_us: Option<i32>,
    round_trip_us: Option<i32>,
    /// In the order of [`common::Phase::ALL`].
    phases: [Option<i32>; 5],
    ok: bool,
    held: bool,
    degraded: bool,
    error_kind: Option<&'static str>,
    error_phase: Option<&'static str>,
    /// Where it differs from that of the check before.
    address: Option<String>,
}

impl Row {
    fn of(checked: &Checked<'_>) -> Self {
        let test = checked.test;
        let us = |ms: Option<f64>| ms.map(micros);
        let held = test.kind == TestKind::Held;
        let (total_us, round_trip_us) = (micros(test.total_ms), us(test.round_trip_ms));
        Self {
            connection_id: test.connection_id.0,
            checked_at: test.checked_at,
            total_us: Some(total_us).filter(|_| !held || Some(total_us) != round_trip_us),
            round_trip_us,
            phases: common::Phase::ALL.map(|phase| us(test.phases.get(phase))),
            ok: test.ok,
            held,
            degraded: checked.degraded,
            error_kind: test.error.as_ref().map(|error| error.kind.as_str()),
            error_phase: test.error.as_ref().map(|error| error.phase.as_str()),
            address: checked.new_address.map(|address| common::text::clean(address, 120)),
        }
    }

    /// In the order of the columns.
    fn values(&self) -> [&(dyn ToSql + Sync); 15] {
        let [dns, tcp, tls, auth, query] = &self.phases;
        [
            &self.connection_id,
            &self.checked_at,
            &self.total_us,
            &self.round_trip_us,
            dns,
            tcp,
            tls,
            auth,
            query,
            &self.ok,
            &self.held,
            &self.degraded,
            &self.error_kind,
            &self.error_phase,
            &self.address,
        ]
    }
}
