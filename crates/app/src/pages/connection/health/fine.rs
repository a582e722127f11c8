//! What is fine stays quiet: a line each; what does not apply is a click away.

use chrono::{DateTime, Utc};
use common::health::{Check, CheckStatus};
use leptos::prelude::*;

use super::{super::words, findings::measured};
use crate::components::{Panel, Shape, Tone};

#[component]
pub(super) fn FinePanel(checks: Vec<Check>, read_at: DateTime<Utc>) -> impl IntoView {
    let (fine, rest): (Vec<Check>, Vec<Check>) =
        checks.into_iter().partition(|check| check.status == CheckStatus::Ok);
    let skipped: Vec<Check> = rest.into_iter().filter(|check| check.status == CheckStatus::Skipped).collect();
    let note = fine.len().to_string();
    let lines = if fine.is_empty() {
        view! { <p class="panel__body muted">"No check came out fine."</p> }.into_any()
    } else {
        let lines = fine.into_iter().map(|check| view! { <Line check read_at/> }).collect_view();
        view! { <div class="panel__body"><dl class="pairs pairs--tight">{lines}</dl></div> }.into_any()
    };
    view! {
        <Panel id="fine" title="Fine" note=move || note.clone()>
            {lines}
            <Skipped checks=skipped/>
        </Panel>
    }
    .into_any()
}

#[component]
fn Line(check: Check, read_at: DateTime<Utc>) -> impl IntoView {
    let value = match check.value {
        Some(value) => words::reading(value, &check.unit).into_any(),
        None => view! { "– "<span class="why">{words::why(&check.unavailable, "value")}</span> }.into_any(),
    };
    let age = measured(check.measured_at, read_at).map(|age| view! { <dd class="pairs__note">{age}</dd> });
    view! {
        <dt><Shape tone=Tone::Ok label="ok"/>{check.title}</dt>
        <dd title=check.detail>{value}</dd>
        {age}
    }
    .into_any()
}

#[component]
fn Skipped(checks: Vec<Check>) -> impl IntoView {
    if checks.is_empty() {
        return ().into_any();
    }
    let count = checks.len();
    let summary = if count == 1 { "1 check does".to_owned() } else { format!("{count} checks do") };
    let lines = checks
        .into_iter()
        .map(|check| view! { <dt>{check.title}</dt><dd class="muted"><bdi>{check.detail}</bdi></dd> })
        .collect_view();
    view! {
        <details class="more">
            <summary>{summary}" not apply now"</summary>
            <dl class="skipped more__body">{lines}</dl>
        </details>
    }
    .into_any()
}
