//! All connections in a few numbers.

use common::database::{ConnectionCounts, FindingCounts};
use leptos::prelude::*;

use crate::{
    components::{Millis, Tile, Tiles, Tone, Unknown},
    rpc::overview::Numbers,
};

#[component]
pub(super) fn SummaryTiles(numbers: Memo<Option<Numbers>>) -> impl IntoView {
    // Why it failed stands where the list would be.
    view! { {move || numbers.get().map(|summary| view! { <NumberTiles summary/> }.into_any()).into_any()} }
}

#[component]
fn NumberTiles(summary: Numbers) -> impl IntoView {
    let Numbers { connections, latency_ms, findings, .. } = summary;
    let median = match latency_ms.p50 {
        Some(ms) => format!("median {}", common::units::millis(ms)),
        None => "no check in the last 24 h".to_owned(),
    };
    view! {
        <Tiles>
            <Tile label="Up" tone=Tone::Ok href="/?status=up" note=of_all(&connections)>
                {connections.up}
            </Tile>
            <Tile label="Degraded" tone=Tone::Warn href="/?status=degraded" note="up, but not well">
                {connections.degraded}
            </Tile>
            <Tile label="Down" tone=Tone::Crit href="/?status=down" note="the last check failed">
                {connections.down}
            </Tile>
            <Tile label="Latency p95" note=median>
                {match latency_ms.p95 {
                    Some(ms) => view! { <Millis ms=ms/> }.into_any(),
                    None => view! { <Unknown/> }.into_any(),
                }}
            </Tile>
            <Tile label="Findings" href="#findings" note=by_severity(findings)>
                {findings.critical + findings.warning}
            </Tile>
        </Tiles>
    }
}

fn of_all(counts: &ConnectionCounts) -> String {
    let mut words = format!("of {}", counts.total);
    for (count, word) in [(counts.paused, "paused"), (counts.unknown, "not checked")] {
        if count > 0 {
            words.push_str(&format!(", {count} {word}"));
        }
    }
    words
}

fn by_severity(counts: FindingCounts) -> String {
    let warnings =
        if counts.warning == 1 { "1 warning".to_owned() } else { format!("{} warnings", counts.warning) };
    match (counts.critical, counts.warning) {
        (0, 0) => "nothing needs you".to_owned(),
        (0, _) => warnings,
        (critical, 0) => format!("{critical} critical"),
        (critical, _) => format!("{critical} critical, {warnings}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_only_what_there_is() {
        assert_eq!(by_severity(FindingCounts { critical: 0, warning: 0 }), "nothing needs you");
        assert_eq!(by_severity(FindingCounts { critical: 2, warning: 1 }), "2 critical, 1 warning");
        let counts = ConnectionCounts { total: 14, paused: 1, ..ConnectionCounts::default() };
        assert_eq!(of_all(&counts), "of 14, 1 paused");
    }
}
