//! A statement on one line, as the cell of a list; opened, all of its text and what fits nowhere else.

use common::{statements::ExpensiveStatement, units};
use leptos::prelude::*;

use super::connection::words;
use crate::components::{Bar, CodeBlock, Unknown};

/// The cell. `sub` is a second line below the text, the children stand below everything else when it is open.
#[component]
pub(super) fn StatementCell(
    statement: ExpensiveStatement,
    #[prop(optional)] open: bool,
    #[prop(optional)] sub: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    let facts = facts(&statement);
    let (one_line, text) = match statement.query {
        Some(text) => (
            view! { <bdi>{common::text::clean(&text, 300)}</bdi> }.into_any(),
            view! { <CodeBlock code=text/> }.into_any(),
        ),
        None => (
            view! { <span class="muted">"Its text is not known"</span> }.into_any(),
            view! { <p class="muted">{words::sentence(&words::why(&statement.unavailable, "query"))}"."</p> }
                .into_any(),
        ),
    };
    view! {
        <td class="sql">
            <details open=open>
                <summary><span class="sql__line cut">{one_line}</span>{sub}</summary>
                <div class="queries__open">
                    <p class="small muted">{facts}</p>
                    {text}
                    {children()}
                </div>
            </details>
        </td>
    }
    .into_any()
}

/// Its part of all the time, as a bar and a number.
pub(super) fn share(statement: &ExpensiveStatement) -> AnyView {
    match statement.share_ratio {
        Some(share) => view! {
            <span class="row num"><Bar parts=vec![(share, "bar__active")]/>{format!("{} %", units::percent(share))}</span>
        }
        .into_any(),
        None => view! { <Unknown reason=words::why(&statement.unavailable, "share_ratio")/> }.into_any(),
    }
}

pub(super) fn wal(statement: &ExpensiveStatement) -> AnyView {
    match statement.wal_bytes {
        Some(bytes) => units::bytes(bytes).to_string().into_any(),
        None => view! { <Unknown reason=words::why(&statement.unavailable, "wal_bytes")/> }.into_any(),
    }
}

pub(super) fn hits(statement: &ExpensiveStatement) -> Option<String> {
    statement
        .shared_hit_ratio
        .map(|ratio| format!("{} % of its blocks were in memory", units::percent(ratio)))
}

fn facts(statement: &ExpensiveStatement) -> String {
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
