//! `/queries`: what all databases spend their time on, over any range of history, in any order.
//!
//! What is asked for stands in the address: each choice is a link or a GET form.

mod choice;
mod not_counted;
mod row;

use std::sync::Arc;

use charts::Kind;
use common::{
    ConnectionId, Problem, event::EventKind, history::ChartData, statements::StatementOrder, units,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use self::{
    choice::{Choice, Heads, Orders},
    not_counted::NotCountedPanel,
    row::Row,
};
use super::{
    lazy::lazy_page,
    which_connection::{Names, WhichConnection, load_names},
};
use crate::{
    Moment,
    components::{
        Charts, Empty, HistoryChart, IconName, PageRange, Panel, ProblemNotice, RangePicker, Skeleton, Span,
        TimeRange,
    },
    live::{Soon, use_live},
    rpc::{
        RpcError,
        queries::{Asked, Everywhere, queries, queries_over_time},
    },
    use_now, wire,
};

/// How many statements the page shows.
const MOST: u32 = 100;

/// Many connections are read one after the other.
const AFTER_A_READING_MS: f64 = 2000.0;

const PATH: &str = "/queries";

lazy_page! {
    /// `/queries`
    AllQueriesPage
}

impl AllQueriesPage {
    fn into_view(self) -> AnyView {
        let (query, now) = (use_query_map(), use_now());
        let choice = Memo::new(move |_| query.with(Choice::of_address));
        let asked = move |choice: Choice| {
            let (from, to) = choice.ends(now.get_untracked());
            Asked { connection_id: choice.connection, from, to, order_by: choice.order, limit: MOST }
        };
        let found = wire::load(move || choice.get(), move |choice| queries(asked(choice)));
        // The chart is the same in every order.
        let of_chart = Memo::new(move |_| Choice { order: StatementOrder::default(), ..choice.get() });
        let over_time = wire::load(move || of_chart.get(), move |choice| queries_over_time(asked(choice)));
        // A statement that somebody has opened to read would close under his eyes.
        let again = Soon::new(move || async move {
            if document().query_selector("#queries details[open]").is_ok_and(|open| open.is_none()) {
                found.refetch();
                over_time.refetch();
            }
        });
        use_live().on(move |event| {
            if matches!(event.kind, EventKind::Health | EventKind::Resync)
                && choice.with_untracked(|choice| choice.connection.is_none_or(|id| event.is_of(id)))
            {
                again.ask(AFTER_A_READING_MS);
            }
        });
        let page = PageRange::of_page(Signal::derive(|| PATH.to_owned()), Choice::BESIDE_RANGE);
        view! {
            <Title text="Queries"/>
            <div class="page__head">
                <h1>"Queries"</h1>
                <span class="muted small">"what your databases spend their time on"</span>
            </div>
            <Tools choice page names=load_names()/>
            <OverTime page over_time/>
            <Statements choice found/>
        }
        .into_any()
    }
}

/// The range and the connection.
#[component]
fn Tools(choice: Memo<Choice>, page: PageRange, names: Names) -> impl IntoView {
    let connection = Signal::derive(move || choice.with(|choice| choice.connection));
    let without_connection = Signal::derive(move || Choice { connection: None, ..choice.get() }.parameters());
    let of_connection =
        Callback::new(move |connection| Choice { connection, ..choice.get_untracked() }.address());
    view! {
        <div class="tools">
            <RangePicker page keep=Choice::BESIDE_RANGE/>
            <WhichConnection names chosen=connection href=of_connection action=PATH others=without_connection/>
        </div>
    }
    .into_any()
}

#[component]
fn Statements(choice: Memo<Choice>, found: wire::Loaded<Result<Everywhere, RpcError>>) -> impl IntoView {
    let (pending, set_pending) = signal(false);
    let title = Signal::derive(move || choice.with(|choice| format!("{} first", most_of(choice))));
    let now = use_now();
    let note = move || choice.with(|choice| choice.range_in_words(now.get_untracked()));
    view! {
        <Panel id="queries" title=title note=note>
            <Orders choice/>
            <div class="list__body" class:list__body--pending=pending>
                <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=10/></div> } set_pending>
                    {move || Suspend::new(async move {
                        let choice = choice.get_untracked();
                        match found.await {
                            Ok(found) => view! { <Found choice found/> }.into_any(),
                            Err(RpcError(problem)) => view! { <NotFound choice problem/> }.into_any(),
                        }
                    })}
                </Transition>
            </div>
        </Panel>
        <Transition>
            {move || Suspend::new(async move {
                let groups = found.await.map(|found| found.not_counted).unwrap_or_default();
                (!groups.is_empty()).then(|| view! { <NotCountedPanel groups/> })
            })}
        </Transition>
    }
    .into_any()
}

