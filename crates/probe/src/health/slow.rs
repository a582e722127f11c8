//! The slow tier: checks whose work grows with the number of relations. Each is measured once an hour, within a budget
//! of server time; what did not fit is measured with one of the next readings. Between its measurements a check is
//! shown as it was, with its age.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::{Reason, health, time::millis};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{ended::Ended, ended::reason, transaction};
use crate::{
    checks::{Ask, Check, Context},
    rows::Answer,
    session::Session,
};

/// How long a measurement stands.
const STANDS: TimeDelta = TimeDelta::hours(1);
/// After this much of one reading no further check of the tier is begun.
const A_READING_MS: f64 = 1500.0;
/// After this much within an hour neither.
const AN_HOUR_MS: f64 = 5000.0;

/// What the slow tier has found, check by check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SlowTier {
    measured: BTreeMap<String, Measurement>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measurement {
    at: DateTime<Utc>,
    /// From sending the query to its answer.
    cost_ms: f64,
    check: health::Check,
}

impl SlowTier {
    /// What it cost within the last hour.
    pub(super) fn spent_ms(&self, now: DateTime<Utc>) -> f64 {
        self.measured.values().filter(|known| now - known.at < STANDS).map(|known| known.cost_ms).sum()
    }

    /// Measures what is due, the longest ago first, until the budget is spent or the session is lost.
    pub(super) async fn measure(
        &mut self,
        session: &Session,
        checks: &[&'static Check],
        context: &mut Context<'_>,
        deadline: Instant,
    ) -> Option<Ended> {
        let now = context.now;
        self.measured.retain(|id, _| checks.iter().any(|check| check.id == id));
        let mut due: Vec<&Check> = checks
            .iter()
            .copied()
            // A measurement of the future was made by a clock that has been set back since.
            .filter(|check| {
                self.measured
                    .get(check.id)
                    .is_none_or(|known| !(TimeDelta::zero()..STANDS).contains(&(now - known.at)))
            })
            .collect();
        due.sort_by_key(|check| self.measured.get(check.id).map(|known| known.at));
        let (mut spent_ms, mut ended) = (0.0, None);
        for check in due {
            if spent_ms >= A_READING_MS || self.spent_ms(now) >= AN_HOUR_MS || ended.is_some() {
                break;
            }
            let since = Instant::now();
            let found = match (check.ask)(context.known) {
                Ask::Sql(sql) => {
                    let answer = transaction::read(session, &[&sql], deadline).await.into_iter().next();
                    let answer = answer
                        .unwrap_or(Ok(Answer::empty()))
                        .map_err(|error| reason(error, context.known.user(), &mut ended));
                    answer.and_then(|answer| (check.judge)(&answer, context))
                }
                Ask::Nothing => (check.judge)(&Answer::empty(), context),
                Ask::Skip(why) => Ok(crate::checks::Verdict::skipped(why)),
                Ask::Unavailable(reason) => Err(reason),
            };
            if ended.is_some() {
                // It is the session that failed, not the check: it stays due.
                break;
            }
            let cost_ms = millis(since.elapsed());
            spent_ms += cost_ms;
            let measurement = Measurement { at: now, cost_ms, check: check.found(found, now) };
            self.measured.insert(check.id.to_owned(), measurement);
        }
        ended
    }

    /// Every check of the tier, also those that were not measured yet.
    pub(super) fn checks(&self, checks: &[&'static Check], now: DateTime<Utc>) -> Vec<health::Check> {
        let shown = checks.iter().map(|check| match self.measured.get(check.id) {
            Some(known) => known.check.clone(),
            None => {
                let mut skipped = crate::checks::Verdict::skipped(
                    "It is measured with one of the next readings: what takes time is spread over the hour.",
                );
                skipped.no_value = Some(Reason::new(Reason::NOT_COLLECTED));
                check.found(Ok(skipped), now)
            }
        });
        shown.collect()
    }
}
