//! The checks themselves, newest first: any page costs about as much as the first.
//!
//! Three ways to a page. Of a few connections, each one's newest are read from its own range of the index. Of all, windows of time
//! are read that widen until the page is full. Failures have an index of their own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use common::{
    ConnectionId, Page, Phase, Phases, Reason, TestError, TestErrorKind, TestResult, test_result::TestKind,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{Json, ToSql, Type},
};

use super::resolution::Resolution;
use crate::{Store, StoreError, session};

/// What a page shows. The newest check of each connection is kept whole.
macro_rules! columns {
    () => {
        "
select k.connection_id, k.checked_at, k.total_us, k.round_trip_us, k.dns_us, k.tcp_us, k.tls_us, k.auth_us, k.query_us,
    k.ok, k.held, k.error_kind, k.error_phase, k.address, latest.result"
    };
}

/// $1 connections, $2 whether they passed, $3 before this time and $4 this connection at that time, $5 how many.
const OF_SOME: &str = concat!(
    columns!(),
    "
from dashboard.connections c
cross join lateral (
    select *
    from dashboard.checks
    where connection_id = c.id and ($2::bool is null or ok = $2)
        and checked_at <= $3 and (checked_at < $3 or connection_id < $4)
    order by checked_at desc
    limit $5
) k
left join dashboard.latest_tests latest on latest.connection_id = k.connection_id and latest.checked_at = k.checked_at
where c.id = any ($1) and c.deleted_at is null
order by k.checked_at desc, k.connection_id desc
limit $5"
);
/// The same of failures only: they have an index.
const FAILED_OF_SOME: &str = concat!(
    columns!(),
    "
from dashboard.connections c
cross join lateral (
    select *
    from dashboard.checks
    where connection_id = c.id and not ok and checked_at <= $2 and (checked_at < $2 or connection_id < $3)
    order by checked_at desc
    limit $4
) k
left join dashboard.latest_tests latest on latest.connection_id = k.connection_id and latest.checked_at = k.checked_at
where c.id = any ($1) and c.deleted_at is null
order by k.checked_at desc, k.connection_id desc
limit $4"
);
/// $1 before this time and $2 this connection at that time, $3 how many.
const FAILED: &str = concat!(
    columns!(),
    "
from dashboard.checks k
join dashboard.connections c on c.id = k.connection_id and c.deleted_at is null
left join dashboard.latest_tests latest on latest.connection_id = k.connection_id and latest.checked_at = k.checked_at
where not k.ok and k.checked_at <= $1 and (k.checked_at < $1 or k.connection_id < $2)
order by k.checked_at desc, k.connection_id desc
limit $3"
);
/// $1 whether they passed, $2 from this time on, $3 before this time and $4 this connection at that time, $5 how many.
const WITHIN: &str = concat!(
    columns!(),
    "
from dashboard.checks k
join dashboard.connections c on c.id = k.connection_id and c.deleted_at is null
left join dashboard.latest_tests latest on latest.connection_id = k.connection_id and latest.checked_at = k.checked_at
where ($1::bool is null or k.ok = $1)
    and k.checked_at >= $2 and k.checked_at <= $3 and (k.checked_at < $3 or k.connection_id < $4)
order by k.checked_at desc, k.connection_id desc
limit $5"
);
/// Where the first window begins: nothing is newer. And how many checks there are in a second.
const BEGIN: &str = "
select (select max(t.checked_at) from dashboard.latest_tests t) as newest,
    coalesce(sum(1.0 / check_interval_s), 0)::float8 as per_s
from dashboard.connections
where deleted_at is null and not paused";
/// From the rollups, so that it costs the same on every page. $1 connections (none: all), $2 since when.
const TOTAL: &str = "
select coalesce(sum(s.checks), 0)::int8 as checks, coalesce(sum(s.failures), 0)::int8 as failures
from dashboard.check_series_1d s
join dashboard.connections c on c.id = s.connection_id and c.deleted_at is null
where (cardinality($1::int8[]) = 0 or s.connection_id = any ($1)) and s.bucket >= $2";

/// Of the whole history no more than this is looked through for one page, in windows.
const MOST_WINDOWS: u32 = 40;

/// Which checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentChecks {
    /// None: of all.
    pub connection_ids: Vec<ConnectionId>,
    pub ok: Option<bool>,
    /// Those before this one.
    pub before: Option<Before>,
    pub limit: u32,
}

/// A place among the checks: later ones come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub at: DateTime<Utc>,
    /// Of those at the same time, those of connections with smaller ids come after it.
    pub connection_id: i64,
}

