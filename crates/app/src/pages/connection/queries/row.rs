//! One statement on one line; opened, all of its text, what fits nowhere else, and its plan.

use common::{
    statements::{ExpensiveStatement, StatementPlan},
    units,
};
use leptos::{ev::SubmitEvent, prelude::*};

use super::{
    super::{detail::Detail, words},
    choice::Choice,
};
use crate::{
    components::{Bar, Button, CodeBlock, IconName, ProblemNotice, Unknown},
    rpc::{self, RpcError},
};

#[component]
pub(super) fn Row(
    detail: Detail,
    statement: ExpensiveStatement,
    choice: Choice,
    /// Whether plans may be asked for on this connection.
    allowed: bool,
    /// Its plan, when it was asked for without JavaScript.
    plan: Option<StatementPlan>,
) -> impl IntoView {
    let share = statement.share_ratio.map(|share| {
        view! {
            <span class="row num"><Bar parts=vec![(share, "bar__active")]/>{format!("{} %", units::percent(share))}</span>
        }
    });
    let wal = match statement.wal_bytes {
        Some(bytes) => units::bytes(bytes).to_string().into_any(),
        None => view! { <Unknown reason=words::why(&statement.unavailable, "wal_bytes")/> }.into_any(),
    };
    let (one_line, text) = match statement.query.clone() {
        Some(text) => (
            view! { <bdi>{common::text::clean(&text, 300)}</bdi> }.into_any(),
            view! { <CodeBlock code=text/> }.into_any(),
        ),
        None => {
            let why = words::why(&statement.unavailable, "query");
            (
                view! { <span class="muted">"Its text is not known"</span> }.into_any(),
                view! { <p class="muted">{why}</p> }.into_any(),
            )
        }
    };
    let opened = plan.is_some();
    let planning = (allowed && statement.query.is_some())
        .then(|| view! { <Plan detail query_id=statement.query_id.clone() choice plan/> });
    view! {
        <tr>
            <td class="sql">
                <details open=opened>
                    <summary class="cut">{one_line}</summary>
                    <div class="queries__open">
                        <p class="small muted">{more(&statement)}</p>
                        {text}
                        {planning}
                    </div>
                </details>
            </td>
            <td class="r num hide-s">{units::count(statement.calls).to_string()}</td>
            <td class="r num">{units::figures(statement.mean_ms)}</td>
            <td class="r num">{words::long_millis(statement.total_ms)}</td>
            <td class="r num hide-m">{units::count(statement.rows).to_string()}</td>
            <td class="r num hide-m" title=hits(&statement)>{units::bytes(statement.shared_read_bytes).to_string()}</td>
            <td class="r num hide-m">{units::bytes(statement.temp_bytes).to_string()}</td>
            <td class="r num hide-m">{wal}</td>
            <td class="hide-s nowrap">{share}</td>
        </tr>
    }
    .into_any()
}

fn hits(statement: &ExpensiveStatement) -> Option<String> {
    statement
        .shared_hit_ratio
        .map(|ratio| format!("{} % of its blocks were in memory", units::percent(ratio)))
}

fn more(statement: &ExpensiveStatement) -> String {
    let mut facts = vec![
        format!(
            "{} {}",
            units::thousands(statement.calls),
            if statement.calls == 1 { "call" } else { "calls" }
        ),
        format!("total {}", words::long_millis(statement.total_ms)),
    ];
    if let Some((min, max)) = statement.min_ms.zip(statement.max_ms) {
        facts.push(format!("from {} to {}", units::millis(min), units::millis(max)));
    }
    facts.push(format!("deviation {}", units::millis(statement.stddev_ms)));
    facts.push(format!("{} rows", units::thousands(statement.rows)));
    facts.push(format!("{} read", units::bytes(statement.shared_read_bytes)));
    facts.extend(hits(statement));
    if statement.temp_bytes > 0 {
        facts.push(format!("{} of temporary files", units::bytes(statement.temp_bytes)));
    }
    if let Some(bytes) = statement.wal_bytes.filter(|bytes| *bytes > 0) {
        facts.push(format!("{} of WAL", units::bytes(bytes)));
    }
    if let Some(user) = &statement.user {
        facts.push(format!("as {user}"));
    }
    facts.join(" · ")
}

/// Asks for the plan; what comes, or why none does, stands below.
#[component]
fn Plan(detail: Detail, query_id: String, choice: Choice, plan: Option<StatementPlan>) -> impl IntoView {
    let id = detail.id;
    let shown = RwSignal::new(plan.map(Ok));
    let ask = Action::new(move |query_id: &String| {
        let query_id = query_id.clone();
        async move {
            let answer = rpc::statements::plan(id, query_id).await.map_err(|RpcError(problem)| problem);
            detail.said.try_set(match &answer {
                Ok(_) => "The plan is there.".to_owned(),
                Err(problem) => problem.to_string(),
            });
            shown.try_set(Some(answer));
        }
    });
    let pending = ask.pending();
    let for_asking = query_id.clone();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if !pending.get_untracked() {
            ask.dispatch(for_asking.clone());
        }
    };
    view! {
        <form class="queries__plan" method="post" action=format!("/connections/{id}/plan") on:submit=submit>
            <input type="hidden" name="query_id" value=query_id/>
            <input type="hidden" name="order_by" value=choice.order_by()/>
            <input type="hidden" name="range" value=choice.range_slug()/>
            <Button label="Plan" icon=IconName::Gauge class="btn--small" busy=pending busy_label="Planning …"/>
            <span class="small muted">"EXPLAIN for any parameters; nothing is run."</span>
        </form>
        {move || shown.get().map(|answer| match answer {
            Ok(plan) => view! { <CodeBlock code=plan.plan/> }.into_any(),
            Err(mut problem) => {
                // The field is one that nobody typed.
                if let Some(field) = problem.fields.pop() {
                    problem.detail = field.message;
                }
                view! { <ProblemNotice problem/> }.into_any()
            }
        })}
    }
    .into_any()
}
