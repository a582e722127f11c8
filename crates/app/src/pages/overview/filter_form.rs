//! The head of the list: status, order, text. Links and a GET form; once the page is awake it filters while one types.

use std::time::Duration;

use common::{ConnectionStatus, connection::Sort, database::ConnectionCounts};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{Overview, filter::Filter};
use crate::components::{Icon, IconName};

/// After the last key.
const TYPING_PAUSE: Duration = Duration::from_millis(200);

#[component]
pub(super) fn FilterForm(overview: Overview) -> impl IntoView {
    let filter = overview.filter;
    let navigate = use_navigate();
    let go = move |to: Filter| {
        let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
        navigate(&to.href(), options);
    };

    let typed = RwSignal::new(filter.with_untracked(|filter| filter.q.clone()));
    // The address can change without the field: by Back, or by "Clear the filter".
    Effect::new(move |_| {
        let asked = filter.with(|filter| filter.q.clone());
        if typed.with_untracked(|typed| typed.trim() != asked) {
            typed.set(asked);
        }
    });
    let mut search = {
        let go = go.clone();
        debounce(TYPING_PAUSE, move |q: String| go(filter.get_untracked().with_q(&q)))
    };
    let type_text = move |event: leptos::ev::Event| {
        let text = event_target_value(&event);
        typed.set(text.clone());
        search(text);
    };
    let choose_order = {
        let go = go.clone();
        move |event: leptos::ev::Event| {
            let sort = event_target_value(&event).parse().unwrap_or_default();
            go(filter.get_untracked().with_sort(sort));
        }
    };
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        go(filter.get_untracked().with_q(&typed.get_untracked()));
    };
    let orders = Sort::ALL
        .into_iter()
        .map(|sort| {
            let chosen = move || filter.with(|filter| filter.sort == sort);
            view! { <option value=sort.as_str() selected=move || chosen()>{sort.label()}</option> }.into_any()
        })
        .collect_view();
    view! {
        <div class="panel__head">
            <h2 id="list-h" class="sr">"Connections"</h2>
            <StatusLinks overview/>
            <form class="list__tools row" method="get" action="/" role="search" on:submit=send>
                {move || filter.with(|filter| filter.status).map(|status| {
                    view! { <input type="hidden" name="status" value=status.as_str()/> }.into_any()
                }).into_any()}
                <label class="sr" for="sort">"Order"</label>
                <select class="input list__order" id="sort" name="sort" on:change=choose_order>{orders}</select>
                <label class="sr" for="q">"Filter by name, host, database or tag"</label>
                <input
                    class="input list__text"
                    id="q"
                    name="q"
                    type="search"
                    placeholder="Filter by name, host, tag"
                    autocomplete="off"
                    spellcheck="false"
                    value=typed.get_untracked()
                    prop:value=move || typed.get()
                    on:input=type_text
                />
                <button class="btn btn--icon btn--quiet" aria-label="Filter" title="Filter">
                    <Icon name=IconName::Search/>
                </button>
            </form>
        </div>
    }
}

/// All, and each status that there is, with how many there are.
#[component]
fn StatusLinks(overview: Overview) -> impl IntoView {
    let link = move |status: Option<ConnectionStatus>, label: &'static str, count: Option<u32>| {
        let href = move || overview.filter.with(|filter| filter.with_status(status).href());
        let chosen = move || overview.filter.with(|filter| filter.status == status).then_some("true");
        view! {
            <a href=move || href() aria-current=move || chosen() data-noscroll="true">
                {label}
                {count.map(|count| view! { " " <span class="muted">{count}</span> }.into_any())}
            </a>
        }
        .into_any()
    };
    view! {
        <div class="seg" role="group" aria-label="Status">
            <Transition>
                {move || Suspend::new(async move {
                    // Where they cannot be read, no number stands: not 0.
                    let counts = overview.summary.await.ok().map(|summary| summary.connections);
                    let of_statuses = ConnectionStatus::ALL
                        .into_iter()
                        .map(|status| (status, counts.map_or(0, |counts| of_status(&counts, status))))
                        .filter(|(status, count)| *count > 0 || overview.filter.with(|filter| filter.status == Some(*status)))
                        .map(|(status, count)| link(Some(status), status.label(), counts.map(|_| count)))
                        .collect_view();
                    view! {
                        {link(None, "All", counts.map(|counts| counts.total))}
                        {of_statuses}
                    }
                    .into_any()
                })}
            </Transition>
        </div>
    }
}

fn of_status(counts: &ConnectionCounts, status: ConnectionStatus) -> u32 {
    match status {
        ConnectionStatus::Down => counts.down,
        ConnectionStatus::Degraded => counts.degraded,
        ConnectionStatus::Unknown => counts.unknown,
        ConnectionStatus::Up => counts.up,
        ConnectionStatus::Paused => counts.paused,
    }
}
