//! What the database spends its time on: statements in any order, over any range, each with its text, its numbers and,
//! where the connection allows it, its plan.

mod choice;
mod row;

use std::sync::Arc;

use common::{
    ConnectionId,
    event::EventKind,
    statements::{StatementPlan, StatementSource, StatementsPage, StatementsQuery},
    units,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use self::{
    choice::{Choice, Choices, Heads},
    row::Row,
};
use super::{
    detail::Detail,
    frame,
    health::{CheckNow, ReadAt},
    tabs::Tab,
    words,
};
use crate::{
    Moment,
    components::{CodeBlock, Empty, IconName, Notice, Panel, ProblemNotice, Skeleton, Tone},
    live::{Soon, use_live},
    pages::{lazy::lazy_page, named_connection::connection_id},
    rpc::{self, RpcError},
    use_now, wire,
};

/// Statements are kept a moment after the reading that they belong to.
const AFTER_A_READING_MS: f64 = 500.0;
/// How many statements the page shows.
const MOST: u32 = 100;

type Answer = Result<StatementsPage, RpcError>;

lazy_page! {
    /// `/connections/:id/queries`
    QueriesPage
}

impl QueriesPage {
    fn into_view(self) -> AnyView {
        let (id, query, now) = (connection_id(), use_query_map(), use_now());
        let choice = Memo::new(move |_| query.with(Choice::of_address));
        // How many readings this page took: each may have counted more.
        let readings = RwSignal::new(0_u32);
        let statements = wire::load(
            move || (id(), choice.get(), readings.get()),
            move |(id, choice, _)| {
                rpc::statements::statements(StatementsQuery {
                    // The frame says that there is no such connection.
                    connection_ids: vec![id.unwrap_or(ConnectionId(0))],
                    from: choice.range.begins_at(now.get_untracked()),
                    to: None,
                    order_by: choice.order,
                    limit: Some(MOST),
                })
            },
        );
        let plan = self.outcome.as_ref().and_then(|outcome| outcome.plan.clone());
        let content = move |detail| {
            let plan = plan.clone();
            view! { <QueriesTab detail choice=choice statements readings plan/> }.into_any()
        };
        frame::page(Tab::Queries, self.outcome, Arc::new(content))
    }
}

#[component]
fn QueriesTab(
    detail: Detail,
    choice: Memo<Choice>,
    statements: wire::Loaded<Answer>,
    readings: RwSignal<u32>,
    /// What was asked for without JavaScript.
    plan: Option<StatementPlan>,
) -> impl IntoView {
    Effect::new(move |_| {
        if detail.check.value().with(Option::is_some) {
            readings.update(|readings| *readings += 1);
        }
    });
    // A statement that somebody has opened to read would close under his eyes.
    let again = Soon::new(move || async move {
        if document().query_selector("#queries details[open]").is_ok_and(|open| open.is_none()) {
            readings.try_update(|readings| *readings += 1);
        }
    });
    use_live().on(move |event| {
        if matches!(event.kind, EventKind::Health | EventKind::Resync) && event.is_of(detail.id) {
            again.ask(AFTER_A_READING_MS);
        }
    });
    let plan = StoredValue::new(plan);
    let actions = move || view! { <CheckNow detail/> };
    let note = move || view! { "counted until the last reading, "<ReadAt detail/> };
    view! {
        <Panel id="queries" title="Statements" note=note actions=actions>
            <Choices id=detail.id choice/>
            <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=8/></div> }>
                {move || Suspend::new(async move {
                    match statements.await {
                        Ok(page) => view! { <Found detail choice=choice.get_untracked() page plan=plan.get_value()/> }.into_any(),
                        Err(RpcError(problem)) => {
                            view! { <div class="panel__body"><ProblemNotice problem/></div> }.into_any()
                        }
                    }
                })}
            </Transition>
        </Panel>
    }
    .into_any()
}

#[component]
fn Found(detail: Detail, choice: Choice, page: StatementsPage, plan: Option<StatementPlan>) -> impl IntoView {
    let StatementsPage { items, total, sources, .. } = page;
    let missing = sources
        .into_iter()
        .filter(|source| !source.available)
        .map(|source| view! { <NotCounted source/> })
        .collect_view();
    let counted_here = missing.is_empty();
    if items.is_empty() {
        let nothing = counted_here.then(|| {
            view! {
                <Empty icon=IconName::Clock title="Nothing was counted in this range"
                    text="Statements are counted between two readings of the health. “Check now” takes one; a longer range may hold more."/>
            }
        });
        return view! { {missing} {nothing} }.into_any();
    }
    let shown = items.len() as u64;
    let since = items.iter().filter_map(|statement| statement.since).min();
    let allowed = detail.connection.with_untracked(|connection| connection.allow_statements);
    let rows = items
        .into_iter()
        .map(|statement| {
            let plan = plan.clone().filter(|plan| plan.query_id == statement.query_id);
            view! { <Row detail statement choice allowed plan/> }
        })
        .collect_view();
    let how_many = match total {
        total if total > shown => format!("The first {shown} of {}.", units::thousands(total as i64)),
        1 => "One statement.".to_owned(),
        total => format!("{total} statements."),
    };
    let since = since.map(|since| view! { " Counted since "<Moment at=since/>"." });
    let hint = (!allowed).then(|| {
        view! {
            " Plans are off for this connection; they can be allowed under "
            <a href=format!("/connections/{}/edit", detail.id)>"Settings"</a>", Advanced."
        }
    });
    view! {
        {missing}
        <table class="table table--tight statements queries">
            <caption class="sr">"The most expensive statements"</caption>
            <Heads id=detail.id choice/>
            <tbody>{rows}</tbody>
        </table>
        <p class="panel__foot">{how_many}{since}{hint}</p>
    }
    .into_any()
}

/// Why statements cannot be read here, and what mends it.
#[component]
fn NotCounted(source: StatementSource) -> impl IntoView {
    let why = source.reason.as_deref().map_or_else(|| "It is not known why".to_owned(), words::sentence);
    view! {
        <div class="panel__body">
            <Notice tone=Tone::Warn title="Statements are not counted here">
                <p><bdi>{why}</bdi>"."</p>
                {source.fix_sql.map(|sql| view! { <p>"This mends it:"</p> <CodeBlock code=sql/> })}
            </Notice>
        </div>
    }
    .into_any()
}
