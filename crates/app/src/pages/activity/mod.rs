//! `/activity`: every check of every connection, newest first, as far back as history goes.
//!
//! Older checks come when the end of the list nears (without JavaScript, by a link), and of all that came only what is near
//! the window stands in the document: however far one goes back, the page stays as light as at the start.

mod filter;
mod list;
mod near;
mod parts;
mod row;

use common::Page;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use self::{
    filter::{Filter, Filters},
    list::List,
};
use super::{lazy::lazy_page, which_connection::load_names};
use crate::{
    components::{Empty, IconName, ProblemNotice, Skeleton},
    rpc::{
        RpcError,
        activity::{Check, checks},
    },
    wire,
};

const PATH: &str = "/activity";

/// How many checks come at a time.
const EACH: u32 = 100;

type Answer = Result<Page<Check>, RpcError>;

lazy_page! {
    /// `/activity`
    ActivityPage
}

impl ActivityPage {
    fn into_view(self) -> AnyView {
        let query = use_query_map();
        let filter = Memo::new(move |_| query.with(Filter::of_address));
        let first = wire::load(move || filter.get(), |filter| checks(filter.asked()));
        let names = load_names();
        view! {
            <Title text="Activity"/>
            <div class="page__head">
                <h1>"Activity"</h1>
                <span class="muted small">"every check of your databases, newest first"</span>
            </div>
            <Filters filter names/>
            <Checks filter first/>
        }
        .into_any()
    }
}

#[component]
fn Checks(filter: Memo<Filter>, first: wire::Loaded<Answer>) -> impl IntoView {
    let (pending, set_pending) = signal(false);
    view! {
        <section class="panel" aria-labelledby="checks-h">
            <h2 class="sr" id="checks-h">"Checks"</h2>
            <div class="list__body" class:list__body--pending=pending>
                <Transition fallback=|| view! { <Skeleton lines=12/> } set_pending>
                    {move || Suspend::new(async move {
                        let filter = filter.get_untracked();
                        match first.await {
                            Ok(page) if page.items.is_empty() => view! { <Nothing filter/> }.into_any(),
                            Ok(page) => view! { <List filter page/> }.into_any(),
                            Err(RpcError(problem)) => view! {
                                <div class="panel__body">
                                    <ProblemNotice problem><a class="btn" href=PATH>"To all checks"</a></ProblemNotice>
                                </div>
                            }
                            .into_any(),
                        }
                    })}
                </Transition>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Nothing(filter: Filter) -> impl IntoView {
    if filter.before.is_some() {
        return view! {
            <Empty icon=IconName::History title="Nothing older" text="History does not go back further than this.">
                <a class="btn" href=filter.to_newest().address()>"To the newest checks"</a>
            </Empty>
        }
        .into_any();
    }
    if filter == Filter::default() {
        return view! {
            <Empty icon=IconName::Activity title="No checks yet"
                text="A connection is checked when it is added, and from then on. Each check stands here.">
                <a class="btn btn--fill" href="/connections/new">"Add connection"</a>
            </Empty>
        }
        .into_any();
    }
    let (title, text) = match filter.ok {
        Some(false) => ("No check failed", "As far back as history goes, every check of this choice passed."),
        Some(true) => ("No check passed", "As far back as history goes, every check of this choice failed."),
        None => {
            ("Not checked yet", "This connection has no checks. “Test now” on its page makes the first one.")
        }
    };
    view! {
        <Empty icon=IconName::Filter title text>
            <a class="btn" href=PATH>"Show all checks"</a>
        </Empty>
    }
    .into_any()
}
