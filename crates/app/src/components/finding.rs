//! What needs a person: what it is, why, what to do; in that order, with the SQL to copy.

use common::health::{Finding, Severity};
use leptos::prelude::*;

use super::{CodeBlock, Shape, Tone};
use crate::Ago;

/// One finding, as a list item.
#[component]
pub fn FindingCard(
    finding: Finding,
    /// On the page of its connection: no link to it, and the SQL that mends it.
    #[prop(optional)]
    own_page: bool,
) -> impl IntoView {
    let Finding { connection_id, connection_name, severity, title, detail, fix_sql, docs_url, since, .. } =
        finding;
    let label = match severity {
        Severity::Critical => "Critical",
        Severity::Warning => "Warning",
        Severity::Info => "Note",
    };
    let heading = if own_page {
        title.into_any()
    } else {
        view! { <a href=format!("/connections/{connection_id}")>{title}</a> }.into_any()
    };
    let name = (!own_page).then(|| view! { <span class="cut">{connection_name}</span> " · " });
    let fix = fix_sql.filter(|_| own_page).map(|sql| view! { <CodeBlock code=sql/> });
    let docs = docs_url.filter(|_| own_page).map(|url| {
        view! { <a class="link row__end" href=url rel="external noreferrer">"PostgreSQL's documentation"</a> }
    });
    view! {
        <li class="finding">
            <Shape tone=Tone::from(severity) label=label/>
            <h3>{heading}</h3>
            <p>{detail}</p>
            {fix}
            <div class="row small muted">{name} <Ago at=since/> {docs}</div>
        </li>
    }
}
