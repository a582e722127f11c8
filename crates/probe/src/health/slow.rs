//! The slow tier: checks whose work grows with the number of relations. Each is measured once an hour, within a budget
//! of server time; what did not fit is measured with one of the next readings. Between its measurements a check is
//! shown as it was, with its age.
//!
//! Two budgets: a reading's is the time that passes, because a person waits for it; an hour's is the server's own time,
//! so that a slow network does not stop the checks.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use common::{Reason, health, time::millis};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    ended::{Ended, reason},
    spent::{Spent, age, server_ms},
    transaction,
};
use crate::{
    checks::{self, Ask, Check, Context, Verdict},
    rows::Answer,
    session::Session,
};

/// How long a measurement stands.
const STANDS: TimeDelta = TimeDelta::hours(1);
/// How long a finding stands: who mended it wants to see it gone.
const FINDING_STANDS: TimeDelta = TimeDelta::minutes(10);
/// The part of an hour's budget within which findings are looked at again. The rest is kept for what is due each hour.
const FOR_FINDINGS: f64 = 0.5;

/// What the slow tier has found, check by check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SlowTier {
    measured: BTreeMap<String, Measurement>,
    spent: Spent,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measurement {
    /// When it was asked last, whether or not that was answered.
    at: DateTime<Utc>,
    check: health::Check,
}

/// The server's answer to a check, and its cost.
struct Asked {
    found: Result<Verdict, Reason>,
    cost_ms: f64,
}

impl SlowTier {
    /// What it cost within the last hour.
    pub(super) fn spent_ms(&self) -> f64 {
        self.spent.ms()
    }

