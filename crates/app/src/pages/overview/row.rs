//! One connection in the list.

use common::{ConnectionStatus, units};
use leptos::prelude::*;

use crate::{
    Ago,
    components::{Beats, Ring, StatusShape, Tone, Unknown},
    rpc::overview::Row,
};

#[component]
pub(super) fn RowOf(row: Row) -> impl IntoView {
    let Row { id, name, status, target, line, region, cloud_provider, checks, latency, health, checked_at } =
        row;
    let checked = match checked_at {
        Some(at) => view! { <Ago at/> }.into_any(),
        None => view! { <Unknown reason="Never checked"/> }.into_any(),
    };
    let score = match health {
        Some(health) => view! { <Ring status=health.status score=health.score/> }.into_any(),
        None => view! { <Unknown reason="Its health was never read"/> }.into_any(),
    };
    view! {
        <tr>
            <td>
                <div class="name">
                    <StatusShape status/>
                    <a class="cut" href=format!("/connections/{id}") title=name dir="auto">{name.clone()}</a>
                    <span class="name__sub cut" title=target dir="auto">
                        <span class=tone(status)>{line}</span>
                    </span>
                </div>
            </td>
            <td class="hide-m">
                <Place region cloud_provider/>
            </td>
            <td>
                <Beats checks/>
            </td>
            <td class="r num hide-s">
                <Figure ms=latency.p50_ms/>
            </td>
            <td class="r num">
                <Figure ms=latency.p95_ms/>
            </td>
            <td class="hide-s">{score}</td>
            <td class="r num muted hide-m">{checked}</td>
        </tr>
    }
}

/// The colour of the line below the name: that of what is wrong.
fn tone(status: ConnectionStatus) -> Option<&'static str> {
    matches!(status, ConnectionStatus::Down | ConnectionStatus::Degraded)
        .then(|| Tone::from(status).text_class())
}

#[component]
fn Place(region: Option<String>, cloud_provider: Option<String>) -> impl IntoView {
    let (first, second) = match (cloud_provider, region) {
        (Some(provider), region) => (Some(provider), region),
        (None, region) => (region, None),
    };
    match first {
        Some(first) => view! {
            <div class="list__place cut" title=first>{first.clone()}</div>
            {second.map(|second| view! { <div class="list__place name__sub cut" title=second>{second.clone()}</div> }.into_any())}
        }
        .into_any(),
        None => view! { <Unknown reason="No region is given"/> }.into_any(),
    }
}

/// Milliseconds without the unit, which stands in the head.
#[component]
fn Figure(ms: Option<f64>) -> impl IntoView {
    match ms {
        Some(ms) => units::figures(ms).into_any(),
        None => view! { <Unknown reason="No check in the last 24 h succeeded"/> }.into_any(),
    }
}
