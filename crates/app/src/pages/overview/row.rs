//! One connection in the list.

use common::{Connection, ConnectionStatus, units};
use leptos::prelude::*;

use crate::{
    Ago,
    components::{Beats, Ring, StatusShape, Tone, Unknown},
};

#[component]
pub(super) fn Row(connection: Connection) -> impl IntoView {
    let (line, tone) = second_line(&connection);
    let Connection {
        id,
        name,
        status,
        host,
        username,
        region,
        cloud_provider,
        last_check,
        heartbeats,
        latency,
        health,
        ..
    } = connection;
    let target = format!("{username}@{host}");
    let checked = match &last_check {
        Some(check) => view! { <Ago at=check.checked_at/> }.into_any(),
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
                        <span class=tone>{line}</span>
                    </span>
                </div>
            </td>
            <td class="hide-m">
                <Place region cloud_provider/>
            </td>
            <td>
                <Beats heartbeats/>
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

/// What stands below the name, and its colour: why it is down or degraded; otherwise version and host.
fn second_line(connection: &Connection) -> (String, Option<&'static str>) {
    let check = connection.last_check.as_ref();
    match connection.status {
        ConnectionStatus::Down => {
            let why =
                check.and_then(|check| check.error.as_ref()).map_or("Failed", |error| error.kind.headline());
            (why.to_owned(), Some(Tone::Crit.text_class()))
        }
        ConnectionStatus::Degraded => {
            let why = connection.health.as_ref().map(|health| health.headline.clone());
            (why.unwrap_or_else(|| "Needs attention".to_owned()), Some(Tone::Warn.text_class()))
        }
        ConnectionStatus::Up | ConnectionStatus::Paused | ConnectionStatus::Unknown => {
            // `15.18 (Debian 15.18-1)`: where it was built matters only on its own page.
            let version = check
                .and_then(|check| check.server_version.as_deref())
                .and_then(|version| version.split_whitespace().next())
                .map(str::to_owned);
            let pooler = check.and_then(|check| check.pooler.as_ref()).map(|_| "pooler".to_owned());
            let parts: Vec<String> =
                version.into_iter().chain(pooler).chain([connection.host.clone()]).collect();
            (parts.join(" · "), None)
        }
    }
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
            {second.map(|second| view! { <div class="list__place name__sub cut" title=second>{second.clone()}</div> })}
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
