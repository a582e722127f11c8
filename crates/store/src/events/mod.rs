//! What happened just now: written with what it tells, numbered after that, read by every dashboard on this database.
//!
//! Transactions do not commit in the order in which they draw from a sequence. Whoever remembered the highest number he
//! saw would miss what commits later under a lower one. So an event gets its id when it is there for everybody: one
//! dashboard at a time numbers what has none. Readers of any process may then say "after 17" and miss nothing.

pub(crate) mod tell;
mod wakeups;

use common::{
    ConnectionId,
    event::{Event, EventData, EventKind},
};
use serde_json::{Map, Value};
use tokio_postgres::{
    Row,
    types::{Json, Type},
};

pub use self::wakeups::Wakeups;
use crate::{Store, StoreError, session};

/// Any number that nobody else uses: "pgevnt" in ASCII.
const TURN: i64 = 0x7067_6576_6e74;
/// How many events are kept at most.
const MOST: i64 = 50_000;

/// One at a time, until the commit: the lock comes before the first id. What another one numbered meanwhile has an id
/// by the time that its row is locked here, and is left out.
const NUMBER: &str = "
with turn as materialized (select pg_advisory_xact_lock($1)),
untold as (
    select event.seq
    from dashboard.events event, turn
    where event.id is null
    order by event.seq
    for update of event
),
numbered as materialized (select seq, nextval('dashboard.event_ids') as id from untold)
update dashboard.events event
set id = numbered.id
from numbered
where event.seq = numbered.seq and event.id is null";
const BOUNDS: &str = "select min(id), max(id) from dashboard.events where id is not null";
const AFTER: &str = "
select id, at, kind, connection_id, details from dashboard.events where id > $1 order by id limit $2";
/// The newest one stays: by it is known how far the numbers are.
const FORGET: &str = "
with newest as (select max(id) as id from dashboard.events where id is not null)
delete from dashboard.events event
using newest
where event.id < newest.id
    and (event.written_at < now() - interval '1 hour' or event.id <= newest.id - $1)";

/// The ids of the events that are kept; both 0 while there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventBounds {
    pub oldest: i64,
    pub newest: i64,
}

impl EventBounds {
    /// Whether everything after `id` is still there.
    pub fn can_go_on_after(&self, id: i64) -> bool {
        (self.oldest - 1..=self.newest).contains(&id)
    }
}

/// Some events in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Up to where this goes: also past events of a kind that only a newer release knows.
    pub up_to: i64,
    /// Whether it was cut at the limit.
    pub more: bool,
}

impl Store {
    /// Gives ids to the events that have none yet. Answers which ones are kept.
    pub async fn number_events(&self) -> Result<EventBounds, StoreError> {
        let session = self.session().await?;
        session::execute(session.client(), NUMBER, &[(&TURN, Type::INT8)]).await?;
        let row = session::row(session.client(), BOUNDS, &[]).await?;
        let Some(row) = row else { return Ok(EventBounds::default()) };
        let (oldest, newest): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(EventBounds { oldest: oldest.unwrap_or_default(), newest: newest.unwrap_or_default() })
    }

    /// The next events that have an id.
    pub async fn events_after(&self, after: i64, limit: u32) -> Result<EventPage, StoreError> {
        let session = self.session().await?;
        let params = [(&after as _, Type::INT8), (&i64::from(limit) as _, Type::INT8)];
        let rows = session::rows(session.client(), AFTER, &params).await?;
        let up_to = rows.last().map(|row| row.try_get("id")).transpose()?.unwrap_or(after);
        let more = rows.len() >= limit as usize;
        let events = rows.iter().filter_map(|row| event(row).transpose()).collect::<Result<_, _>>()?;
        Ok(EventPage { events, up_to, more })
    }

    /// Removes events that are older than an hour, or too many. Meant to run every few minutes.
    pub async fn forget_events(&self) -> Result<u64, StoreError> {
        self.number_events().await?;
        let session = self.session().await?;
        session::sweep(session.client(), FORGET, &[(&MOST, Type::INT8)]).await
    }
}

/// `None`: a newer replica wrote it, and this release does not know its kind.
fn event(row: &Row) -> Result<Option<Event>, StoreError> {
    let Ok(kind) = row.try_get::<_, &str>("kind")?.parse::<EventKind>() else { return Ok(None) };
    let Json(details) = row.try_get::<_, Json<Map<String, Value>>>("details")?;
    Ok(Some(Event {
        id: row.try_get::<_, i64>("id")?.to_string(),
        kind,
        data: EventData {
            connection_id: row.try_get::<_, Option<i64>>("connection_id")?.map(ConnectionId),
            at: row.try_get("at")?,
            details,
        },
    }))
}
