//! Since when something has been wrong without a break: opened, kept open or closed by the readings of a batch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common::{
    Health, TestResult,
    health::{Check, CheckStatus},
};
use tokio_postgres::{Transaction, types::Type};

use super::super::CONNECTION_FINDING;
use crate::{StoreError, session};

const CLOSE: &str = "
delete from dashboard.finding_spans span
using unnest($1::int8[], $2::text[]) as over (connection_id, check_id)
where (span.connection_id, span.check_id) = (over.connection_id, over.check_id)";
const OPEN: &str = "
insert into dashboard.finding_spans (connection_id, check_id, severity, since)
select * from unnest($1::int8[], $2::text[], $3::text[], $4::timestamptz[])
on conflict (connection_id, check_id) do update set severity = excluded.severity";

/// What becomes of each finding that the batch says something of.
#[derive(Debug, Default)]
pub(super) struct Spans<'a>(BTreeMap<(i64, &'a str), Span>);

#[derive(Debug, Default)]
struct Span {
    /// What was open before the batch is over.
    closed: bool,
    open: Option<(&'static str, DateTime<Utc>)>,
}

impl<'a> Spans<'a> {
    pub(super) fn tested(&mut self, test: &TestResult) {
        let id = test.connection_id.0;
        if test.ok {
            self.close(id, CONNECTION_FINDING);
        } else {
            self.open(id, CONNECTION_FINDING, "critical", test.checked_at);
        }
    }

    /// A check that could not be read neither opens nor closes its finding; one that does not apply any more closes it.
    pub(super) fn read(&mut self, health: &'a Health) {
        let id = health.connection_id.0;
        for check in &health.checks {
            let severity = match check.status {
                CheckStatus::Critical => "critical",
                CheckStatus::Warning => "warning",
                CheckStatus::Info => "info",
                CheckStatus::Ok => {
                    self.close(id, &check.id);
                    continue;
                }
                CheckStatus::Skipped if does_not_apply(check) => {
                    self.close(id, &check.id);
                    continue;
                }
                CheckStatus::Unavailable | CheckStatus::Skipped => continue,
            };
            self.open(id, &check.id, severity, health.checked_at);
        }
    }

    fn close(&mut self, id: i64, check_id: &'a str) {
        self.0.insert((id, check_id), Span { closed: true, open: None });
    }

    fn open(&mut self, id: i64, check_id: &'a str, severity: &'static str, at: DateTime<Utc>) {
        let span = self.0.entry((id, check_id)).or_default();
        let since = span.open.map_or(at, |(_, since)| since);
        span.open = Some((severity, since));
    }
}

/// What is skipped for want of data has a value that says too little, or a reason why it has none. With neither, there is
/// nothing here that could be wrong any more: archiving was switched off, a standby was promoted.
fn does_not_apply(check: &Check) -> bool {
    check.value.is_none() && !check.unavailable.contains_key("value")
}

pub(super) async fn keep(transaction: &Transaction<'_>, spans: &Spans<'_>) -> Result<(), StoreError> {
    let closed = spans.0.iter().filter(|(_, span)| span.closed);
    let (ids, checks): (Vec<i64>, Vec<&str>) = closed.map(|(key, _)| *key).unzip();
    if !ids.is_empty() {
        let params = &[(&ids as _, Type::INT8_ARRAY), (&checks as _, Type::TEXT_ARRAY)];
        session::execute(transaction, CLOSE, params).await?;
    }
    let (mut ids, mut checks, mut severities, mut since) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((id, check), span) in &spans.0 {
        if let Some((severity, at)) = span.open {
            ids.push(*id);
            checks.push(*check);
            severities.push(severity);
            since.push(at);
        }
    }
    if !ids.is_empty() {
        let params = &[
            (&ids as _, Type::INT8_ARRAY),
            (&checks as _, Type::TEXT_ARRAY),
            (&severities as _, Type::TEXT_ARRAY),
            (&since as _, Type::TIMESTAMPTZ_ARRAY),
        ];
        session::execute(transaction, OPEN, params).await?;
    }
    Ok(())
}
