//! What needs a person: what it is, and why. What to do, with the SQL to copy, stands on the page of its connection.

use common::health::Severity;
use leptos::prelude::*;

use super::{Shape, Tone};
use crate::{Ago, rpc::overview::Finding};

/// One finding, as a list item.
#[component]
pub fn FindingCard(finding: Finding) -> impl IntoView {
    let Finding { connection_id, connection_name, severity, title, detail, since } = finding;
    let label = match severity {
        Severity::Critical => "Critical",
        Severity::Warning => "Warning",
        Severity::Info => "Note",
    };
    view! {
        <li class="finding">
            <Shape tone=Tone::from(severity) label=label/>
            <h3><a href=format!("/connections/{connection_id}")>{title}</a></h3>
            <p>{detail}</p>
            <div class="row small muted"><span class="cut">{connection_name}</span> " · " <Ago at=since/></div>
        </li>
    }
}
