//! The list of connections, a page of it at a time.

use common::{Page, event::EventKind, list};
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;

use super::{Overview, filter::Filter, row::RowOf};
use crate::{
    components::{Empty, IconName, ProblemNotice, Skeleton, Toasts},
    live::{Event, Soon, use_live},
    rpc::{RpcError, overview as rpc, overview::Row},
};

/// While every measurement says what the one before said, only the order may change, and slowly.
const RENEW_MS: f64 = 15_000.0;

/// What "Show next" fetches.
const PAGE: u64 = list::DEFAULT_LIMIT as u64;

#[component]
pub(super) fn ConnectionList(overview: Overview) -> impl IntoView {
    let (pending, set_pending) = signal(false);
    view! {
        <div class="list__body" class:list__body--pending=pending>
        <Transition fallback=|| view! { <Skeleton lines=8/> } set_pending>
            {move || overview.list.get().map(|answer| match answer {
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
                }).into_any()}
        </Transition>
        </div>
    }
}

#[component]
fn NoneFound(overview: Overview) -> impl IntoView {
    let filter = overview.filter.get_untracked();
    let again = Soon::new(move || async move { _ = overview.reloads.try_update(|count| *count += 1) });
    use_live().on(move |event| {
        if event.is_news() {
            again.ask(0.0);
        }
    });
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

/// A page of the list, and what was shown below it.
#[derive(Clone, Copy)]
struct Shown {
    rows: RwSignal<Vec<RwSignal<Row>>>,
    total: RwSignal<u64>,
    next: RwSignal<Option<String>>,
}

impl Shown {
    fn new(page: Page<Row>) -> Self {
        let Page { items, total, next } = page;
        let rows = items.into_iter().map(RwSignal::new).collect();
        Self { rows: RwSignal::new(rows), total: RwSignal::new(total), next: RwSignal::new(next) }
    }

    /// Shows what has been read anew: a row that stays where it was is only changed, and the focus stays on its
    /// connection.
    fn renew(self, page: Page<Row>) {
        let Page { items, total, next } = page;
        self.total.try_set(total);
        self.next.try_set(next);
        let Some(rows) = self.rows.try_get_untracked() else { return };
        let same = rows.len() == items.len()
            && rows.iter().zip(&items).all(|(row, new)| row.with_untracked(|row| row.id == new.id));
        if same {
            for (row, new) in rows.into_iter().zip(items) {
                if row.with_untracked(|row| *row != new) {
                    row.set(new);
                }
            }
        } else {
            let focused = document().active_element().and_then(|element| element.get_attribute("href"));
            self.rows.set(items.into_iter().map(RwSignal::new).collect());
            if let Some(href) = focused {
                request_animation_frame(move || focus_on(&href));
            }
        }
    }

    /// What an event holds, before anything is asked.
    fn note(self, event: &Event) {
        let Some(id) = event.connection_id else { return };
        let Some(rows) = self.rows.try_get_untracked() else { return };
        let row = rows.into_iter().find(|row| row.with_untracked(|row| row.id == id));
        if let (Some(row), Some(status)) = (row, event.status()) {
            row.update(|row| row.note(event, status));
        }
    }

    fn follow(self, overview: Overview, filter: Filter) {
        let renew = Soon::new(move || {
            let mut query = filter.clone().list_query();
            let shown = self.rows.try_with_untracked(|rows| rows.len() as u32).unwrap_or_default();
            query.limit = Some(shown.clamp(list::DEFAULT_LIMIT, list::MAX_LIMIT));
            async move {
                match rpc::list_connections(query).await {
                    // What stands in place of a list without rows.
                    Ok(page) if page.items.is_empty() => _ = overview.reloads.try_update(|count| *count += 1),
                    Ok(page) => self.renew(page),
                    // The status in the top bar says that nobody answers.
                    Err(_) => {}
                }
            }
        });
        use_live().on(move |event| {
            self.note(event);
            match event.kind {
                EventKind::Job | EventKind::Change => {}
                _ if event.is_news() => renew.ask(0.0),
                _ => renew.ask(RENEW_MS),
            }
        });
    }
}

fn focus_on(href: &str) {
    let links = document().query_selector_all("#list a").ok();
    let links = links.iter().flat_map(|links| (0..links.length()).filter_map(|at| links.item(at)));
    let mut elements = links.filter_map(|link| link.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(link) = elements.find(|link| link.get_attribute("href").as_deref() == Some(href)) {
        let _ = link.focus();
    }
}

#[component]
fn Table(overview: Overview, page: Page<Row>) -> impl IntoView {
    let filter = overview.filter.get_untracked();
    let list = Shown::new(page);
    list.follow(overview, filter.clone());
    let Shown { rows, total, next } = list;
    let caption = format!("Connections: {}", filter.sort.label().to_ascii_lowercase());
    let later = filter.cursor.is_some();
    let shown = move || rows.with(|rows| rows.len() as u64);
    let count = move || match (total.get(), shown()) {
        (1, _) => "1 connection".to_owned(),
        (total, shown) if shown == total || later => format!("{total} connections"),
        (total, shown) => format!("{shown} of {total} connections"),
    };
    let left = Signal::derive(move || (!later).then(|| total.get().saturating_sub(shown())));
    let drawn = move || {
        let rows = rows.get().into_iter();
        rows.map(|row| view! { {move || view! { <RowOf row=row.get()/> }.into_any()} }.into_any())
            .collect_view()
            .into_any()
    };
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
                {move || drawn()}
            </tbody>
        </table>
        <div class="panel__foot row row--wrap">
            <span role="status">{move || count()}</span>
            {later.then(|| {
                let href = filter.with_cursor(None).href();
                view! { <a class="btn btn--small" href=href>"To the first page"</a> }.into_any()
            })}
            <NextPage filter next rows left/>
            <span class="row__end hide-s">"Bars: newest on the right; the worse, the taller"</span>
        </div>
    }
}

/// A link to the next page; once the page is awake, the next rows come below those that are there.
#[component]
fn NextPage(
    filter: Filter,
    next: RwSignal<Option<String>>,
    rows: RwSignal<Vec<RwSignal<Row>>>,
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
                    rows.update(|rows| rows.extend(page.items.into_iter().map(RwSignal::new)));
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
