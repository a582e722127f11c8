//! `/`: how all databases stand, worst first, and what to do about it.
//!
//! What is asked for (filter, order, page) stands in the address: a link can be shared, and without JavaScript the filter is
//! a plain GET form.

mod deleted;
mod filter;
mod filter_form;
mod findings;
mod first_run;
mod keeping;
mod list;
mod row;
mod test_all;
mod tiles;

use common::{Page, event::EventKind};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use self::{
    deleted::DeletedNotice,
    filter::Filter,
    filter_form::FilterForm,
    findings::FindingsPanel,
    first_run::FirstRun,
    keeping::KeepingNotice,
    list::ConnectionList,
    test_all::{TestAllButton, TestAllProgress, TestRun},
    tiles::SummaryTiles,
};
use crate::{
    Ago,
    components::{Icon, IconName, ProblemNotice, Skeleton},
    live::{Soon, use_live},
    outcome::{OverviewOutcome, use_overview_outcome},
    rpc::{
        RpcError, overview as rpc,
        overview::{Finding, Numbers, Row},
    },
    wire,
};

type Answer<T> = Result<T, RpcError>;

/// While every measurement says what the one before said, percentiles and ages change slowly.
const RECOUNT_MS: f64 = 5000.0;
/// How many findings stand beside the list.
const FINDINGS: u32 = 6;

/// What the page shows, and how its parts ask for it again after an action.
#[derive(Clone, Copy)]
struct Overview {
    filter: Memo<Filter>,
    summary: wire::Loaded<Answer<Numbers>>,
    list: wire::Loaded<Answer<Page<Row>>>,
    findings: wire::Loaded<Answer<Page<Finding>>>,
    reloads: RwSignal<u32>,
    /// The same without the list, which follows by itself.
    recounts: RwSignal<u32>,
    /// There is no connection: what is shown instead of a list has no row that could follow.
    is_empty: StoredValue<bool>,
}

impl Overview {
    fn of_address() -> Self {
        let query = use_query_map();
        let filter = Memo::new(move |_| query.with(Filter::from_query));
        let (reloads, recounts) = (RwSignal::new(0), RwSignal::new(0));
        let count = move || reloads.get() + recounts.get();
        Self {
            filter,
            reloads,
            recounts,
            is_empty: StoredValue::new(false),
            summary: wire::load(count, |_| rpc::summary()),
            list: wire::load(
                move || (filter.get(), reloads.get()),
                |(filter, _)| rpc::list_connections(filter.list_query()),
            ),
            findings: wire::load(count, |_| rpc::findings(FINDINGS)),
        }
    }

    /// Asks for everything again; what is shown stays until the answers are there.
    fn reload(self) {
        self.reloads.update(|count| *count += 1);
    }

    /// Keeps the numbers and the findings up to date: at once where something stands otherwise, and else now and then.
    fn follow(self) {
        let recount = Soon::new(move || async move {
            let again =
                if self.is_empty.try_get_value() == Some(true) { self.reloads } else { self.recounts };
            again.try_update(|count| *count += 1);
        });
        use_live().on(move |event| match event.kind {
            EventKind::Job => {}
            _ if event.is_news() => recount.ask(0.0),
            _ => recount.ask(RECOUNT_MS),
        });
    }
}

#[component]
pub fn OverviewPage() -> impl IntoView {
    let overview = Overview::of_address();
    overview.follow();
    // Of a restore or a test of all that was asked for without JavaScript.
    let OverviewOutcome { problem: refused, job } = use_overview_outcome();
    let run = TestRun::new(overview, job);
    view! {
        <Title text="Overview"/>
        <DeletedNotice overview/>
        {refused.map(|problem| view! { <ProblemNotice problem/> })}
        <Transition fallback=|| view! { <Skeleton lines=6/> }>
            {move || {
                // A memo: the page below stays as it is while its numbers change. Made in here, because only what is read
                // under the `Transition` is waited for.
                let nothing_yet = Memo::new(move |_| {
                    overview.summary.get().is_some_and(|answer| answer.is_ok_and(|summary| summary.connections.total == 0))
                });
                overview.is_empty.set_value(nothing_yet.get());
                if nothing_yet.get() {
                    view! { <FirstRun/> }.into_any()
                } else {
                    view! { <Connections overview run/> }.into_any()
                }
            }}
        </Transition>
    }
    .into_any()
}

#[component]
fn Connections(overview: Overview, run: TestRun) -> impl IntoView {
    // Not awaited, here and below: when the last connection goes, all of this goes while its numbers arrive, and what is
    // awaited would be drawn into what is gone.
    let numbers = Memo::new(move |_| overview.summary.get().and_then(Result::ok));
    let checked_at = Memo::new(move |_| numbers.get().and_then(|numbers| numbers.checked_at));
    let down = Memo::new(move |_| numbers.get().map_or(0, |numbers| numbers.connections.down));
    let title = move || match down.get() {
        0 => "Overview".to_owned(),
        down => format!("({down} down) Overview"),
    };
    view! {
        <Title text=title/>
        <div class="page__head">
            <h1>"Overview"</h1>
            {move || checked_at.get().map(|at| {
                view! { <span class="muted small num hide-s">"checked " <Ago at suffix=" ago"/></span> }.into_any()
            }).into_any()}
            <div class="page__actions">
                <TestAllButton run/>
                <a class="btn btn--fill" href="/connections/new">
                    <Icon name=IconName::Plus/>
                    "Add connection"
                </a>
            </div>
        </div>
        <TestAllProgress run/>
        <KeepingNotice numbers/>
        <SummaryTiles numbers/>
        <div class="cols">
            <section class="panel" id="list" aria-labelledby="list-h">
                <FilterForm overview/>
                <ConnectionList overview/>
            </section>
            <FindingsPanel overview/>
        </div>
    }
    .into_any()
}
