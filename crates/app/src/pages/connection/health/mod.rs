//! The health of the database: a score and how it came about, what needs a person with what to do, what could not be
//! read, and the numbers.

mod findings;
mod fine;
mod not_read;
mod numbers;
mod over_time;
mod score;
mod summary;

use std::sync::Arc;

use common::{Health, Problem, TestError, health::CheckStatus, units};
use leptos::{ev::SubmitEvent, prelude::*};

pub(super) use self::summary::HealthPanel;
use self::{
    findings::FindingsPanel,
    fine::FinePanel,
    not_read::{Advice, NotReadPanel},
    numbers::NumbersPanel,
    over_time::{OverTime, OverTimePanel},
    score::Score,
};
use super::{
    detail::{AfterReading, Detail},
    frame,
    tabs::Tab,
};
use crate::{
    Ago,
    components::{Button, IconName, Notice, Panel, ProblemNotice, Skeleton, Tone},
    pages::lazy::lazy_page,
};

lazy_page! {
    /// `/connections/:id/health`
    HealthPage
}

impl HealthPage {
    fn into_view(self) -> AnyView {
        let (setup, over_time) = (Advice::load(), OverTime::load());
        let content = move |detail| view! { <HealthTab detail setup over_time/> }.into_any();
        frame::page(Tab::Health, self.outcome, Arc::new(content))
    }
}

#[component]
fn HealthTab(detail: Detail, setup: Advice, over_time: OverTime) -> impl IntoView {
    setup.follow(detail);
    view! {
        <Panel id="score" title="Health" note=move || view! { <ReadAt detail/> } actions=move || view! { <CheckNow detail/> }>
            <AfterReading detail fallback=|| view! { <div class="panel__body"><Skeleton lines=4/></div> }>
                {move || match detail.health.get() {
                    Some(Ok(health)) => view! { <Verdict health/> }.into_any(),
                    Some(Err(problem)) => view! { <NoReading problem/> }.into_any(),
                    None => ().into_any(),
                }}
            </AfterReading>
        </Panel>
        <AfterReading detail>
            {move || detail.health.get().and_then(Result::ok).filter(|health| health.error.is_none()).map(|health| {
                let (checks, read_at) = (health.checks.clone(), health.checked_at);
                view! {
                    <div class="cols cols--wide">
                        <div class="stack">
                            <FindingsPanel checks=checks.clone() read_at/>
                            <NotReadPanel setup checks=checks.clone()/>
                        </div>
                        <div class="stack">
                            <FinePanel checks read_at/>
                            <NumbersPanel metrics=health.metrics unavailable=health.unavailable/>
                        </div>
                    </div>
                }
            })}
        </AfterReading>
        <OverTimePanel detail over_time/>
    }
    .into_any()
}

/// What stands above everything else: the score, or that there can be none.
#[component]
fn Verdict(health: Health) -> impl IntoView {
    let took = units::millis(health.duration_ms);
    match health.error.clone() {
        Some(error) => view! { <div class="panel__body"><Down error/></div> }.into_any(),
        None => view! {
            <Score health/>
            <p class="panel__foot">{format!("Reading it took {took}. What is measured seldom says how old it is.")}</p>
        }
        .into_any(),
    }
}

/// How old the reading is.
#[component]
pub(super) fn ReadAt(detail: Detail) -> impl IntoView {
    view! {
        <AfterReading detail>
            {move || detail.health.with(|health| {
                let health = health.as_ref()?.as_ref().ok()?;
                Some(view! { <Ago at=health.checked_at suffix=" ago"/> })
            })}
        </AfterReading>
    }
    .into_any()
}

/// Reads it again, and comes back to the page that asked.
#[component]
pub(super) fn CheckNow(detail: Detail) -> impl IntoView {
    let pending = detail.check.pending();
    let check = move |event: SubmitEvent| {
        event.prevent_default();
        if !pending.get_untracked() {
            detail.check.dispatch(());
        }
    };
    view! {
        <form method="post" action=format!("/connections/{}/health", detail.id) on:submit=check>
            <input type="hidden" name="page" value=detail.tab.slug()/>
            <Button label="Check now" icon=IconName::HeartPulse class="btn--small" busy=pending busy_label="Checking …"/>
        </form>
    }
    .into_any()
}

#[component]
fn NoReading(problem: Problem) -> impl IntoView {
    view! { <div class="panel__body"><ProblemNotice problem/></div> }
}

#[component]
fn Down(error: TestError) -> impl IntoView {
    // The last test says what happened and what to do.
    view! {
        <Notice tone=Tone::Crit title="It cannot be read: the database is down">
            <p>{error.kind.headline()}", as the last test says. Health is read again with the next test that passes."</p>
        </Notice>
    }
    .into_any()
}

/// Worst first.
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