    /// The database's size as it was measured last.
    pub(super) fn database_size_bytes(&self) -> Result<Option<i64>, Reason> {
        let Some(known) = self.measured.get(checks::SIZES) else {
            return Err(Reason::new(Reason::NOT_COLLECTED));
        };
        match known.check.value {
            Some(bytes) => Ok(Some(bytes as i64)),
            None => Err(known.check.unavailable.get("value").cloned())
                .map_err(|reason| reason.unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED))),
        }
    }

    /// Measures what is due, the longest ago first, until the budget is spent or the session is lost.
    pub(super) async fn measure(
        &mut self,
        session: &Session,
        checks: &[&'static Check],
        context: &mut Context<'_>,
        deadline: Instant,
    ) -> Option<Ended> {
        let (began, limits, now) = (Instant::now(), session.limits(), context.now);
        let hour_ms = millis(limits.slow_hour);
        self.forget(checks, now);
        let mut ended = None;
        for (at, check) in self.due(checks, now, hour_ms).into_iter().enumerate() {
            let too_late = Instant::now() + limits.slow_statement > deadline;
            // The first one always has its turn, or none ever would.
            let waited_enough = at > 0 && began.elapsed() >= limits.slow_reading;
            if waited_enough || self.spent_ms() >= hour_ms || too_late {
                break;
            }
            let asked = ask(session, check, context, limits.slow_statement, deadline, &mut ended).await;
            self.keep(check, asked, now, ended.is_some());
            if ended.is_some() {
                break;
            }
        }
        ended
    }

    /// What is of no use any more.
    fn forget(&mut self, checks: &[&'static Check], now: DateTime<Utc>) {
        self.measured.retain(|id, _| checks.iter().any(|check| check.id == id));
        self.spent.forget(now);
    }

    /// What is due: never measured first, then the longest ago, then findings that may have been mended.
    fn due(&self, checks: &[&'static Check], now: DateTime<Utc>, hour_ms: f64) -> Vec<&'static Check> {
        let again = self.spent_ms() < hour_ms * FOR_FINDINGS;
        let mut due: Vec<_> = checks
            .iter()
            .filter_map(|check| {
                let Some(known) = self.measured.get(check.id) else { return Some((false, None, *check)) };
                let age = age(now, known.at);
                let is_old = age.is_none_or(|age| age >= STANDS);
                let may_be_mended =
                    again && known.check.points > 0 && age.is_some_and(|age| age >= FINDING_STANDS);
                (is_old || may_be_mended).then_some((!is_old, Some(known.at), *check))
            })
            .collect();
        due.sort_by_key(|(may_be_mended, at, _)| (*may_be_mended, *at));
        due.into_iter().map(|(.., check)| check).collect()
    }

    /// A check that failed costs what it took and waits for its next turn. So does the one that was asked when the
    /// session was lost: were it the cause, every reading would end with it. What was known of that one stays.
    fn keep(&mut self, check: &'static Check, asked: Asked, now: DateTime<Utc>, lost: bool) {
        self.spent.add(now, asked.cost_ms);
        match self.measured.get_mut(check.id) {
            Some(known) if lost => known.at = now,
            _ => {
                let measurement = Measurement { at: now, check: check.found(asked.found, now) };
                self.measured.insert(check.id.to_owned(), measurement);
            }
        }
    }

    /// Every check of the tier, also those that were not measured yet.
    pub(super) fn checks(&self, checks: &[&'static Check], now: DateTime<Utc>) -> Vec<health::Check> {
        let shown = checks.iter().map(|check| match self.measured.get(check.id) {
            Some(known) => known.check.clone(),
            None => {
                let mut skipped = Verdict::skipped(
                    "It is measured with one of the next readings: what takes time is spread over the hour.",
                );
                skipped.no_value = Some(Reason::new(Reason::NOT_COLLECTED));
                check.found(Ok(skipped), now)
            }
        });
        shown.collect()
    }
}

async fn ask(
    session: &Session,
    check: &Check,
    context: &mut Context<'_>,
    statement: Duration,
    deadline: Instant,
    ended: &mut Option<Ended>,
) -> Asked {
    let (found, cost_ms) = match (check.ask)(context.known) {
        Ask::Sql(sql) => {
            let since = Instant::now();
            let (mut answers, took_ms) = transaction::read_timed(session, &[&sql], statement, deadline).await;
            let cost_ms = server_ms(took_ms, millis(since.elapsed()));
            let answer = answers
                .pop()
                .unwrap_or(Ok(Answer::empty()))
                .map_err(|error| reason(error, context.known.user(), ended));
            (answer.and_then(|answer| (check.judge)(&answer, context)), cost_ms)
        }
        Ask::Nothing => ((check.judge)(&Answer::empty(), context), 0.0),
        Ask::Skip(why) => (Ok(Verdict::skipped(why)), 0.0),
        Ask::Unavailable(reason) => (Err(reason), 0.0),
    };
    Asked { found: checks::for_server(found, context.known), cost_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn check(id: &'static str) -> Check {
        Check {
            id,
            title: "X",
            unit: "count",
            threshold: None,
            why: "It is a test.",
            docs_url: "https://www.postgresql.org/docs/current/",
            ask: |_| Ask::Nothing,
            judge: |_, _| Ok(Verdict::ok(0.0, "")),
        }
    }

    const A: &Check = &check("a");
    const B: &Check = &check("b");
    const C: &Check = &check("c");
    const ALL: &[&Check] = &[A, B, C];
    const HOUR_MS: f64 = 1000.0;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    fn asked(cost_ms: f64) -> Asked {
        Asked { found: Ok(Verdict::ok(7.0, "")), cost_ms }
    }

    fn due(tier: &SlowTier, minutes: i64) -> Vec<&'static str> {
        tier.due(ALL, at(minutes), HOUR_MS).iter().map(|check| check.id).collect()
    }

    #[test]
    fn what_was_never_measured_comes_first_and_then_what_is_oldest() {
        let mut tier = SlowTier::default();
        assert_eq!(due(&tier, 0), ["a", "b", "c"]);
        tier.keep(C, asked(1.0), at(0), false);
        tier.keep(A, asked(1.0), at(5), false);
        assert_eq!(due(&tier, 10), ["b"]);
        assert_eq!(due(&tier, 70), ["b", "c", "a"]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_everything_due_again() {
        let mut tier = SlowTier::default();
        tier.keep(A, asked(900.0), at(60), false);
        assert_eq!(due(&tier, 0), ["b", "c", "a"]);
        tier.forget(ALL, at(0));
        assert_eq!(tier.spent_ms(), 0.0);
    }

    #[test]
    fn what_was_spent_counts_for_an_hour() {
        let mut tier = SlowTier::default();
        tier.keep(A, asked(10.0), at(0), false);
        tier.keep(A, asked(20.0), at(30), false);
        tier.forget(ALL, at(59));
        assert_eq!(tier.spent_ms(), 30.0, "also that of a measurement that another one has replaced");
        tier.forget(ALL, at(60));
        assert_eq!(tier.spent_ms(), 20.0);
    }

    #[test]
    fn a_finding_is_looked_at_again_soon_while_the_budget_allows() {
        let mut tier = SlowTier::default();
        let finding = Asked { found: Ok(Verdict::warning(5, 1.0, "")), cost_ms: 499.0 };
        tier.keep(A, finding, at(0), false);
        tier.keep(B, asked(0.0), at(0), false);
        assert_eq!(due(&tier, 9), ["c"]);
        assert_eq!(due(&tier, 10), ["c", "a"], "after what is due anyway");
        tier.keep(C, asked(1.0), at(10), false);
        assert_eq!(due(&tier, 11), [""; 0], "half of the hour's budget is spent");
    }

    #[test]
    fn a_check_that_fails_costs_its_time_and_waits() {
        let mut tier = SlowTier::default();
        let failed = Asked { found: Err(Reason::new("timeout")), cost_ms: 2000.0 };
        tier.keep(A, failed, at(0), false);
        assert_eq!((due(&tier, 59), tier.spent_ms()), (vec!["b", "c"], 2000.0));
        assert_eq!(tier.checks(ALL, at(1))[0].unavailable["value"].reason, "timeout");
    }

    #[test]
    fn a_check_that_was_asked_when_the_session_was_lost_waits_and_what_was_known_stays() {
        let mut tier = SlowTier::default();
        let lost = || Asked { found: Err(Reason::new("the connection broke")), cost_ms: 3.0 };
        tier.keep(A, asked(1.0), at(0), false);
        tier.keep(A, lost(), at(70), true);
        tier.keep(B, lost(), at(70), true);
        let shown = tier.checks(ALL, at(71));
        assert_eq!((shown[0].value, shown[0].measured_at), (Some(7.0), at(0)));
        assert_eq!(shown[1].unavailable["value"].reason, "the connection broke");
        assert_eq!(due(&tier, 72), ["c"]);
    }

    #[test]
    fn the_size_is_the_one_that_was_measured_last() {
        let mut tier = SlowTier::default();
        assert_eq!(tier.database_size_bytes().unwrap_err().reason, Reason::NOT_COLLECTED);
        let sizes = checks::SLOW.iter().find(|check| check.id == checks::SIZES).unwrap();
        tier.keep(sizes, asked(1.0), at(0), false);
        assert_eq!(tier.database_size_bytes().unwrap(), Some(7));
        tier.keep(sizes, Asked { found: Err(Reason::new("no_privilege")), cost_ms: 1.0 }, at(1), false);
        assert_eq!(tier.database_size_bytes().unwrap_err().reason, "no_privilege");
    }
}
