//! Whether the load's statements are planned as they were: about hourly, and whenever a person asks for a plan.
//!
//! Planning runs code, so what holds for a person's question ([`crate::statements::plan`]) holds here too: only where
//! the connection allows it, as a login that can do no harm, in a transaction that is rolled back, audited. Where it is
//! refused nothing is said: nobody asked.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId,
    health::{Change, ChangeKind},
    text,
};
use probe::PlanError;
use store::{StatementShape, StoreError, WholeStatement};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Service, failure, targets::Loaded};

/// How often the plans of a connection are looked at.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// The statements with the most time since the look before, of those with a text that can be planned.
const STATEMENTS: usize = 5;
/// Among how many they are looked for.
const AMONG: usize = 50;
/// For one look, with the wait for a place on the server.
const BUDGET: Duration = Duration::from_secs(15);
/// The first version that plans a statement without its parameters.
const FIRST_VERSION: i32 = 160_000;
/// Characters of a statement by which it is named in a change.
const SUBJECT: usize = 160;
/// Characters of a plan that a change shows.
const SHOWN: usize = 600;
/// Of those, before the place where two long plans begin to differ.
const BEFORE_IT: usize = 80;

/// The looks that are under way.
#[derive(Debug, Default)]
pub(crate) struct PlanLooks {
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl PlanLooks {
    /// Stops what is under way; nothing begins any more.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Looks at the plans of what a reading found to be the load, if it is time for that. Nobody waits for it.
pub(crate) fn look_soon(service: &Service, loaded: &Loaded, reading: &probe::HealthReading) {
    let can_plan = reading.health.server.version_num.is_some_and(|version| version >= FIRST_VERSION);
    let Some(interval) = reading.statements.as_ref().and_then(|found| found.interval.as_ref()) else {
        return;
    };
    // One that should sleep is not kept awake for it.
    if !can_plan || !loaded.keep || service.0.plan_looks.closing.is_cancelled() {
        return;
    }
    let mut load: Vec<i64> = Vec::new();
    for (key, _) in &interval.statements {
        if load.len() < AMONG && !load.contains(&key.query_id) {
            load.push(key.query_id);
        }
    }
    let (looking, loaded) = (service.clone(), loaded.clone());
    let closing = service.0.plan_looks.closing.clone();
    service.0.plan_looks.tasks.spawn(async move {
        let look = tokio::time::timeout(BUDGET, look(&looking, &loaded, &load));
        match closing.run_until_cancelled(Box::pin(look)).await {
            Some(Ok(Err(error))) => {
                failure::from_store(error);
            }
            Some(Err(_)) => tracing::debug!(id = %loaded.id(), "looking at plans took too long"),
            Some(Ok(Ok(()))) | None => {}
        }
    });
}

async fn look(service: &Service, loaded: &Loaded, load: &[i64]) -> Result<(), StoreError> {
    let (id, version) = (loaded.id(), loaded.key.version);
    let Ok(target) = &loaded.target else { return Ok(()) };
    let mut statements = service.store().whole_statements(id, load).await?;
    statements.retain(|statement| probe::is_plannable(&statement.query));
    statements.truncate(STATEMENTS);
    let now = service.0.clock.now();
    if statements.is_empty() || !service.store().take_plan_turn(id, version, now, EVERY).await? {
        return Ok(());
    }
    let queries: Vec<&str> = statements.iter().map(|statement| statement.query.as_str()).collect();
    let outcomes = {
        let _place = service.0.guests.place(&target.host, target.port).await;
        service.0.prober.plans(target, &queries).await
    };
    let mut planned = Vec::new();
    for (statement, outcome) in statements.into_iter().zip(outcomes) {
        match outcome {
            Ok(plan) => {
                let query_id = statement.query_id;
                tracing::info!(target: "audit", actor = "the dashboard", action = "statement.plan", %id, query_id, outcome = "planned");
                planned.push((statement, plan));
            }
            Err(PlanError::Refused(refusal)) => tracing::debug!(%id, %refusal, "a plan was not looked at"),
            Err(PlanError::Failed(error)) => {
                tracing::debug!(%id, error = error.message, "a plan was not looked at");
            }
        }
    }
    compare(service, id, version, planned).await
}

/// Keeps how statements are planned now, and what is different from when they were looked at last.
pub(crate) async fn compare(
    service: &Service,
    id: ConnectionId,
    version: i32,
    planned: Vec<(WholeStatement, String)>,
) -> Result<(), StoreError> {
    if planned.is_empty() {
        return Ok(());
    }
    let statements: Vec<&WholeStatement> = planned.iter().map(|(statement, _)| statement).collect();
    let known = service.store().plan_shapes(id, &statements).await?;
    let now = service.0.clock.now();
    let shapes: Vec<StatementShape> = planned
        .into_iter()
        .map(|(statement, plan)| StatementShape { statement, shape: probe::plan_shape(&plan) })
        .collect();
    let changes: Vec<Change> =
        shapes.iter().zip(known).filter_map(|(shape, before)| changed(shape, &before?, now)).collect();
    service.store().record_plans(id, version, &shapes, &changes, now).await
}

fn changed(now: &StatementShape, before: &str, at: DateTime<Utc>) -> Option<Change> {
    if now.shape == before {
        return None;
    }
    let (before, after) = shown(before, &now.shape);
    let query = &now.statement.query;
    Some(Change {
        at,
        kind: ChangeKind::Plan,
        subject: Some(text::shorten(&text::clean(query, query.len()), SUBJECT)),
        before: Some(before),
        after: Some(after),
    })
}

/// Two plans that differ, from near the first difference on where they are long.
fn shown(before: &str, after: &str) -> (String, String) {
    let same = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
    let is_long = before.chars().count().max(after.chars().count()) > SHOWN;
    let skip = if is_long { same.saturating_sub(BEFORE_IT) } else { 0 };
    let show = |plan: &str| {
        let mut shown = String::from(if skip > 0 { "… " } else { "" });
        shown.extend(plan.chars().skip(skip).take(SHOWN));
        if plan.chars().count() > skip + SHOWN {
            shown.push('…');
        }
        shown
    };
    (show(before), show(after))
}

#[cfg(test)]
mod tests;
