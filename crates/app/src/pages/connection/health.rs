//! The health of the database: a score, what needs a person with what to do, and what could not be read.

use std::collections::BTreeMap;

use common::{
    Health, Problem, TestError,
    health::{Check, CheckStatus, HealthStatus},
    units,
};
use leptos::{ev::SubmitEvent, prelude::*};

use super::{
    detail::{AfterReading, Detail},
    words,
};
use crate::{
    Ago,
    components::{
        Badge, Button, CodeBlock, Icon, IconName, Notice, Panel, ProblemNotice, Ring, Shape, Skeleton, Tone,
    },
};

#[component]
pub(super) fn HealthPanel(detail: Detail) -> impl IntoView {
    let pending = detail.check.pending();
    let check = move |event: SubmitEvent| {
        event.prevent_default();
        if !pending.get_untracked() {
            detail.check.dispatch(());
        }
    };
    let actions = move || {
        view! {
            <form method="post" action=format!("/connections/{}/health", detail.id) on:submit=check>
                <Button label="Check now" class="btn--small" busy=pending busy_label="Checking …"/>
            </form>
        }
    };
    let note = move || {
        view! {
            <AfterReading detail>
                {move || detail.health.with(|health| {
                    let health = health.as_ref()?.as_ref().ok()?;
                    Some(view! { <Ago at=health.checked_at suffix=" ago"/> }.into_any())
                }).into_any()}
            </AfterReading>
        }
    };
    view! {
        <Panel id="health" title="Health" note=note actions=actions>
            <AfterReading detail fallback=|| view! { <div class="panel__body"><Skeleton lines=5/></div> }>
                {move || match detail.health.get() {
                    Some(Ok(health)) => view! { <Reading health/> }.into_any(),
                    Some(Err(problem)) => view! { <NoReading problem/> }.into_any(),
                    None => ().into_any(),
                }}
            </AfterReading>
        </Panel>
    }
    .into_any()
}

#[component]
fn NoReading(problem: Problem) -> impl IntoView {
    view! { <div class="panel__body"><ProblemNotice problem/></div> }
}

#[component]
fn Reading(health: Health) -> impl IntoView {
    let statuses: Vec<CheckStatus> = health.checks.iter().map(|check| check.status).collect();
    let missing = missing(&health);
    let (mut urgent, fine): (Vec<Check>, Vec<Check>) = health.checks.into_iter().partition(needs_words);
    urgent.sort_by_key(|check| (rank(check.status), std::cmp::Reverse(check.points)));
    let (score, status) = (health.score, health.status);
    let took = health.error.is_none().then(|| units::millis(health.duration_ms));
    let down = health.error.map(|error| view! { <Down error/> }.into_any());
    let score = score.map(|score| {
        view! {
            <div class="health__score">
                <Ring status score=Some(score)/>
                <div>
                    <div class="health__of">"of 100 "<Badge tone=Tone::from(status)>{verdict(status)}</Badge></div>
                    <p class="small muted">{words::tally(&statuses)}</p>
                </div>
            </div>
        }
        .into_any()
    });
    view! {
        <div class="panel__body">{score} {down}</div>
        <ul class="findings">
            {urgent.into_iter().map(|check| view! { <Urgent check/> }.into_any()).collect_view()}
            {missing.into_iter().map(|missing| view! { <NotRead missing/> }.into_any()).collect_view()}
        </ul>
        <Fine checks=fine/>
        {took.map(|took| view! { <p class="panel__foot">{format!("Reading it took {took}.")}</p> }.into_any())}
    }
    .into_any()
}

fn verdict(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "Healthy",
        HealthStatus::Warning => "Warning",
        HealthStatus::Critical => "Critical",
        HealthStatus::Down => "Down",
        HealthStatus::Unknown => "Not known",
    }
}

fn needs_words(check: &Check) -> bool {
    !matches!(check.status, CheckStatus::Ok | CheckStatus::Skipped)
}

fn rank(status: CheckStatus) -> u8 {
    match status {
        CheckStatus::Critical => 0,
        CheckStatus::Warning => 1,
        CheckStatus::Info => 2,
        CheckStatus::Unavailable => 3,
        CheckStatus::Skipped => 4,
        CheckStatus::Ok => 5,
    }
}

#[component]
fn Down(error: TestError) -> impl IntoView {
    // The last test beside it says what happened and what to do.
    view! {
        <Notice tone=Tone::Crit title="It cannot be read: the database is down">
            <p>{error.kind.headline()}", as the last test says. Health is read again with the next test that passes."</p>
        </Notice>
    }
    .into_any()
}

