//! All connections in a few numbers.

use common::{
    database::{ConnectionCounts, FindingCounts},
    units,
};
use leptos::prelude::*;

use crate::{
    components::{Millis, Tile, Tiles, Tone, Unknown},
    rpc::overview::{Availability, Numbers},
};

#[component]
pub(super) fn SummaryTiles(numbers: Memo<Option<Numbers>>) -> impl IntoView {
    // Why it failed stands where the list would be.
    view! { {move || numbers.get().map(|summary| view! { <NumberTiles summary/> }.into_any()).into_any()} }
}

#[component]
fn NumberTiles(summary: Numbers) -> impl IntoView {
    let Numbers { connections, availability, latency_ms, findings, .. } = summary;
    let median = match latency_ms.p50 {
        Some(ms) => format!("median {}", units::millis(ms)),
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
            <Tile label="Availability" note=longer(availability)>
                {match availability.day {
                    Some(ratio) => view! { {units::percent(ratio)} " " <span class="unit">"%"</span> }.into_any(),
                    None => view! { <Unknown/> }.into_any(),
                }}
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

/// What stands below the last 24 h.
fn longer(Availability { day, week, month }: Availability) -> String {
    let told = |ratio: Option<f64>, span| Some(format!("{} % in {span}", units::percent(ratio?)));
    let longer: Vec<String> = [told(week, "7 d"), told(month, "30 d")].into_iter().flatten().collect();
    match (day, longer.is_empty()) {
        (_, false) => longer.join(", "),
        (Some(_), true) => "of the checks in 24 h".to_owned(),
        (None, true) => "not known yet".to_owned(),
    }
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
    fn availability_says_how_long_it_looks_back_and_never_guesses() {
        let none = Availability { day: None, week: None, month: None };
        assert_eq!(longer(none), "not known yet");
        assert_eq!(longer(Availability { day: Some(1.0), ..none }), "of the checks in 24 h");
        let all = Availability { day: Some(1.0), week: Some(0.9997), month: Some(0.998) };
        assert_eq!(longer(all), "99.97 % in 7 d, 99.8 % in 30 d");
    }

    #[test]
    fn notes_say_only_what_there_is() {
        assert_eq!(by_severity(FindingCounts { critical: 0, warning: 0 }), "nothing needs you");
        assert_eq!(by_severity(FindingCounts { critical: 2, warning: 1 }), "2 critical, 1 warning");
        let counts = ConnectionCounts { total: 14, paused: 1, ..ConnectionCounts::default() };
        assert_eq!(of_all(&counts), "of 14, 1 paused");
    }
}