impl Before {
    /// Before this time.
    pub fn time(at: DateTime<Utc>) -> Self {
        Self { at, connection_id: i64::MIN }
    }

    fn encode(self) -> String {
        URL_SAFE_NO_PAD
            .encode(serde_json::json!((self.at.timestamp_micros(), self.connection_id)).to_string())
    }

    /// A cursor of an earlier page.
    pub fn decode(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (at, connection_id): (i64, i64) = serde_json::from_slice(&json).ok()?;
        let at = DateTime::from_timestamp_micros(at)?;
        (0..=9999).contains(&at.year()).then_some(Self { at, connection_id })
    }
}

impl Store {
    /// One page of checks of connections that are not deleted, newest first.
    ///
    /// `total` is counted by days: where the oldest day has been dropped in part it tells a few too many.
    pub async fn recent_checks(
        &self,
        query: &RecentChecks,
        now: DateTime<Utc>,
    ) -> Result<Page<TestResult>, StoreError> {
        // One more than the page, to know whether there is another.
        let wanted = i64::from(query.limit) + 1;
        let session = self.session().await?;
        let client = session.client();
        let before = query.before.unwrap_or(Before { at: LATEST, connection_id: i64::MAX });
        let ids: Vec<i64> = query.connection_ids.iter().map(|id| id.0).collect();
        let last: [(&(dyn ToSql + Sync), Type); 3] =
            [(&before.at, Type::TIMESTAMPTZ), (&before.connection_id, Type::INT8), (&wanted, Type::INT8)];
        let rows = match (ids.is_empty(), query.ok) {
            (false, Some(false)) => {
                let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&ids, Type::INT8_ARRAY)];
                params.extend(last);
                session::rows(client, FAILED_OF_SOME, &params).await?
            }
            (false, ok) => {
                let mut params: Vec<(&(dyn ToSql + Sync), Type)> =
                    vec![(&ids, Type::INT8_ARRAY), (&ok, Type::BOOL)];
                params.extend(last);
                session::rows(client, OF_SOME, &params).await?
            }
            (true, Some(false)) => session::rows(client, FAILED, &last).await?,
            (true, ok) => self.in_windows(client, ok, before, wanted, now).await?,
        };
        let since = Resolution::Day.ceil(now - TimeDelta::days(i64::from(self.retention_days())));
        let params = &[(&ids as _, Type::INT8_ARRAY), (&since as _, Type::TIMESTAMPTZ)];
        let total = session::row(client, TOTAL, params).await?;
        let total = total.ok_or(StoreError::Unreadable { what: "number of checks" })?;
        let (checks, failures): (i64, i64) = (total.try_get("checks")?, total.try_get("failures")?);
        let total = match query.ok {
            None => checks,
            Some(true) => checks - failures,
            Some(false) => failures,
        };
        let more = rows.len() as i64 == wanted;
        let rows = &rows[..rows.len().min(query.limit as usize)];
        let next = match rows.last() {
            Some(row) if more => {
                let last =
                    Before { at: row.try_get("checked_at")?, connection_id: row.try_get("connection_id")? };
                Some(last.encode())
            }
            _ => None,
        };
        let items: Vec<TestResult> = rows.iter().map(check).collect::<Result<_, _>>()?;
        // Never fewer than are shown.
        let total = total.unsigned_abs().max(items.len() as u64);
        Ok(Page { items, total, next })
    }

    /// Windows of time, each wider than the one before, until the page is full or there is nothing older.
    async fn in_windows(
        &self,
        client: &tokio_postgres::Client,
        ok: Option<bool>,
        before: Before,
        wanted: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Row>, StoreError> {
        let begin = session::row(client, BEGIN, &[]).await?;
        let begin = begin.ok_or(StoreError::Unreadable { what: "number of connections" })?;
        let Some(newest) = begin.try_get::<_, Option<DateTime<Utc>>>("newest")? else {
            return Ok(Vec::new());
        };
        let per_s: f64 = begin.try_get("per_s")?;
        let expected_s = (wanted as f64 / per_s.max(0.001)).clamp(60.0, 86_400.0);
        let mut width = TimeDelta::milliseconds((expected_s * 1500.0) as i64);
        let oldest = now.min(newest) - TimeDelta::days(i64::from(self.retention_days()) + 366);
        let mut rows = Vec::new();
        // Of a connection that has moved, checks may be newer than the newest that is shown.
        let mut end = if before.at < newest {
            before
        } else {
            Before { at: before.at.min(now.max(newest) + TimeDelta::hours(1)), ..before }
        };
        for _ in 0..MOST_WINDOWS {
            let from = (end.at.min(newest.max(now)) - width).max(oldest);
            let missing = wanted - rows.len() as i64;
            let params: [(&(dyn ToSql + Sync), Type); 5] = [
                (&ok, Type::BOOL),
                (&from, Type::TIMESTAMPTZ),
                (&end.at, Type::TIMESTAMPTZ),
                (&end.connection_id, Type::INT8),
                (&missing, Type::INT8),
            ];
            rows.extend(session::rows(client, WITHIN, &params).await?);
            if rows.len() as i64 >= wanted || from <= oldest {
                break;
            }
            end = Before::time(from);
            width = width * 4;
        }
        Ok(rows)
    }
}