/// A check that needs a person: what, why, what to do.
#[component]
fn Urgent(check: Check) -> impl IntoView {
    let limits = check.threshold.zip(check.value).map(|(threshold, value)| {
        let shown = |value| words::reading(value, &check.unit);
        format!(
            "Now {}; warning at {}, critical at {}.",
            shown(value),
            shown(threshold.warning),
            shown(threshold.critical)
        )
    });
    let why_not = (check.status == CheckStatus::Unavailable)
        .then(|| check.unavailable.values().next().map(|missing| words::reason(&missing.reason)))
        .flatten()
        .filter(|why| *why != check.detail);
    let fix = check.fix_sql.or_else(|| check.unavailable.into_values().find_map(|missing| missing.fix_sql));
    let docs = check.docs_url.map(|url| {
        view! { <a class="link" href=url rel="external noreferrer">"PostgreSQL’s documentation"</a> }
            .into_any()
    });
    view! {
        <li class="finding">
            <Shape tone=Tone::from(check.status) label=words::verdict(check.status)/>
            <h3>{check.title}</h3>
            <p><bdi>{check.detail}</bdi></p>
            {why_not.map(|why| view! { <p>{why}</p> }.into_any())}
            {fix.map(|sql| view! { <CodeBlock code=sql/> }.into_any())}
            <div class="row row--wrap small muted">{limits} {docs}</div>
        </li>
    }
    .into_any()
}

/// Values that are missing for one reason that SQL can mend.
#[derive(Debug, Clone, PartialEq)]
struct Missing {
    reason: String,
    fix_sql: String,
    fields: Vec<String>,
}

/// What can be mended, each fix once. What no SQL mends is said where the value would stand.
fn missing(health: &Health) -> Vec<Missing> {
    let mut by_fix: BTreeMap<&str, Missing> = BTreeMap::new();
    for (field, reason) in &health.unavailable {
        let Some(fix_sql) = &reason.fix_sql else { continue };
        let field = field.rsplit('.').next().unwrap_or(field);
        if field == "statements" {
            continue; // They have a panel of their own.
        }
        by_fix
            .entry(fix_sql)
            .or_insert_with(|| Missing {
                reason: words::sentence(&reason.reason),
                fix_sql: fix_sql.clone(),
                fields: Vec::new(),
            })
            .fields
            .push(field_words(field));
    }
    by_fix.into_values().collect()
}

/// `database_size_bytes` as a person says it.
fn field_words(field: &str) -> String {
    let bare = ["_bytes_per_s", "_per_s", "_bytes", "_ratio", "_s", "_connections"]
        .iter()
        .find_map(|unit| field.strip_suffix(unit))
        .unwrap_or(field);
    match field {
        "cache_hit_ratio" => "cache hit ratio".to_owned(),
        _ if field.ends_with("_connections") => format!("{} connections", bare.replace('_', " ")),
        _ => bare.replace('_', " "),
    }
}

#[component]
fn NotRead(missing: Missing) -> impl IntoView {
    view! {
        <li class="finding">
            <Icon name=IconName::Info/>
            <h3>"Not read: "{missing.fields.join(", ")}</h3>
            <p><bdi>{missing.reason}</bdi>". This mends it:"</p>
            <CodeBlock code=missing.fix_sql/>
        </li>
    }
    .into_any()
}

/// What is fine stays quiet: a line each.
#[component]
fn Fine(checks: Vec<Check>) -> impl IntoView {
    if checks.is_empty() {
        return ().into_any();
    }
    let rows = checks
        .into_iter()
        .map(|check| {
            let shape = view! { <Shape tone=Tone::from(check.status) label=words::verdict(check.status)/> };
            let skipped = check.status == CheckStatus::Skipped;
            let note =
                skipped.then(|| view! { <dd class="pairs__note">{check.detail.clone()}</dd> }.into_any());
            let value = match check.value {
                _ if skipped => view! { <span class="muted">"skipped"</span> }.into_any(),
                Some(value) => words::reading(value, &check.unit).into_any(),
                None => view! { "– "<span class="why">{words::why(&check.unavailable, "value")}</span> }
                    .into_any(),
            };
            view! {
                <dt>{shape}{check.title}</dt>
                <dd title=check.detail>{value}</dd>
                {note}
            }
            .into_any()
        })
        .collect_view();
    view! { <div class="panel__body health__fine"><dl class="pairs">{rows}</dl></div> }.into_any()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use common::{ConnectionId, Reason};

    use super::*;

    fn reading(unavailable: &[(&str, Reason)]) -> Health {
        Health {
            connection_id: ConnectionId(1),
            status: HealthStatus::Ok,
            score: Some(100),
            checked_at: DateTime::UNIX_EPOCH,
            duration_ms: 1.0,
            server: Default::default(),
            metrics: Default::default(),
            checks: Vec::new(),
            statements: Default::default(),
            changes: Vec::new(),
            error: None,
            unavailable: unavailable
                .iter()
                .map(|(field, reason)| ((*field).to_owned(), reason.clone()))
                .collect(),
        }
    }

    #[test]
    fn one_fix_for_several_values_is_shown_once() {
        let grant = Reason::with_fix("no_privilege", "GRANT pg_monitor TO app;");
        let health = reading(&[
            ("database_size_bytes", grant.clone()),
            ("idle_connections", grant),
            ("transactions_per_s", Reason::new(Reason::FIRST_READING)),
        ]);
        let found = missing(&health);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].fields, ["database size", "idle connections"]);
    }
}
