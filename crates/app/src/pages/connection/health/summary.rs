//! The health on the overview: the score, and the worst findings with what to do.

use common::Health;
use leptos::prelude::*;

use super::super::{
    detail::{AfterReading, Detail},
    frame,
    tabs::Tab,
};
use super::{
    CheckNow, Down, NoReading, ReadAt,
    findings::{FindingItem, urgent},
    score::Score,
};
use crate::components::{Panel, Skeleton};

/// How many findings the overview shows.
const MOST: usize = 5;

#[component]
pub(in super::super) fn HealthPanel(detail: Detail) -> impl IntoView {
    let note = move || view! { <ReadAt detail/> };
    let actions = move || view! { <CheckNow detail/> };
    view! {
        <Panel id="health" title="Health" note=note actions=actions>
            <AfterReading detail fallback=|| view! { <div class="panel__body"><Skeleton lines=5/></div> }>
                {move || match detail.health.get() {
                    Some(Ok(health)) => view! { <Reading detail health/> }.into_any(),
                    Some(Err(problem)) => view! { <NoReading problem/> }.into_any(),
                    None => ().into_any(),
                }}
            </AfterReading>
        </Panel>
    }
    .into_any()
}

#[component]
fn Reading(detail: Detail, health: Health) -> impl IntoView {
    if let Some(error) = health.error {
        return view! { <div class="panel__body"><Down error/></div> }.into_any();
    }
    let found = urgent(&health.checks);
    let read_at = health.checked_at;
    let more = found.len().saturating_sub(MOST);
    let all = match more {
        0 => "All checks".to_owned(),
        more => format!("{more} more, and all checks"),
    };
    let items = found.into_iter().take(MOST).map(|check| view! { <FindingItem check read_at brief=true/> });
    view! {
        <Score health explained=false/>
        <ul class="findings">{items.collect_view()}</ul>
        <p class="panel__foot">
            <a href=Tab::Health.path(detail.id) on:click=move |_| frame::hand_over(detail)>{all}</a>
        </p>
    }
    .into_any()
}
