//! The latency test: one session, `select 1` again and again, each round timed apart.

use common::{
    Latency, Phase,
    test_result::MAX_ROUNDS,
    units::{self, fixed},
};
use leptos::{ev::SubmitEvent, html, prelude::*};

use super::{detail::Detail, words};
use crate::{
    Ago,
    components::{Button, IconName, Millis, Notice, Panel, Tile, Tiles, Tone},
};

#[component]
pub(super) fn LatencyPanel(detail: Detail) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let pending = detail.measure.pending();
    let measure = move |event: SubmitEvent| {
        event.prevent_default();
        let rounds = input.get_untracked().and_then(|input| input.value().trim().parse::<u32>().ok());
        if let Some(rounds) = rounds.filter(|rounds| (1..=MAX_ROUNDS).contains(rounds))
            && !pending.get_untracked()
        {
            detail.measure.dispatch(rounds);
        }
    };
    let note = move || {
        detail.latency.with(|latency| {
            latency.as_ref().map(|latency| view! { <Ago at=latency.checked_at suffix=" ago"/> })
        })
    };
    view! {
        <Panel id="latency" title="Latency test" note=note>
            <div class="panel__body stack latency">
                <form class="row row--wrap" method="post" action=format!("/connections/{}/latency", detail.id) on:submit=measure>
                    <label class="field__label" for="rounds">"Rounds"</label>
                    <input class="input latency__rounds" id="rounds" name="rounds" type="number" inputmode="numeric"
                        min="1" max=MAX_ROUNDS required=true value=detail.rounds.get_value() node_ref=input/>
                    <Button label="Measure" icon=IconName::Gauge busy=pending busy_label="Measuring …"/>
                    <span class="small muted">"One session, "<code>"select 1"</code>" in each round."</span>
                </form>
                {move || detail.latency.get().map(|latency| view! { <Measured latency/> }.into_any()).into_any()}
            </div>
        </Panel>
    }
    .into_any()
}

#[component]
fn Measured(latency: Latency) -> impl IntoView {
    let failed = latency.error.clone().map(|error| {
        view! {
            <Notice tone=Tone::Crit title=error.kind.headline()>
                <p><bdi>{error.message}</bdi></p>
                <p><bdi>{error.hint}</bdi></p>
            </Notice>
        }
        .into_any()
    });
    let numbers = (!latency.rounds_ms.is_empty()).then(|| {
        view! {
            <Tiles>
                <Tile label="Least"><Millis ms=latency.min_ms/></Tile>
                <Tile label="Mean"><Millis ms=latency.avg_ms/></Tile>
                <Tile label="Median"><Millis ms=latency.p50_ms/></Tile>
                <Tile label="p95"><Millis ms=latency.p95_ms/></Tile>
                <Tile label="Most"><Millis ms=latency.max_ms/></Tile>
                <Tile label="Deviation"><Millis ms=latency.stddev_ms/></Tile>
            </Tiles>
            <Rounds rounds=latency.rounds_ms.clone()/>
        }
        .into_any()
    });
    view! {
        {failed}
        {numbers}
        <p class="small muted">{connect_in_words(&latency)}</p>
    }
    .into_any()
}

/// Connecting is no part of the rounds; how long it took is said apart.
fn connect_in_words(latency: &Latency) -> Option<String> {
    let steps: Vec<String> = Phase::ALL
        .into_iter()
        .filter_map(|phase| {
            Some(format!("{} {}", phase.label(), units::millis(latency.connect.phases.get(phase)?)))
        })
        .collect();
    (latency.error.is_none() && !steps.is_empty()).then(|| {
        format!(
            "Connecting before that took {}: {}.",
            words::long_millis(latency.connect.total_ms),
            steps.join(", ")
        )
    })
}

/// A bar for each round, in order; the longest fills the height.
#[component]
fn Rounds(rounds: Vec<f64>) -> impl IntoView {
    let most = rounds.iter().copied().fold(0.0, f64::max);
    let label = format!(
        "{} rounds in order: {}",
        rounds.len(),
        rounds.iter().map(|ms| units::millis(*ms).to_string()).collect::<Vec<_>>().join(", ")
    );
    let bars = bars(&rounds, most)
        .into_iter()
        .zip(rounds)
        .enumerate()
        .map(|(at, ((x, y, width, height), ms))| {
            view! {
                <rect x=fixed(x, 2) y=fixed(y, 2) width=fixed(width, 2) height=fixed(height, 2)>
                    <title>{format!("Round {}: {}", at + 1, units::millis(ms))}</title>
                </rect>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <figure class="rounds">
            <svg class="rounds__bars" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=label>
                {bars}
            </svg>
            <figcaption class="small muted"><span>"Round 1"</span><span>"the highest bar is "<Millis ms=most/></span></figcaption>
        </figure>
    }
    .into_any()
}

/// x, y, width and height of each round in a drawing of 1000 × 100. Few rounds do not become walls.
fn bars(rounds: &[f64], most: f64) -> Vec<(f64, f64, f64, f64)> {
    let step = 1000.0 / rounds.len().max(20) as f64;
    rounds
        .iter()
        .enumerate()
        .map(|(at, ms)| {
            let height = if most > 0.0 { (ms / most * 100.0).clamp(2.0, 100.0) } else { 2.0 };
            (step * at as f64, 100.0 - height, step * 0.7, height)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_round_fills_the_height_and_the_shortest_still_shows() {
        let drawn = bars(&[0.001, 10.0], 10.0);
        assert_eq!(drawn[0].3, 2.0);
        assert_eq!((drawn[1].1, drawn[1].3), (0.0, 100.0));
    }

    #[test]
    fn a_hundred_rounds_fit() {
        let drawn = bars(&[1.0; 100], 1.0);
        assert!(drawn.iter().all(|(x, _, width, _)| x + width <= 1000.0));
    }
}