/// The last moment of the year 9999.
const LATEST: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(at) => at,
    None => DateTime::<Utc>::MAX_UTC,
};

fn check(row: &Row) -> Result<TestResult, StoreError> {
    if let Ok(Some(Json(whole))) = row.try_get::<_, Option<Json<TestResult>>>("result") {
        return Ok(whole);
    }
    let id = ConnectionId(row.try_get("connection_id")?);
    let mut test = TestResult::unfinished(id, row.try_get("checked_at")?);
    let ms = |us: Option<i32>| us.map(|us| f64::from(us) / 1000.0);
    test.ok = row.try_get("ok")?;
    test.kind = if row.try_get("held")? { TestKind::Held } else { TestKind::Full };
    let mut phases = Phases::default();
    for phase in Phase::ALL {
        if let Some(time) = ms(row.try_get(format!("{}_us", phase.as_str()).as_str())?) {
            phases.set(phase, time);
        }
    }
    test.phases = phases;
    test.round_trip_ms = ms(row.try_get("round_trip_us")?);
    test.total_ms = ms(row.try_get("total_us")?).or(test.round_trip_ms).unwrap_or(0.0);
    test.address = row.try_get("address")?;
    if !test.ok {
        let kind: TestErrorKind =
            slug(row.try_get::<_, Option<&str>>("error_kind")?).unwrap_or(TestErrorKind::Other);
        test.error = Some(TestError {
            kind,
            phase: slug(row.try_get::<_, Option<&str>>("error_phase")?).unwrap_or(Phase::Query),
            message: format!("{}.", kind.headline()),
            hint: String::new(),
            sqlstate: None,
        });
    }
    not_kept(&mut test);
    Ok(test)
}

/// A newer release may have written a name that this one does not know.
fn slug<T: DeserializeOwned>(name: Option<&str>) -> Option<T> {
    serde_json::from_value(Value::String(name?.to_owned())).ok()
}

/// Of an older check the numbers are kept. Of the rest only the newest of each connection tells.
fn not_kept(test: &mut TestResult) {
    const NOT_KEPT: &str = "Only the newest check of a connection is kept whole.";
    let mut missing: Vec<&str> = vec!["server_version", "server_version_num", "backend_pid", "tls", "pooler"];
    if test.address.is_none() {
        missing.push("address");
    }
    if test.error.is_some() {
        missing.extend(["error.hint", "error.sqlstate"]);
    }
    for name in missing {
        test.unavailable.insert(name.to_owned(), Reason::new(NOT_KEPT));
    }
    // Whether a name was looked up is not known any more: an address alone says that there was something to dial.
    let known = test.address.is_some();
    if !known {
        test.address = Some(String::new());
    }
    test.explain();
    if !known {
        test.address = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_garbage_is_none() {
        let at = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let before = Before { at, connection_id: 7 };
        assert_eq!(Before::decode(&before.encode()), Some(before));
        for garbage in ["", "x", "bnVsbA", &URL_SAFE_NO_PAD.encode("[-9000000000000000000,1]")] {
            assert_eq!(Before::decode(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn an_older_check_says_of_everything_why_it_is_not_there() {
        let mut test = TestResult::unfinished(ConnectionId(1), DateTime::UNIX_EPOCH);
        test.ok = true;
        test.kind = TestKind::Held;
        test.round_trip_ms = Some(1.0);
        not_kept(&mut test);
        assert_eq!(test.unavailable["phases.tcp_ms"].reason, "held_session");
        assert!(test.unavailable["server_version"].reason.starts_with("Only the newest"));
        assert!(test.unavailable["address"].reason.starts_with("Only the newest"));
        assert!(!test.unavailable.contains_key("round_trip_ms"));
    }
}
