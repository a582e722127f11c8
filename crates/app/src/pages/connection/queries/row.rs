//! One statement of the connection; opened, also its plan.

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
    components::{Button, CodeBlock, IconName, ProblemNotice},
    pages::statement_cell::{StatementCell, hits, share, wal},
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
    let open = plan.is_some();
    let planning = (allowed && statement.query.is_some())
        .then(|| view! { <Plan detail query_id=statement.query_id.clone() choice plan/> });
    view! {
        <tr>
            <StatementCell statement=statement.clone() open>{planning}</StatementCell>
            <td class="r num hide-s">{units::count(statement.calls).to_string()}</td>
            <td class="r num">{units::figures(statement.mean_ms)}</td>
            <td class="r num">{words::long_millis(statement.total_ms)}</td>
            <td class="r num hide-m">{units::count(statement.rows).to_string()}</td>
            <td class="r num hide-m" title=hits(&statement)>{units::bytes(statement.shared_read_bytes).to_string()}</td>
            <td class="r num hide-m">{units::bytes(statement.temp_bytes).to_string()}</td>
            <td class="r num hide-m">{wal(&statement)}</td>
            <td class="hide-s nowrap">{share(&statement)}</td>
        </tr>
    }
    .into_any()
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
