//! The list itself, in pages of [`super::EACH`] checks: those near the window are drawn, in the place of the others stands a
//! gap of the same height.

use common::Page;
use leptos::{html, prelude::*, task::spawn_local};
use web_sys::MouseEvent;

use super::{filter::Filter, near, row::Row};
use crate::{
    components::Toasts,
    rpc::{
        RpcError,
        activity::{Check, checks},
    },
};

/// A page is drawn before it is seen: two windows of most screens.
const DRAWN_WITHIN: &str = "1600px 0px";
/// Older checks are asked for before the end is seen.
const ASKED_WITHIN: &str = "800px 0px";

/// One page of the list, and its place in it.
#[derive(Clone, Copy)]
struct Part {
    place: usize,
    checks: StoredValue<Vec<Check>>,
}

#[component]
pub(super) fn List(filter: Filter, page: Page<Check>) -> impl IntoView {
    let later = filter.before.is_some().then(|| {
        view! { <p class="panel__foot"><a class="link" href=filter.to_newest().address()>"To the newest checks"</a></p> }
    });
    let parts = RwSignal::new(vec![Part { place: 0, checks: StoredValue::new(page.items) }]);
    let next = RwSignal::new(page.next);
    view! {
        {later}
        <table class="table activity">
            <caption class="sr">"Checks, the newest first"</caption>
            <thead>
                <tr>
                    <th scope="col" class="activity__time">"Time "<span class="unit">"UTC"</span></th>
                    <th scope="col" class="activity__who">"Connection"</th>
                    <th scope="col" class="hide-s">"What happened"</th>
                    <th scope="col" class="r activity__ms">"Round trip"</th>
                </tr>
            </thead>
            <For each=move || parts.get() key=|part| part.place children=|part| view! { <Drawn part/> }/>
        </table>
        <Older filter parts next/>
    }
    .into_any()
}

/// The rows of one page, or the gap in their place.
#[component]
fn Drawn(part: Part) -> impl IntoView {
    let body = NodeRef::<html::Tbody>::new();
    // The height of the gap; `None` while the rows are drawn.
    let gap = RwSignal::new(None);
    Effect::new(move |_| {
        let Some(body) = body.get() else { return };
        near::watch(&body, DRAWN_WITHIN, move |is_near, height| {
            let now = (!is_near).then(|| format!("{height}px"));
            // While the gap stands its height is that of the rows.
            if gap.with_untracked(Option::is_some) != now.is_some() {
                gap.set(now);
            }
        });
    });
    view! {
        <tbody node_ref=body>
            {move || match gap.get() {
                None => part.checks.with_value(|checks| {
                    checks.iter().map(|check| view! { <Row check=check.clone()/> }).collect_view().into_any()
                }),
                // Only ever in the browser: a style in the server's page would be refused by its policy.
                Some(height) => view! { <tr class="activity__gap" aria-hidden="true"><td colspan="4" style:height=height></td></tr> }.into_any(),
            }}
        </tbody>
    }
    .into_any()
}

/// A link to older checks; once the page is awake they come by themselves, below those that are there.
#[component]
fn Older(filter: Filter, parts: RwSignal<Vec<Part>>, next: RwSignal<Option<String>>) -> impl IntoView {
    let foot = NodeRef::<html::Div>::new();
    let asking = RwSignal::new(false);
    let said = RwSignal::new(String::new());
    let toasts = Toasts::of_page();
    let filter = StoredValue::new(filter);
    let older_than = move |cursor| filter.with_value(|filter| filter.older_than(cursor));
    let ask = move || {
        let Some(cursor) = next.get_untracked().filter(|_| !asking.get_untracked()) else { return };
        asking.set(true);
        spawn_local(async move {
            match checks(older_than(cursor).asked()).await {
                Ok(Page { items, next: after, .. }) => {
                    said.try_set(format!("{} older checks.", items.len()));
                    let checks = StoredValue::new(items);
                    parts.try_update(|parts| parts.push(Part { place: parts.len(), checks }));
                    next.try_set(after);
                }
                Err(RpcError(problem)) => toasts.say_problem(&problem),
            }
            asking.try_set(false);
        });
    };
    Effect::new(move |_| {
        // Also anew with each page: the end may still be near.
        parts.track();
        if let Some(foot) = foot.get() {
            near::watch(&foot, ASKED_WITHIN, move |is_near, _| {
                if is_near {
                    ask();
                }
            });
        }
    });
    let press = move |event: MouseEvent| {
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            ask();
        }
    };
    view! {
        <p class="sr" role="status">{move || said.get()}</p>
        <div class="panel__foot row" node_ref=foot>
            {move || match next.get() {
                Some(cursor) => {
                    let words = move || if asking.get() { "Looking …" } else { "Show older" };
                    view! { <a class="btn btn--small" href=older_than(cursor).address() on:click=press>{words}</a> }.into_any()
                }
                None => view! { <span>"This is the oldest check that is kept."</span> }.into_any(),
            }}
        </div>
    }
    .into_any()
}
