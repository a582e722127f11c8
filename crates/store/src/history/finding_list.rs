//! What needs a person, over all connections, worst first.
//!
//! A finding is a span that is open (`finding_spans`) with the words of the newest reading; healthy connections
//! have no span and are never looked at.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use common::{
    ConnectionId, Page, TestError,
    database::FindingCounts,
    health::{Check, Finding, Severity},
};
use tokio_postgres::{
    Row,
    types::{Json, Type},
};

use super::CONNECTION_FINDING;
use crate::{Store, StoreError, session};

/// Open spans of connections that are watched, each with the reading that it stands on. What the newest reading
/// could not measure (the database is down, a right is missing) is left out, of lists and counts alike.
/// $1 is the check id of a failed test.
macro_rules! open_findings {
    () => {
        "
    from dashboard.finding_spans s
    join dashboard.connections c on c.id = s.connection_id and c.deleted_at is null and not c.paused
    left join dashboard.latest_tests t on s.check_id = $1 and t.connection_id = s.connection_id and not t.ok
    left join lateral (
        select item as check
        from dashboard.latest_health h
        cross join lateral jsonb_array_elements(h.health -> 'checks') item
        where h.connection_id = s.connection_id and item ->> 'id' = s.check_id
            and item ->> 'status' in ('info', 'warning', 'critical')
        limit 1
    ) measured on s.check_id <> $1
    where (t.connection_id is not null or measured.check is not null)"
    };
}

/// Worst first, then the newest. Parameters: $1 the check id of a failed test, $2 severity, $3 connection,
/// $4 whether there is a cursor and $5 rank, $6 since, $7 connection, $8 check of it, $9 limit.
const LIST: &str = concat!(
    "
with finding as materialized (
    select array_position(array['critical', 'warning', 'info'], s.severity) as rank, s.since, s.connection_id,
        s.check_id, c.name, t.result -> 'error' as error, measured.check",
    open_findings!(),
    "
        and ($2::text is null or s.severity = $2)
        and ($3::int8 is null or s.connection_id = $3)
)
select matching.total, page.*
from (select count(*) as total from finding) matching
left join lateral (
    select * from finding
    where not $4::bool
        or (rank, connection_id, check_id) > ($5::int4, $7::int8, $8::text) and since = $6::timestamptz
        or rank > $5
        or rank = $5 and since < $6
    order by rank, since desc, connection_id, check_id
    limit $9::int8
) page on true
order by page.rank, page.since desc, page.connection_id, page.check_id"
);

const COUNT: &str = concat!(
    "
select count(*) filter (where s.severity = 'critical') as critical,
    count(*) filter (where s.severity = 'warning') as warning",
    open_findings!()
);

