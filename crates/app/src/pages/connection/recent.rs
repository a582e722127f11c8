//! The last checks: a bar for each, and the same as a table.

use common::{Heartbeat, HeartbeatStatus, connection::LatencySummary, units};
use leptos::prelude::*;

use super::detail::Detail;
use crate::{
    Ago, Moment,
    components::{Beats, Millis, Panel, Shape, Tone},
};

#[component]
pub(super) fn RecentPanel(detail: Detail) -> impl IntoView {
    let heartbeats = Memo::new(move |_| detail.connection.with(|connection| connection.heartbeats.clone()));
    let latency = Memo::new(move |_| detail.connection.with(|connection| connection.latency));
    let note = move || heartbeats.with(|heartbeats| passed(heartbeats));
    view! {
        <Panel id="recent" title="Recent checks" note=note actions=move || round_trips(latency.get())>
            {move || view! { <Strip heartbeats=heartbeats.get()/> }.into_any()}
        </Panel>
    }
    .into_any()
}

#[component]
fn Strip(heartbeats: Vec<Heartbeat>) -> impl IntoView {
    let (Some(first), Some(last)) = (heartbeats.first(), heartbeats.last()) else {
        return view! { <p class="panel__body muted">"The first check draws the first bar."</p> }.into_any();
    };
    let (from, to) = (first.at, last.at);
    let statuses: Vec<_> = heartbeats.iter().map(|beat| beat.status).collect();
    view! {
        <div class="panel__body recent">
            <Beats checks=statuses/>
            <div class="recent__ends small muted">
                <Ago at=from suffix=" ago"/>
                {(from != to).then(|| view! { <Ago at=to suffix=" ago"/> }.into_any())}
            </div>
        </div>
        <Table heartbeats/>
    }
    .into_any()
}

fn passed(heartbeats: &[Heartbeat]) -> String {
    let made = heartbeats.iter().filter(|beat| beat.status != HeartbeatStatus::None).count();
    let failed = heartbeats.iter().filter(|beat| beat.status == HeartbeatStatus::Down).count();
    match (made, failed) {
        (0, _) => "none yet".to_owned(),
        (1, 0) => "one, reached".to_owned(),
        (1, _) => "one, failed".to_owned(),
        (made, 0) => format!("{made}, all reached"),
        (made, failed) => format!("{made}, {failed} failed"),
    }
}

fn round_trips(latency: LatencySummary) -> Option<impl IntoView> {
    let (p50, p95) = latency.p50_ms.zip(latency.p95_ms)?;
    Some(view! {
        <span class="small muted">
            {format!("median {}, p95 {} in 24 h", units::millis(p50), units::millis(p95))}
        </span>
    })
}

/// Newest first.
#[component]
fn Table(heartbeats: Vec<Heartbeat>) -> impl IntoView {
    if heartbeats.is_empty() {
        return ().into_any();
    }
    let rows = heartbeats
        .into_iter()
        .rev()
        .map(|beat| {
            let (tone, words) = match beat.status {
                HeartbeatStatus::Up => (Tone::Ok, "Reached"),
                HeartbeatStatus::Degraded => (Tone::Warn, "Reached, degraded"),
                HeartbeatStatus::Down => (Tone::Crit, "Failed"),
                HeartbeatStatus::None => (Tone::Unknown, "Not checked"),
            };
            view! {
                <tr>
                    <td><Moment at=beat.at/></td>
                    <td><span class="row"><Shape tone/>{words}</span></td>
                    <td class="r"><Millis ms=beat.round_trip_ms/></td>
                </tr>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <details class="more">
            <summary>"As a table"</summary>
            <table class="table table--tight table--static">
                <caption class="sr">"Recent checks, the newest first"</caption>
                <thead>
                    <tr><th scope="col">"Time"</th><th scope="col">"Result"</th><th scope="col" class="r">"Round trip"</th></tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </details>
    }
    .into_any()
}
