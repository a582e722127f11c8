//! `/queries`: what all databases spend their time on, over any range of history, in any order.
//!
//! What is asked for stands in the address: each choice is a link or a GET form.

mod choice;
mod not_counted;
mod row;

use common::{ConnectionId, units};
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
    range::{Range, RangePicker},
    which_connection::{Names, WhichConnection, load_names},
};
use crate::{
    Moment,
    components::{Empty, IconName, Panel, ProblemNotice, Skeleton},
    rpc::{
        RpcError,
        queries::{Asked, Everywhere, queries},
    },
    use_now, wire,
};

/// How many statements the page shows.
const MOST: u32 = 100;

const PATH: &str = "/queries";

lazy_page! {
    /// `/queries`
    AllQueriesPage
}

impl AllQueriesPage {
    fn into_view(self) -> AnyView {
        let (query, now) = (use_query_map(), use_now());
        let choice = Memo::new(move |_| query.with(Choice::of_address));
        let found = wire::load(
            move || choice.get(),
            move |choice| {
                let (from, to) = choice.range.ends(now.get_untracked());
                queries(Asked {
                    connection_id: choice.connection,
                    from,
                    to,
                    order_by: choice.order,
                    limit: MOST,
                })
            },
        );
        view! {
            <Title text="Queries"/>
            <div class="page__head">
                <h1>"Queries"</h1>
                <span class="muted small">"what your databases spend their time on"</span>
            </div>
            <Tools choice names=load_names()/>
            <Statements choice found/>
        }
        .into_any()
    }
}

/// The range and the connection.
#[component]
fn Tools(choice: Memo<Choice>, names: Names) -> impl IntoView {
    let range = Signal::derive(move || choice.with(|choice| choice.range.clone()));
    let connection = Signal::derive(move || choice.with(|choice| choice.connection));
    let without_range =
        Signal::derive(move || Choice { range: Range::default(), ..choice.get() }.parameters());
    let without_connection = Signal::derive(move || Choice { connection: None, ..choice.get() }.parameters());
    let of_range = Callback::new(move |range| Choice { range, ..choice.get() }.address());
    let of_connection =
        Callback::new(move |connection| Choice { connection, ..choice.get_untracked() }.address());
    view! {
        <div class="tools">
            <RangePicker range href=of_range action=PATH others=without_range/>
            <WhichConnection names chosen=connection href=of_connection action=PATH others=without_connection/>
        </div>
    }
    .into_any()
}

#[component]
fn Statements(choice: Memo<Choice>, found: wire::Loaded<Result<Everywhere, RpcError>>) -> impl IntoView {
    let (pending, set_pending) = signal(false);
    let title = Signal::derive(move || choice.with(|choice| format!("{} first", most_of(choice))));
    let note = move || choice.with(|choice| choice.range.in_words());
    view! {
        <Panel id="queries" title=title note=note>
            <Orders choice/>
            <div class="list__body" class:list__body--pending=pending>
                <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=10/></div> } set_pending>
                    {move || Suspend::new(async move {
                        let choice = choice.get_untracked();
                        match found.await {
                            Ok(found) => view! { <Found choice found/> }.into_any(),
                            Err(RpcError(problem)) => view! {
                                <div class="panel__body">
                                    <ProblemNotice problem>
                                        <a class="btn" href=Choice { range: Range::default(), connection: None, ..choice }.address()>
                                            "To the last 24 hours of all"
                                        </a>
                                    </ProblemNotice>
                                </div>
                            }
                            .into_any(),
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
    let longer = Choice { range: Range::Last(super::range::Last::Quarter), ..choice.clone() };
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
