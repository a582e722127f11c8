//! Checks to measure with: of many connections, one a minute, as a watched fleet leaves them.

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, Phases, TestResult, test_result::TestKind};
use store::{Measured, Measurement};
use tokio_postgres::Client;

use super::database::Database;

/// How many connections the numbers of the design are meant for.
pub(super) const CONNECTIONS: i64 = 60;

/// The next `count` checks from `begin` on, a minute apart, each minute of all connections.
pub(super) fn batch(
    ids: &[ConnectionId],
    begin: DateTime<Utc>,
    first: usize,
    count: usize,
) -> Vec<Measurement> {
    (first..first + count)
        .map(|number| {
            let (minute, of) = (number / ids.len(), number % ids.len());
            let at = begin + TimeDelta::minutes(minute as i64) + TimeDelta::milliseconds(of as i64 * 977);
            Measurement { version: 1, of: Measured::Test(Box::new(check(ids[of], at, number as u64))) }
        })
        .collect()
}

/// As many rows as a watched fleet leaves in `days`, written by the server itself.
const FILL: &str = "
insert into dashboard.checks (
    connection_id, checked_at, total_us, round_trip_us, tcp_us, tls_us, auth_us, query_us, ok, held, degraded, error_kind,
    error_phase, address
)
select id, at, case when is_full then round_trip_us + 12600 end, round_trip_us, case when is_full then 410 end,
    case when is_full then 8300 end, case when is_full then 3900 end, case when is_full then round_trip_us end,
    not failed, not is_full, false, case when failed then 'timeout' end, case when failed then 'query' end,
    case when is_full then '203.0.113.7:5432' end
from generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', interval '1 minute') with ordinality
    as minutes (minute, number)
cross join unnest($3::int8[]) as connections (id)
cross join lateral (
    select minute + id % 60 * interval '977 milliseconds' as at, number % 5 = 0 as is_full, number % 1013 = id % 60 as failed,
        800 + (number * 7919 + id * 104729) % 3000 + case when number % 97 = 0 then 40000 else 0 end as round_trip_us
) checks";

/// Fills the history from `begin` on.
pub(super) async fn fill(database: &Database, client: &Client, begin: DateTime<Utc>, days: i64) {
    // a check a day makes the partitions
    let ends: Vec<Measurement> = (0..=days)
        .map(|day| {
            let at = begin + TimeDelta::days(day) + TimeDelta::seconds(59);
            Measurement { version: 1, of: Measured::Test(Box::new(check(database.ids[0], at, 0))) }
        })
        .collect();
    database.store.record_batch(0, 1, &ends).await.expect("partitions are made");
    let ids: Vec<i64> = database.ids.iter().map(|id| id.0).collect();
    for day in 0..days {
        let (from, to) = (begin + TimeDelta::days(day), begin + TimeDelta::days(day + 1));
        client.execute(FILL, &[&from, &to, &ids]).await.expect("the day is written");
    }
}

fn check(connection_id: ConnectionId, checked_at: DateTime<Utc>, number: u64) -> TestResult {
    // a fresh connect every five minutes, the others on the session that is held
    let full = (number / CONNECTIONS as u64).is_multiple_of(5);
    let round_trip_ms = round_trip_us(number) / 1000.0;
    let phase = |ms: f64| full.then_some(ms);
    TestResult {
        connection_id,
        ok: true,
        checked_at,
        kind: if full { TestKind::Full } else { TestKind::Held },
        phases: Phases {
            tcp_ms: phase(0.41),
            tls_ms: phase(8.3),
            auth_ms: phase(3.9),
            query_ms: phase(round_trip_ms),
            ..Phases::default()
        },
        total_ms: if full { round_trip_ms + 12.6 } else { round_trip_ms },
        round_trip_ms: Some(round_trip_ms),
        address: full.then(|| "203.0.113.7:5432".to_owned()),
        server_version: full.then(|| "17.2".to_owned()),
        server_version_num: full.then_some(170_002),
        pooler: None,
        backend_pid: full.then_some(1234),
        tls: None,
        error: None,
        unavailable: Default::default(),
    }
}

/// Spread over a few milliseconds, with one in a hundred far out; the same for the same number.
fn round_trip_us(number: u64) -> f64 {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let far = if number.is_multiple_of(97) { 40_000 } else { 0 };
    (800 + scattered % 3_000 + far) as f64
}
