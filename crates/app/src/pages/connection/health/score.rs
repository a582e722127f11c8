//! The score, and how it came about: what each finding took from 100.

use common::{
    Health,
    health::{Check, CheckStatus, HealthStatus},
};
use leptos::prelude::*;

use super::super::words;
use crate::components::{Badge, Bar, Ring, Tone};

/// The ring with its verdict and, with `explained`, what each finding took.
#[component]
pub(super) fn Score(health: Health, #[prop(default = true)] explained: bool) -> impl IntoView {
    let statuses: Vec<CheckStatus> = health.checks.iter().map(|check| check.status).collect();
    let status = health.status;
    let Some(score) = health.score else {
        return view! { <p class="panel__body muted">"No score: no check could be read."</p> }.into_any();
    };
    let takes = explained.then(|| view! { <Takes score takes=takes(&health.checks)/> });
    view! {
        <div class="panel__body score">
            <div class="score__verdict">
                <Ring status score=Some(score)/>
                <div>
                    <div class="row">"of 100 "<Badge tone=Tone::from(status)>{verdict(status)}</Badge></div>
                    <p class="small muted">{words::tally(&statuses)}</p>
                </div>
            </div>
            {takes}
        </div>
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

/// The checks that took points, the most first.
fn takes(checks: &[Check]) -> Vec<Check> {
    let mut takes: Vec<Check> = checks.iter().filter(|check| check.points > 0).cloned().collect();
    takes.sort_by_key(|check| std::cmp::Reverse(check.points));
    takes
}

#[component]
fn Takes(score: u8, takes: Vec<Check>) -> impl IntoView {
    if takes.is_empty() {
        return view! { <p class="score__takes small muted">"Nothing took a point from it."</p> }.into_any();
    }
    let sum: u32 = takes.iter().map(|check| u32::from(check.points)).sum();
    // Where more was taken than there is, the bar shows each one's part all the same.
    let whole = f64::from(u32::from(score) + sum);
    let mut parts = vec![(f64::from(score) / whole, "bar__left")];
    parts.extend(takes.iter().map(|check| {
        let class = if check.status == CheckStatus::Critical { "bar__crit" } else { "bar__warn" };
        (f64::from(check.points) / whole, class)
    }));
    let items = takes
        .into_iter()
        .map(|check| {
            view! {
                <li>
                    <a class="score__take" href=format!("#check-{}", check.id) rel="external">
                        <b class=format!("num {}", Tone::from(check.status).text_class())>{format!("−{}", check.points)}</b>
                        {check.title}
                    </a>
                </li>
            }
        })
        .collect_view();
    let more_than_all = (sum > 100)
        .then(|| view! { <p class="small muted">"Together more than 100; the score ends at 0."</p> });
    view! {
        <div class="score__takes">
            <h3 class="small muted">"How it came about: 100, less what each finding took"</h3>
            <Bar parts/>
            <ul class="row row--wrap">{items}</ul>
            {more_than_all}
        </div>
    }
    .into_any()
}
