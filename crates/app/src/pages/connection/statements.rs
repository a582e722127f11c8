//! The most expensive statements, or why they are not known and the SQL that mends it.

use common::{
    health::{Statement, Statements},
    units,
};
use leptos::prelude::*;

use super::{
    detail::{AfterReading, Detail},
    frame,
    tabs::Tab,
    words,
};
use crate::{
    clock::utc_minute,
    components::{Bar, CodeBlock, Panel, Skeleton, Unknown},
};

#[component]
pub(super) fn StatementsPanel(detail: Detail) -> impl IntoView {
    let all = move || {
        view! { <a class="link small" href=Tab::Queries.path(detail.id) on:click=move |_| frame::hand_over(detail)>"All statements"</a> }
    };
    view! {
        <Panel id="statements" title="Statements" note=|| "by time spent" actions=all>
            <AfterReading detail fallback=|| view! { <div class="panel__body"><Skeleton lines=4/></div> }>
                {move || detail.health.with(|health| match health {
                    Some(Ok(health)) if health.error.is_none() => {
                        view! { <Found statements=health.statements.clone()/> }.into_any()
                    }
                    Some(Ok(_)) => {
                        view! { <p class="panel__body muted">"Not known while the database cannot be reached."</p> }
                            .into_any()
                    }
                    _ => view! { <p class="panel__body muted">"Not known: there is no health reading."</p> }.into_any(),
                })}
            </AfterReading>
        </Panel>
    }
    .into_any()
}

#[component]
fn Found(statements: Statements) -> impl IntoView {
    if !statements.available {
        let why = statements.reason.as_deref().map_or_else(|| "not known why".to_owned(), words::reason);
        let fix =
            statements.fix_sql.map(|sql| view! { <p>"This mends it:"</p> <CodeBlock code=sql/> }.into_any());
        return view! {
            <div class="panel__body stack stack--tight">
                <p>"Statement statistics are missing: "<bdi>{why}</bdi>"."</p>
                {fix}
            </div>
        }
        .into_any();
    }
    if statements.top.is_empty() {
        return view! { <p class="panel__body muted">"No statement has been counted yet."</p> }.into_any();
    }
    let since = statements.top.iter().find_map(|statement| statement.since);
    let mut foot: Vec<String> = Vec::new();
    foot.extend(since.map(|since| format!("Counted since {}.", utc_minute(since))));
    foot.extend(statements.measured_at.map(|at| format!("Read at {}.", utc_minute(at))));
    let rows =
        statements.top.into_iter().map(|statement| view! { <Row statement/> }.into_any()).collect_view();
    view! {
        <table class="table table--tight table--static statements">
            <caption class="sr">"The most expensive statements"</caption>
            <thead>
                <tr>
                    <th scope="col">"Statement"</th>
                    <th scope="col" class="r hide-s">"Calls"</th>
                    <th scope="col" class="r">"Mean "<span class="unit">"ms"</span></th>
                    <th scope="col" class="r hide-s" aria-sort="descending">"Total"</th>
                    <th scope="col" class="r hide-m">"Hit "<span class="unit">"%"</span></th>
                    <th scope="col" class="hide-m">"Share"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        {(!foot.is_empty()).then(|| view! { <p class="panel__foot">{foot.join(" ")}</p> }.into_any())}
    }
    .into_any()
}

/// One statement on one line; opened, all of it and what fits nowhere else.
#[component]
fn Row(statement: Statement) -> impl IntoView {
    // Where the texts could not be read, the counters stand alone.
    let one_line = match common::text::clean(&statement.query, 300) {
        text if text.is_empty() => "Its text could not be read".to_owned(),
        text => text,
    };
    let share = statement.share_ratio.map(|share| {
        view! {
            <span class="row num"><Bar parts=vec![(share, "bar__active")]/>{format!("{} %", units::percent(share))}</span>
        }
        .into_any()
    });
    view! {
        <tr>
            <td class="sql">
                <details>
                    <summary class="cut"><bdi>{one_line}</bdi></summary>
                    <p class="small muted">{more(&statement)}</p>
                    <CodeBlock code=statement.query/>
                </details>
            </td>
            <td class="r num hide-s">{units::count(statement.calls).to_string()}</td>
            <td class="r num">{units::figures(statement.mean_ms)}</td>
            <td class="r num hide-s">{words::long_millis(statement.total_ms)}</td>
            <td class="r num hide-m">
                {match statement.shared_hit_ratio {
                    Some(ratio) => units::percent(ratio).into_any(),
                    None => view! { <Unknown reason="It asked for no block."/> }.into_any(),
                }}
            </td>
            <td class="hide-m nowrap">{share}</td>
        </tr>
    }
    .into_any()
}

fn more(statement: &Statement) -> String {
    let mut facts = vec![
        format!(
            "{} {}",
            units::thousands(statement.calls),
            if statement.calls == 1 { "call" } else { "calls" }
        ),
        format!("total {}", words::long_millis(statement.total_ms)),
        format!("from {} to {}", units::millis(statement.min_ms), units::millis(statement.max_ms)),
        format!("{} rows", units::thousands(statement.rows)),
        format!("{} read", units::bytes(statement.shared_read_bytes)),
    ];
    if statement.temp_bytes > 0 {
        facts.push(format!("{} of temporary files", units::bytes(statement.temp_bytes)));
    }
    if let Some(user) = &statement.user {
        facts.push(format!("as {user}"));
    }
    facts.join(" · ")
}