/// Why there is no list, and a way on.
#[component]
fn NotFound(choice: Choice, problem: Problem) -> impl IntoView {
    let usual = Choice { order: choice.order, ..Choice::default() }.address();
    let words = "To the last 24 hours of all";
    // What is no time is told above, where it can be corrected.
    if choice.range.unreadable.is_some() {
        return view! {
            <Empty icon=IconName::Clock title="No range to look at" text="Correct the time above, or go back to the usual range.">
                <a class="btn" href=usual>{words}</a>
            </Empty>
        }
        .into_any();
    }
    view! {
        <div class="panel__body">
            <ProblemNotice problem><a class="btn" href=usual>{words}</a></ProblemNotice>
        </div>
    }
    .into_any()
}

/// How the time is shared among the most expensive statements, over the range. Where there is nothing, or the range is
/// refused, the list below says why.
#[component]
fn OverTime(page: PageRange, over_time: wire::Loaded<Result<ChartData, RpcError>>) -> impl IntoView {
    let cursor = RwSignal::new(None::<i64>);
    let zoom = page.zoom;
    let drawn = move |data: Signal<ChartData>| {
        view! {
            <HistoryChart id="time-spent" title="Time spent, each second" data kind=Kind::Statements zoom cursor
                nothing="Nothing was counted between two readings in this range."/>
        }
        .into_any()
    };
    view! { <Charts answer=over_time drawn=Arc::new(drawn)/> }.into_any()
}

/// What stands first.
fn most_of(choice: &Choice) -> &'static str {
    use common::statements::StatementOrder::{Blocks, Calls, Mean, Rows, Temp, Total, Wal};
    match choice.order {
        Total => "Most time in total",
        Mean => "Most time per call",
        Calls => "Most calls",
        Rows => "Most rows",
        Blocks => "Most blocks",
        Temp => "Most temporary files",
        Wal => "Most WAL",
    }
}

#[component]
fn Found(choice: Choice, found: Everywhere) -> impl IntoView {
    let Everywhere { statements, total, counted, not_counted } = found;
    if statements.is_empty() {
        return view! { <Nothing choice counted sources=counted + not_counted.len()/> }.into_any();
    }
    let shown = statements.len() as u64;
    let since = statements.iter().filter_map(|statement| statement.cost.since).min();
    let how_many = match total {
        total if total > shown => {
            format!("The first {shown} of {} statements", units::thousands(total as i64))
        }
        1 => "One statement".to_owned(),
        total => format!("{total} statements"),
    };
    let where_from = match (choice.connection, counted) {
        (Some(_), _) => String::new(),
        (None, 1) => " on one connection".to_owned(),
        (None, counted) => format!(" on {counted} connections"),
    };
    let since = since.map(|since| view! { ", counted since "<Moment at=since/>" at the earliest" });
    let rows = statements.into_iter().map(|statement| view! { <Row statement/> }).collect_view();
    view! {
        <table class="table table--tight statements queries">
            <caption class="sr">"The most expensive statements of all connections"</caption>
            <Heads choice/>
            <tbody>{rows}</tbody>
        </table>
        <p class="panel__foot">{how_many}{where_from}{since}"."</p>
    }
    .into_any()
}

#[component]
fn Nothing(choice: Choice, counted: usize, sources: usize) -> impl IntoView {
    if sources == 0 {
        return view! {
            <Empty icon=IconName::Database title="No connections yet"
                text="What a database spends its time on is counted from the moment it is added.">
                <a class="btn btn--fill" href="/connections/new">"Add connection"</a>
            </Empty>
        }
        .into_any();
    }
    if counted == 0 {
        return view! {
            <Empty icon=IconName::Puzzle title="No statements are counted yet"
                text="PostgreSQL counts them with its extension pg_stat_statements. Below stands what is missing, and the SQL that mends it."/>
        }
        .into_any();
    }
    let longer = Choice { range: TimeRange { span: Span::Quarter, ..TimeRange::default() }, ..choice };
    let way_on =
        (longer != choice).then(|| view! { <a class="btn" href=longer.address()>"Look at 90 days"</a> });
    view! {
        <Empty icon=IconName::Clock title="Nothing was counted in this range"
            text="Statements are counted from one reading of the health to the next. A longer range may hold more.">
            {way_on}
        </Empty>
    }
    .into_any()
}

/// The page of a connection's own statements.
fn of_connection(id: ConnectionId) -> String {
    format!("/connections/{id}/queries")
}
