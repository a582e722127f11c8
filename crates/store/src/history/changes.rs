//! What changed on monitored databases: written with the reading that noticed it, read as a timeline.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, Utc};
use common::{
    ConnectionId, Page,
    health::{Change, ChangeKind, KnownChange},
};
use tokio_postgres::{
    GenericClient, Row,
    types::{ToSql, Type},
};

use crate::{Store, StoreError, session};

/// Inserts the changes of one reading, and tells those that are new. The parameters from $3 on are those of [`Columns::params`].
///
/// Two readings at once begin at the same memory and notice the same: what the newest change of its subject, less than a
/// minute ago, says already is not said again.
const RECORD: &str = "
with changed as (
    insert into dashboard.changes (connection_id, at, kind, subject, before, after)
    select reading.connection_id, noticed.at, noticed.kind, noticed.subject, noticed.before, noticed.after
    from (
        select id as connection_id from dashboard.connections where id = $1 and address_version <= $2 for key share
    ) reading
    cross join unnest($3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[]) with ordinality
        as noticed (at, kind, subject, before, after, place)
    left join lateral (
        select known.at, known.before, known.after
        from dashboard.changes known
        where known.connection_id = reading.connection_id and known.kind = noticed.kind
            and known.subject is not distinct from noticed.subject
            and known.at between noticed.at - interval '1 minute' and noticed.at
        order by known.at desc
        limit 1
    ) latest on true
    where latest.at is null
        or (latest.before, latest.after) is distinct from (noticed.before, noticed.after)
    order by noticed.place
on conflict do nothing
    returning connection_id, at, kind, subject
)
insert into dashboard.events (kind, connection_id, at, details)
select 'change', connection_id, at, jsonb_build_object('kind', kind, 'subject', subject) from changed";

/// Newest first; what one reading noticed stays in its order. Parameters: $1 connection, $2 kind, $3 from, $4 before
/// when, $5 whether there is a cursor and $6 its time, $7 its id, $8 limit.
const LIST: &str = "
with matching as (
    select change.id, change.connection_id, connection.name, change.at, change.kind, change.subject, change.before,
        change.after
    from dashboard.changes change
    join dashboard.connections connection on connection.id = change.connection_id
    where connection.deleted_at is null
        and change.kind = any ($2)
        and ($1::int8 is null or change.connection_id = $1)
        and ($3::timestamptz is null or change.at >= $3)
        and ($4::timestamptz is null or change.at < $4)
)
select counted.total, page.*
from (select count(*) as total from matching) counted
left join lateral (
    select *
    from matching
    where not $5::bool or at < $6::timestamptz or at = $6 and id > $7::int8
    order by at desc, id
    limit $8::int8
) page on true
order by page.at desc, page.id";

/// Which changes of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangeFilter {
    pub connection_id: Option<ConnectionId>,
    pub kind: Option<ChangeKind>,
    /// At this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
}

impl Store {
    /// Keeps changes that no health reading noticed; `version` is that of the target they were noticed on. Twice is as
    /// good as once; for a connection that is gone or has moved, nothing happens.
    pub async fn record_changes(
        &self,
        id: ConnectionId,
        changes: &[Change],
        version: i32,
    ) -> Result<(), StoreError> {
        let session = self.session().await?;
        record(session.client(), id, changes, version).await
    }

    /// One page of the timeline of every connection that is not deleted, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the cursor is none of ours.
    pub async fn changes(
        &self,
        filter: &ChangeFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<KnownChange>, StoreError> {
        let after = cursor.map(After::decode).transpose()?;
        let (at, id) = after.as_ref().map(|after| (after.at, after.id)).unzip();
        // A newer replica may write kinds that this release does not know.
        let kinds: Vec<&str> = match filter.kind {
            Some(kind) => vec![kind.as_str()],
            None => ChangeKind::ALL.map(ChangeKind::as_str).to_vec(),
        };
        let session = self.session().await?;
        let rows = session::rows(
            session.client(),
            LIST,
            &[
                (&filter.connection_id.map(|id| id.0), Type::INT8),
                (&kinds, Type::TEXT_ARRAY),
                (&filter.from, Type::TIMESTAMPTZ),
                (&filter.to, Type::TIMESTAMPTZ),
                (&after.is_some(), Type::BOOL),
                (&at, Type::TIMESTAMPTZ),
                (&id, Type::INT8),
                // One more than the page, to know whether there is another.
                (&(i64::from(limit) + 1), Type::INT8),
            ],
        )
        .await?;
        let total: i64 = rows.first().map(|row| row.try_get("total")).transpose()?.unwrap_or(0);
        // Without any, there is one row that holds nothing but the total.
        let mut rows: Vec<&Row> = rows.iter().filter(|row| row.try_get::<_, i64>("id").is_ok()).collect();
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = match rows.last() {
            Some(row) if more => Some(After::of(row)?.encode()),
            _ => None,
        };
        let items = rows.into_iter().map(change).collect::<Result<_, _>>()?;
        Ok(Page { items, total: total.unsigned_abs(), next })
    }
}

/// [`Store::record_changes`], within whatever the client is in.
pub(super) async fn record(
    client: &impl GenericClient,
    id: ConnectionId,
    changes: &[Change],
    version: i32,
) -> Result<(), StoreError> {
    let columns = Columns::of(changes);
    let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&id.0, Type::INT8), (&version, Type::INT4)];
    params.extend(columns.params());
    session::execute(client, RECORD, &params).await?;
    Ok(())
}

