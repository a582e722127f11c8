//! The list of connections, a page of it at a time.

use common::Page;
use leptos::{prelude::*, task::spawn_local};

use super::{Overview, filter::Filter, row::RowOf};
use crate::{
    components::{Empty, IconName, ProblemNotice, Skeleton, Toasts},
    rpc::{RpcError, overview as rpc, overview::Row},
};

/// What "Show next" fetches.
const PAGE: u64 = common::list::DEFAULT_LIMIT as u64;

#[component]
pub(super) fn ConnectionList(overview: Overview) -> impl IntoView {
    let (pending, set_pending) = signal(false);
    view! {
        <div class="list__body" class:list__body--pending=pending>
        <Transition fallback=|| view! { <Skeleton lines=8/> } set_pending>
            {move || Suspend::new(async move {
                match overview.list.await {
                    Ok(page) if page.items.is_empty() => view! { <NoneFound overview/> }.into_any(),
                    Ok(page) => view! { <Table overview page/> }.into_any(),
                    Err(RpcError(problem)) => {
                        let again = move |event: leptos::ev::MouseEvent| {
                            event.prevent_default();
                            overview.reload();
                        };
                        let href = overview.filter.with_untracked(Filter::href);
                        view! {
                            <div class="panel__body">
                                <ProblemNotice problem>
                                    <a class="btn" href=href on:click=again>"Try again"</a>
                                </ProblemNotice>
                            </div>
                        }
                        .into_any()
                    }
                }
            })}
        </Transition>
        </div>
    }
}

#[component]
fn NoneFound(overview: Overview) -> impl IntoView {
    let filter = overview.filter.get_untracked();
    let title = match (filter.q.as_str(), filter.status) {
        ("", Some(status)) => format!("No connection is “{}”", status.label()),
        (q, _) => format!("Nothing matches “{q}”"),
    };
    let (icon, text, way_on, href) = if filter.hides_some() {
        (
            IconName::Filter,
            "Other connections are hidden by this filter.",
            "Clear the filter",
            filter.cleared().href(),
        )
    } else {
        (
            IconName::Database,
            "The list has become shorter since this page of it was linked.",
            "To the first page",
            "/".to_owned(),
        )
    };
    let title = if filter.hides_some() { title } else { "Nothing here".to_owned() };
    view! {
        <Empty icon title text>
            <a class="btn" href=href data-noscroll="true">{way_on}</a>
        </Empty>
    }
}

#[component]
fn Table(overview: Overview, page: Page<Row>) -> impl IntoView {
    let filter = overview.filter.get_untracked();
    let Page { items, total, next } = page;
    let first = items.len() as u64;
    let caption = format!("Connections: {}", filter.sort.label().to_ascii_lowercase());
    let later = filter.cursor.is_some();
    let more = RwSignal::new(Vec::<Row>::new());
    let next = RwSignal::new(next);
    let shown = move || first + more.with(|more| more.len() as u64);
    let count = move || match (total, shown()) {
        (1, _) => "1 connection".to_owned(),
        (total, shown) if shown == total || later => format!("{total} connections"),
        (total, shown) => format!("{shown} of {total} connections"),
    };
    let left = Signal::derive(move || (!later).then(|| total.saturating_sub(shown())));
    let rows = items.into_iter().map(|row| view! { <RowOf row/> }.into_any()).collect_view();
    view! {
        <table class="table list">
            <caption class="sr">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">"Connection"</th>
                    <th scope="col" class="hide-m">"Place"</th>
                    <th scope="col">
                        <span class="hide-s">"Last 30 checks"</span>
                        <span class="only-s">"Checks"</span>
                    </th>
                    <th scope="col" class="r hide-s">"p50 " <span class="unit">"ms"</span></th>
                    <th scope="col" class="r">"p95 " <span class="unit">"ms"</span></th>
                    <th scope="col" class="hide-s">"Health"</th>
                    <th scope="col" class="r hide-m">"Checked"</th>
                </tr>
            </thead>
            <tbody>
                {rows}
                {move || more.get().into_iter().map(|row| view! { <RowOf row/> }.into_any()).collect_view().into_any()}
            </tbody>
        </table>
        <div class="panel__foot row row--wrap">
            <span role="status">{move || count()}</span>
            {later.then(|| {
                let href = filter.with_cursor(None).href();
                view! { <a class="btn btn--small" href=href>"To the first page"</a> }.into_any()
            })}
            <NextPage filter next more left/>
            <span class="row__end hide-s">"Bars: newest on the right; the worse, the taller"</span>
        </div>
    }
}

/// A link to the next page; once the page is awake, the next rows come below those that are there.
#[component]
fn NextPage(
    filter: Filter,
    next: RwSignal<Option<String>>,
    more: RwSignal<Vec<Row>>,
    /// How many connections are not shown yet; not known on a later page.
    left: Signal<Option<u64>>,
) -> impl IntoView {
    let busy = RwSignal::new(false);
    let toasts = Toasts::of_page();
    let filter = StoredValue::new(filter);
    let of_cursor = move |cursor: String| filter.with_value(|filter| filter.with_cursor(Some(cursor)));
    let append = move |event: leptos::ev::MouseEvent| {
        if event.ctrl_key() || event.meta_key() || event.shift_key() {
            return;
        }
        event.prevent_default();
        let Some(cursor) = next.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        let query = of_cursor(cursor).list_query();
        spawn_local(async move {
            match rpc::list_connections(query).await {
                Ok(page) => {
                    next.set(page.next);
                    more.update(|more| more.extend(page.items));
                }
                Err(RpcError(problem)) => toasts.say_problem(&problem),
            }
            busy.set(false);
        });
    };
    let words = move || match (busy.get(), left.get()) {
        (true, _) => "Loading…".to_owned(),
        (false, Some(left)) => format!("Show next {}", left.clamp(1, PAGE)),
        (false, None) => "Show more".to_owned(),
    };
    view! {
        {move || next.get().map(|cursor| {
            view! { <a class="btn btn--small" href=of_cursor(cursor).href() on:click=append>{move || words()}</a> }.into_any()
        }).into_any()}
    }
}
