//! What statements cost, and the plan that one would get.

use std::ops::RangeInclusive;

use chrono::{Datelike, TimeDelta};
use common::{
    ConnectionId, FieldError, Problem, ProblemCode,
    history::ChartData,
    list,
    statements::{StatementKey, StatementPlan, StatementsPage, StatementsQuery},
};
use probe::PlanError;
use store::WholeStatement;

use crate::{
    Permission, Principal, Service, connections, failure, patience::within_patience, plans, targets,
};

/// What is no year of any counter is a mistake: a database has an end of time, and so have clocks.
const YEARS: RangeInclusive<i32> = 1970..=9999;

/// The most expensive statements over a range; see [`StatementsQuery`].
pub async fn list(
    service: &Service,
    who: &Principal,
    query: StatementsQuery,
) -> Result<StatementsPage, Problem> {
    who.require(Permission::Read)?;
    let errors = faults(&query);
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    let now = service.0.clock.now();
    let page = service.store().expensive_statements(&query, now).await.map_err(failure::from_store)?;
    let is_there = |id: &ConnectionId| page.sources.iter().any(|source| source.connection_id == *id);
    if let Some(gone) = query.connection_ids.iter().find(|id| !is_there(id)) {
        return Err(Problem::field("connection_id", "unknown", format!("There is no connection {gone}.")));
    }
    Ok(page)
}

/// How many statements are told apart over time.
const TOLD_APART: u32 = 5;

/// The milliseconds that are spent in statements each second of the range: in the most expensive ones, and in all others
/// together. The order and the limit of the query do not matter.
pub async fn over_time(
    service: &Service,
    who: &Principal,
    query: StatementsQuery,
) -> Result<ChartData, Problem> {
    who.require(Permission::Read)?;
    let errors = faults(&query);
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    let to = query.to.unwrap_or_else(|| service.0.clock.now());
    let from = query.from.unwrap_or(to - TimeDelta::hours(24));
    let times = service.store().statement_times(&query.connection_ids, from, to, TOLD_APART).await;
    times.map_err(failure::from_store)
}

/// What is wrong with a question, by name.
fn faults(query: &StatementsQuery) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if query.limit.is_some_and(|limit| !(1..=list::MAX_LIMIT).contains(&limit)) {
        errors.push(FieldError::new("limit", "range", format!("From 1 to {}.", list::MAX_LIMIT)));
    }
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        errors.push(FieldError::new("from", "range", "Must be before `to`."));
    }
    for (name, moment) in [("from", query.from), ("to", query.to)] {
        if moment.is_some_and(|moment| !YEARS.contains(&moment.year())) {
            let years = format!("A year from {} to {}.", YEARS.start(), YEARS.end());
            errors.push(FieldError::new(name, "range", years));
        }
    }
    errors
}

/// The plan that a statement would get, whatever its parameters. Planning runs code, so there are rules: the text is
/// one that the server itself told (`query_id`), the connection allows it, the login can do no harm that a read-only
/// transaction does not prevent, and nothing stays.
pub async fn plan(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    query_id: &str,
) -> Result<StatementPlan, Problem> {
    who.require(Permission::Test)?;
    let connection = connections::get(service, who, id).await?;
    if !connection.allow_statements {
        return Err(not_allowed(
            "Statements that are not the dashboard's own may not be planned on this connection.",
            "Planning runs code. If its login cannot write, edit the connection and allow it under “Advanced”.",
        ));
    }
    let no_such = || {
        Problem::not_found("There is no such statement.")
            .with_hint("Only those that were among the most expensive of this connection can be planned.")
    };
    let number: i64 =
        query_id.parse().ok().filter(|number: &i64| number.to_string() == query_id).ok_or_else(no_such)?;
    let text = service.store().statement_text(id, number).await.map_err(failure::from_store)?;
    let text = text.ok_or_else(no_such)?;
    if !text.complete {
        return Err(not_planned(
            "Its text is longer than what is kept, or holds characters that cannot be shown.",
            "Run EXPLAIN (GENERIC_PLAN) with the whole text yourself.",
        ));
    }
    let loaded = targets::load_at(service, id, connection.version).await?;
    let target = match loaded.target {
        Ok(target) => target,
        Err(error) => return Err(not_planned(&error.message, &error.hint)),
    };
    service.0.rate.admit(Some(id))?;
    let planned = within_patience(async {
        let _place = service.0.guests.place(&target.host, target.port).await;
        Ok(service.0.prober.plan(&target, &text.query).await)
    })
    .await?;
    let outcome = match &planned {
        Ok(_) => "planned",
        Err(PlanError::Refused(_)) => "refused",
        Err(PlanError::Failed(_)) => "failed",
    };
    tracing::info!(target: "audit", actor = who.name(), action = "statement.plan", %id, query_id, outcome);
    match planned {
        Ok(plan) => {
            let statement = WholeStatement { query_id: number, query: text.query.clone() };
            let looked_at = vec![(statement, plan.clone())];
            if let Err(error) = plans::compare(service, id, connection.version, looked_at).await {
                // It is shown all the same; the log says that it was not kept.
                failure::from_store(error);
            }
            Ok(StatementPlan {
                connection_id: id,
                query_id: query_id.to_owned(),
                query: text.query,
                plan,
                taken_at: service.0.clock.now(),
            })
        }
        Err(PlanError::Refused(refusal)) if refusal.is_about_the_login() => {
            Err(not_allowed(&refusal.to_string(), refusal.hint()))
        }
        Err(PlanError::Refused(refusal)) => Err(not_planned(&refusal.to_string(), refusal.hint())),
        Err(PlanError::Failed(error)) => Err(not_planned(&error.message, &error.hint)),
    }
}

/// Puts the texts that earlier readings have read to the statements that a reading shows.
pub(crate) async fn name(service: &Service, reading: &mut probe::HealthReading) {
    let Some(found) = &reading.statements else { return };
    let nameless: Vec<StatementKey> =
        found.top.iter().copied().filter(|key| !found.texts.iter().any(|text| text.key == *key)).collect();
    if nameless.is_empty() {
        return;
    }
    match service.store().statement_texts(reading.health.connection_id, &nameless).await {
        Ok(texts) => reading.name_statements(&texts),
        Err(error) => {
            failure::from_store(error);
        }
    }
}

fn not_allowed(why: &str, hint: &str) -> Problem {
    Problem::new(ProblemCode::Forbidden, why).with_hint(hint)
}

fn not_planned(why: &str, hint: &str) -> Problem {
    Problem::field("query_id", "not_planned", why).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    #[test]
    fn a_year_that_no_counter_has_seen_is_refused_by_name() {
        let of = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| {
            let query = StatementsQuery { from, to, ..StatementsQuery::default() };
            faults(&query).into_iter().map(|fault| (fault.field, fault.code)).collect::<Vec<_>>()
        };
        let fault = |name: &str| (name.to_owned(), "range".to_owned());
        let (least, most) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        assert_eq!(of(None, Some(least)), [fault("to")], "24 h before it there is nothing");
        assert_eq!(of(Some(least), Some(most)), [fault("from"), fault("to")]);
        assert_eq!(of(Some(most), None), [fault("from")]);
        assert_eq!(of(Some(DateTime::UNIX_EPOCH), Some(Utc::now())), []);
    }
}