impl Store {
    /// One page of the findings of every connection that is neither paused nor deleted.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the cursor is none of ours.
    pub async fn findings(
        &self,
        severity: Option<Severity>,
        only: Option<ConnectionId>,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Finding>, StoreError> {
        let after = cursor.map(After::decode).transpose()?;
        let known = after.is_some();
        let after = after.unwrap_or_default();
        let session = self.session().await?;
        let rows = session::rows(
            session.client(),
            LIST,
            &[
                (&CONNECTION_FINDING, Type::TEXT),
                (&severity.map(severity_text), Type::TEXT),
                (&only.map(|id| id.0), Type::INT8),
                (&known, Type::BOOL),
                (&after.rank, Type::INT4),
                (&after.since, Type::TIMESTAMPTZ),
                (&after.connection_id, Type::INT8),
                (&after.check_id, Type::TEXT),
                // One more than the page, to know whether there is another.
                (&(i64::from(limit) + 1), Type::INT8),
            ],
        )
        .await?;
        let total: i64 = rows.first().map(|row| row.try_get("total")).transpose()?.unwrap_or(0);
        // Without any, there is one row that holds nothing but the total.
        let mut rows: Vec<&Row> =
            rows.iter().filter(|row| row.try_get::<_, i64>("connection_id").is_ok()).collect();
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = match rows.last() {
            Some(row) if more => Some(After::of(row)?.encode()),
            _ => None,
        };
        let items = rows.into_iter().map(finding).collect::<Result<_, _>>()?;
        Ok(Page { items, total: total.unsigned_abs(), next })
    }

    /// How many findings there are, by severity.
    pub async fn finding_counts(&self) -> Result<FindingCounts, StoreError> {
        let session = self.session().await?;
        let row = session::row(session.client(), COUNT, &[(&CONNECTION_FINDING, Type::TEXT)]).await?;
        let Some(row) = row else { return Ok(FindingCounts::default()) };
        let count = |column: &str| -> Result<u32, StoreError> {
            Ok(u32::try_from(row.try_get::<_, i64>(column)?).unwrap_or(u32::MAX))
        };
        Ok(FindingCounts { critical: count("critical")?, warning: count("warning")? })
    }
}

fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn finding(row: &Row) -> Result<Finding, StoreError> {
    let severity = match row.try_get::<_, i32>("rank")? {
        1 => Severity::Critical,
        2 => Severity::Warning,
        _ => Severity::Info,
    };
    let words = match row.try_get::<_, Option<Json<Check>>>("check")? {
        Some(Json(check)) => (check.title, check.detail, check.fix_sql, check.docs_url),
        None => {
            let Json(error) = row.try_get::<_, Json<TestError>>("error")?;
            let detail = sentences(&error.message, &error.hint);
            (error.kind.headline().to_owned(), detail, None, None)
        }
    };
    let (title, detail, fix_sql, docs_url) = words;
    Ok(Finding {
        connection_id: ConnectionId(row.try_get("connection_id")?),
        connection_name: row.try_get("name")?,
        check_id: row.try_get("check_id")?,
        severity,
        title,
        detail,
        fix_sql,
        docs_url,
        since: row.try_get("since")?,
    })
}

/// What happened, then what to do. A message may end with a server's own words, which end without a full stop.
fn sentences(message: &str, hint: &str) -> String {
    let stop = if message.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{message}{stop} {hint}").trim_end().to_owned()
}

/// The last finding of a page by its keys. Opaque to whoever carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct After {
    rank: i32,
    since: DateTime<Utc>,
    connection_id: i64,
    check_id: String,
}

impl After {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            rank: row.try_get("rank")?,
            since: row.try_get("since")?,
            connection_id: row.try_get("connection_id")?,
            check_id: row.try_get("check_id")?,
        })
    }

    fn encode(&self) -> String {
        let parts = (self.rank, self.since.timestamp_micros(), self.connection_id, &self.check_id);
        URL_SAFE_NO_PAD.encode(serde_json::json!(parts).to_string())
    }

    fn decode(text: &str) -> Result<Self, StoreError> {
        let read = || {
            let json = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (rank, since, connection_id, check_id): (i32, i64, i64, String) =
                serde_json::from_slice(&json).ok()?;
            let since = DateTime::from_timestamp_micros(since)?;
            (!check_id.contains('\0')).then_some(Self { rank, since, connection_id, check_id })
        };
        read().ok_or(StoreError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_and_what_to_do_are_two_sentences() {
        assert_eq!(sentences("It says: no", "Look."), "It says: no. Look.");
        assert_eq!(sentences("Gone.", ""), "Gone.");
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_and_garbage_is_refused() {
        let since = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let after = After { rank: 2, since, connection_id: 7, check_id: "cache-hit-ratio".to_owned() };
        assert_eq!(After::decode(&after.encode()).unwrap(), after);
        for garbage in ["", "x", "bnVsbA", &URL_SAFE_NO_PAD.encode("[1,2,3]")] {
            assert!(matches!(After::decode(garbage), Err(StoreError::BadCursor)), "{garbage}");
        }
    }
}