fn change(row: &Row) -> Result<KnownChange, StoreError> {
    let kind = row.try_get::<_, &str>("kind")?.parse();
    Ok(KnownChange {
        connection_id: ConnectionId(row.try_get("connection_id")?),
        connection_name: row.try_get("name")?,
        at: row.try_get("at")?,
        kind: kind.map_err(|_| StoreError::Unreadable { what: "kind of change" })?,
        subject: row.try_get("subject")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
    })
}

/// The changes of one reading, column by column.
#[derive(Default)]
struct Columns {
    at: Vec<DateTime<Utc>>,
    kinds: Vec<&'static str>,
    subjects: Vec<Option<String>>,
    befores: Vec<Option<String>>,
    afters: Vec<Option<String>>,
}

impl Columns {
    fn of(changes: &[Change]) -> Self {
        let mut columns = Self::default();
        for change in changes {
            columns.at.push(change.at);
            columns.kinds.push(change.kind.as_str());
            columns.subjects.push(change.subject.as_deref().map(kept));
            columns.befores.push(change.before.as_deref().map(kept));
            columns.afters.push(change.after.as_deref().map(kept));
        }
        columns
    }

    fn params(&self) -> [(&(dyn ToSql + Sync), Type); 5] {
        [
            (&self.at, Type::TIMESTAMPTZ_ARRAY),
            (&self.kinds, Type::TEXT_ARRAY),
            (&self.subjects, Type::TEXT_ARRAY),
            (&self.befores, Type::TEXT_ARRAY),
            (&self.afters, Type::TEXT_ARRAY),
        ]
    }
}

/// The most characters that are kept of a text: a row of an index holds no more than 2,704 bytes.
const MAX_TEXT: usize = 640;

/// Whoever noticed it has cleaned it; PostgreSQL keeps no NUL.
fn kept(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|c| if c == '\0' { '\u{FFFD}' } else { c }).collect()
}

/// The last change of a page by its keys. Opaque to whoever carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct After {
    at: DateTime<Utc>,
    id: i64,
}

impl After {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { at: row.try_get("at")?, id: row.try_get("id")? })
    }

    fn encode(&self) -> String {
        let parts = (self.at.timestamp_micros(), self.id);
        URL_SAFE_NO_PAD.encode(serde_json::json!(parts).to_string())
    }

    fn decode(text: &str) -> Result<Self, StoreError> {
        let read = || {
            let json = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (at, id): (i64, i64) = serde_json::from_slice(&json).ok()?;
            let at = DateTime::from_timestamp_micros(at)?;
            // PostgreSQL keeps no time before 4713 BC.
            (0..=9999).contains(&at.year()).then_some(Self { at, id })
        };
        read().ok_or(StoreError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_garbage_is_refused() {
        let after = After { at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(), id: 7 };
        assert_eq!(After::decode(&after.encode()).unwrap(), after);
        for garbage in [
            "",
            "x",
            "bnVsbA",
            &URL_SAFE_NO_PAD.encode("[1,2,3]"),
            &URL_SAFE_NO_PAD.encode("[-9000000000000000000,1]"),
        ] {
            assert!(matches!(After::decode(garbage), Err(StoreError::BadCursor)), "{garbage}");
        }
    }

    #[test]
    fn a_text_is_kept_without_nul_and_not_for_ever() {
        assert_eq!(kept("a\0b"), "a\u{FFFD}b");
        assert_eq!(kept(&"\u{1F418}".repeat(1000)).len(), 4 * MAX_TEXT);
    }
}
