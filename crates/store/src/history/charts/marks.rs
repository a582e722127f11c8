//! What changed, as marks on a chart.

use chrono::{DateTime, Utc};
use common::{ConnectionId, history::Mark};
use tokio_postgres::{Client, types::Type};

use crate::{StoreError, session};

/// The newest of them, in the order of time: more than these nobody can tell apart.
const MARKS: &str = "
select connection_id, at, kind, subject, before, after
from (
    select * from dashboard.changes
    where connection_id = any ($1) and at >= $2 and at < $3
    order by at desc, id desc
    limit 500
) newest
order by at, id";

pub(super) async fn read(
    client: &Client,
    ids: &[i64],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Mark>, StoreError> {
    let params =
        &[(&ids as _, Type::INT8_ARRAY), (&from as _, Type::TIMESTAMPTZ), (&to as _, Type::TIMESTAMPTZ)];
    let rows = session::rows(client, MARKS, params).await?;
    rows.iter()
        .map(|row| {
            let (subject, before, after): (Option<&str>, Option<&str>, Option<&str>) =
                (row.try_get("subject")?, row.try_get("before")?, row.try_get("after")?);
            Ok(Mark {
                connection_id: ConnectionId(row.try_get("connection_id")?),
                t: row.try_get::<_, DateTime<Utc>>("at")?.timestamp_millis(),
                kind: row.try_get("kind")?,
                label: label(subject, before, after),
            })
        })
        .collect()
}

/// `work_mem: 4 MB → 64 MB`, in few words: the timeline has all of them.
fn label(subject: Option<&str>, before: Option<&str>, after: Option<&str>) -> String {
    let change = match (before, after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => after.to_owned(),
        (Some(before), None) => format!("{before} → (gone)"),
        (None, None) => String::new(),
    };
    let words = match (subject, change.is_empty()) {
        (Some(subject), true) => subject.to_owned(),
        (Some(subject), false) => format!("{subject}: {change}"),
        (None, _) => change,
    };
    common::text::shorten(&words, 120)
}
