//! The list itself: parts near the window are drawn, in the place of the others stands a gap of the same height. New checks
//! appear at the top while somebody looks at the top; further down nothing moves.

use std::{cell::Cell, rc::Rc};

use common::{Page, event::EventKind};
use leptos::{html, prelude::*, task::spawn_local};
use web_sys::MouseEvent;

use super::{
    filter::Filter,
    near,
    parts::{Part, Parts},
    row::Row,
};
use crate::{
    components::Toasts,
    live::{Soon, use_live},
    rpc::{
        RpcError,
        activity::{Check, checks},
    },
};

/// A part is drawn before it is seen: two windows of most screens.
const DRAWN_WITHIN: &str = "1600px 0px";
/// Older checks are asked for before the end is seen.
const ASKED_WITHIN: &str = "800px 0px";
/// From the top of the list somebody looks at its top.
const TOP_WITHIN: &str = "200px 0px";
/// Checks often come in crowds.
const AFTER_A_CHECK_MS: f64 = 150.0;

#[component]
pub(super) fn List(filter: Filter, page: Page<Check>) -> impl IntoView {
    let later = filter.before.is_some();
    let to_newest = later.then(|| {
        view! { <p class="panel__foot"><a class="link" href=filter.to_newest().address()>"To the newest checks"</a></p> }
    });
    let parts = Parts::new(page);
    let top = NodeRef::<html::Div>::new();
    if !later {
        follow(filter.clone(), parts, top);
    }
    view! {
        {to_newest}
        <div node_ref=top></div>
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
            <For each=move || parts.all.get() key=|part| part.place children=|part| view! { <Drawn part/> }/>
        </table>
        <Older filter parts/>
    }
    .into_any()
}

/// Asks for the newest checks when there was one, and somebody looks at the top. All of it is for the browser, and so is
/// made in an effect: on the server a page is not taken down by the thread that made it.
fn follow(filter: Filter, parts: Parts, top: NodeRef<html::Div>) {
    let live = use_live();
    let (connection, ok) = (filter.connection, filter.ok);
    Effect::new(move |_| {
        let Some(top) = top.get() else { return };
        let (at_top, missed) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(false)));
        let renew = {
            let (filter, at_top, missed) = (filter.clone(), at_top.clone(), missed.clone());
            Soon::new(move || {
                let asked = at_top.get().then(|| filter.clone().asked());
                missed.set(asked.is_none());
                async move {
                    // One that is not answered is followed by the next check.
                    if let Some(asked) = asked
                        && let Ok(page) = checks(asked).await
                    {
                        parts.renew(page);
                    }
                }
            })
        };
        let again = renew.clone();
        live.on(move |event| {
            let is_one = match event.kind {
                EventKind::ConnectionTestPassed => ok != Some(false),
                EventKind::ConnectionTestFailed => ok != Some(true),
                kind => kind == EventKind::Resync,
            };
            if is_one && connection.is_none_or(|id| event.is_of(id)) {
                renew.ask(AFTER_A_CHECK_MS);
            }
        });
        near::watch(&top, TOP_WITHIN, move |is_near, _| {
            at_top.set(is_near);
            if is_near && missed.get() {
                again.ask(0.0);
            }
        });
    });
}

/// The rows of one part, or the gap in their place.
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
                None => part.checks.with(|checks| {
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
fn Older(filter: Filter, parts: Parts) -> impl IntoView {
    let foot = NodeRef::<html::Div>::new();
    let asking = RwSignal::new(false);
    let said = RwSignal::new(String::new());
    let toasts = Toasts::of_page();
    let filter = StoredValue::new(filter);
    let next = parts.next;
    let older_than = move |cursor| filter.with_value(|filter| filter.older_than(cursor));
    let ask = move || {
        let Some(cursor) = next.get_untracked().filter(|_| !asking.get_untracked()) else { return };
        asking.set(true);
        spawn_local(async move {
            match checks(older_than(cursor).asked()).await {
                Ok(page) => {
                    said.try_set(format!("{} older checks.", page.items.len()));
                    parts.append(page);
                }
                Err(RpcError(problem)) => toasts.say_problem(&problem),
            }
            asking.try_set(false);
        });
    };
    Effect::new(move |_| {
        // Also anew with each part: the end may still be near.
        next.track();
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
