//! The list: filtered, sorted and cut in the database, in two round trips however many connections there are.

use chrono::{DateTime, Utc};
use common::{
    Connection, Page,
    connection::{ListQuery, Sort},
    list::{DEFAULT_LIMIT, MAX_LIMIT},
};
use tokio_postgres::{Row, types::Type};

use super::{
    cursor::Cursor,
    heartbeats::Heartbeats,
    rows::{self, connection_columns, latency_window, status_sql},
};
use crate::{Store, StoreError, session};

/// Parameters: $1 search pattern, $2 tag, $3 region, $4 provider, $5 status, $6 sort, $7 since (latency),
/// $8 whether there is a cursor and $9 rank, $10 name, $11 id of it, $12 limit.
///
/// Every order is `rank, name, id` upwards; `rank` is negated for the orders that go down. A p95 or score that is
/// not known comes last both ways; what was never checked counts as checked longest ago, so it comes first by
/// `last_check` and last by `-last_check`. Only `-name` turns the second key around.
const LIST: &str = concat!(
    "
with candidate as (
    select c.id, c.name_key collate \"default\" as name_key, t.checked_at, h.score,
        case when t.latency_at > $7::timestamptz then t.p95_us end as p95_us, ",
    status_sql!(),
    " as status
    from dashboard.connections c
    left join dashboard.latest_tests t on t.connection_id = c.id
    left join dashboard.latest_health h on h.connection_id = c.id
    where c.deleted_at is null
        and ($1::text is null or c.search_text like $1)
        and ($2::text is null or $2 = any (c.tag_keys))
        and ($3::text is null or lower(c.region) = lower($3))
        and ($4::text is null or lower(c.cloud_provider) = lower($4))
),
ranked as materialized (
    select candidate.id, candidate.name_key,
        case $6::text
            when 'worst' then array_position(
                array['down', 'degraded', 'unknown', 'up', 'paused'], candidate.status)::float8
            when 'last_check' then coalesce(extract(epoch from candidate.checked_at)::float8, '-infinity')
            when '-last_check' then coalesce(-extract(epoch from candidate.checked_at)::float8, 'infinity')
            when 'p95' then coalesce(candidate.p95_us, 'infinity')
            when '-p95' then coalesce(-candidate.p95_us, 'infinity')
            when 'score' then coalesce(candidate.score::float8, 'infinity')
            when '-score' then coalesce(-candidate.score::float8, 'infinity')
            else 0::float8
        end as rank
    from candidate
    where $5::text is null or candidate.status = $5
),
page as (
    select ranked.*,
        row_number() over (
            order by rank,
                case when $6 <> '-name' then name_key end,
                case when $6 = '-name' then name_key end desc,
                id
        ) as position
    from ranked
    where not $8::bool
        or rank > $9::float8
        or rank = $9 and (
            case when $6 = '-name' then name_key < $10::text else name_key > $10 end
            or name_key = $10 and id > $11::int8
        )
    order by position
    limit $12::int8
)
select matching.total, page.rank, page.name_key, page.position, ",
    connection_columns!(),
    "
from (select count(*) as total from ranked) matching
left join page on true
left join dashboard.connections c on c.id = page.id
left join dashboard.latest_tests t on t.connection_id = c.id
left join dashboard.latest_health h on h.connection_id = c.id
order by page.position"
);

impl Store {
    /// One page of the connections that match, each with its last check, heartbeats, latency and health.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the cursor is none of ours or of another order.
    pub async fn list(&self, query: &ListQuery, now: DateTime<Utc>) -> Result<Page<Connection>, StoreError> {
        let cursor = match query.cursor.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Some(Cursor::decode(text, query.sort)?),
            None => None,
        };
        let as_of = cursor.as_ref().map_or(now, |cursor| cursor.as_of);
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT) as usize;
        let session = self.session().await?;
        let client = session.client();
        let rows = fetch(client, query, cursor.as_ref(), as_of, limit).await?;

        let total: i64 = match rows.first() {
            Some(row) => row.try_get("total")?,
            None => 0,
        };
        // A page beyond the end is one row that holds nothing but the total.
        let mut rows: Vec<Row> = rows.into_iter().filter(is_connection).collect();
        let next = match rows.len() > limit {
            true => {
                rows.truncate(limit);
                rows.last().map(|row| after(row, as_of)).transpose()?.map(|cursor| cursor.encode(query.sort))
            }
            false => None,
        };
        let items: Vec<Connection> =
            rows.iter().map(|row| rows::connection(row, as_of)).collect::<Result<_, _>>()?;
        let ids: Vec<i64> = items.iter().map(|connection| connection.id.0).collect();
        let heartbeats = Heartbeats::read(client, &ids).await?;
        Ok(Page {
            items: items.into_iter().map(|connection| heartbeats.put_into(connection)).collect(),
            total: total.unsigned_abs(),
            next,
        })
    }
}

async fn fetch(
    client: &tokio_postgres::Client,
    query: &ListQuery,
    cursor: Option<&Cursor>,
    as_of: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let status = query.status.map(|status| status.as_str());
    let sort: Sort = query.sort;
    session::rows(
        client,
        LIST,
        &[
            (&pattern(&query.q), Type::TEXT),
            (&filter(query.tag.as_deref()).map(|tag| tag.to_lowercase()), Type::TEXT),
            (&filter(query.region.as_deref()), Type::TEXT),
            (&filter(query.cloud_provider.as_deref()), Type::TEXT),
            (&status, Type::TEXT),
            (&sort.as_str(), Type::TEXT),
            (&(as_of - latency_window()), Type::TIMESTAMPTZ),
            (&cursor.is_some(), Type::BOOL),
            (&cursor.map_or(0.0, |cursor| cursor.rank), Type::FLOAT8),
            (&cursor.map_or("", |cursor| &cursor.name_key), Type::TEXT),
            (&cursor.map_or(0, |cursor| cursor.id), Type::INT8),
            // One more than the page, to know whether there is another.
            (&(limit as i64 + 1), Type::INT8),
        ],
    )
    .await
}

fn is_connection(row: &Row) -> bool {
    row.try_get::<_, Option<i64>>("position").is_ok_and(|position| position.is_some())
}

fn after(row: &Row, as_of: DateTime<Utc>) -> Result<Cursor, StoreError> {
    Ok(Cursor {
        rank: row.try_get("rank")?,
        name_key: row.try_get("name_key")?,
        id: row.try_get("id")?,
        as_of,
    })
}

/// A LIKE pattern for text that contains `q`, whatever is in it.
fn pattern(q: &str) -> Option<String> {
    let q = q.trim();
    if q.is_empty() {
        return None;
    }
    let mut pattern = String::with_capacity(q.len() + 2);
    pattern.push('%');
    for c in sendable(q).to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Some(pattern)
}

/// An empty filter does not filter.
fn filter(value: Option<&str>) -> Option<String> {
    value.map(str::trim).filter(|text| !text.is_empty()).map(sendable)
}

/// PostgreSQL takes no NUL in a text; the control character in its place is in no valid field, so nothing matches.
fn sendable(text: &str) -> String {
    text.replace('\0', "\u{1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_searched_for_as_they_stand() {
        assert_eq!(pattern(" 50%_A\\ ").as_deref(), Some("%50\\%\\_a\\\\%"));
        assert_eq!(pattern("  "), None);
    }

    #[test]
    fn nul_never_reaches_the_database() {
        assert!(!pattern("a\0b").unwrap().contains('\0'));
        assert!(!filter(Some("a\0b")).unwrap().contains('\0'));
    }
}
