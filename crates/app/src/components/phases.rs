//! How long each step of reaching a database took: one bar, divided.

use common::{Phase, Phases, units};
use leptos::prelude::*;

use super::Millis;

/// The width of the drawing; the browser stretches it.
const WIDTH: f64 = 1000.0;
const HEIGHT: &str = "14";
const VIEW_BOX: &str = "0 0 1000 14";
/// Between two phases.
const GAP: f64 = 3.0;
/// So that a phase of some microseconds still shows.
const LEAST: f64 = 6.0;

/// A bar of the phases that were reached and a legend with their times. Phases that were not reached, or are no part
/// of this way, are absent from the bar; the legend shows those with a dash.
#[component]
pub fn PhasesBar(phases: Phases) -> impl IntoView {
    let legend = Phase::ALL
        .into_iter()
        .map(|phase| {
            view! {
                <div>
                    <dt class="row">
                        <span class=format!("swatch {}", class(phase))></span>
                        {phase.label()}
                    </dt>
                    <dd>
                        <Millis ms=phases.get(phase)/>
                    </dd>
                </div>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <div class="phases">
            <PhasesStrip phases/>
            <dl class="phases__legend">{legend}</dl>
        </div>
    }
}

/// The bar alone: its times are told to who does not see it.
#[component]
pub fn PhasesStrip(phases: Phases) -> impl IntoView {
    let bars = layout(&phases)
        .into_iter()
        .map(|(phase, x, width)| {
            view! { <rect class=class(phase) x=units::fixed(x, 1) y="0" width=units::fixed(width, 1) height=HEIGHT></rect> }
                .into_any()
        })
        .collect_view();
    view! {
        <svg class="phases__bar" viewBox=VIEW_BOX preserveAspectRatio="none" role="img" aria-label=in_words(&phases)>
            {bars}
        </svg>
    }
}

fn class(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "phase--dns",
        Phase::Tcp => "phase--tcp",
        Phase::Tls => "phase--tls",
        Phase::Auth => "phase--auth",
        Phase::Query => "phase--query",
    }
}

/// Each reached phase with its left edge and width, in proportion to its time.
fn layout(phases: &Phases) -> Vec<(Phase, f64, f64)> {
    let reached: Vec<(Phase, f64)> =
        Phase::ALL.into_iter().filter_map(|phase| Some((phase, phases.get(phase)?.max(0.0)))).collect();
    let total: f64 = reached.iter().map(|(_, ms)| ms).sum();
    let count = reached.len() as f64;
    // What the least widths and the gaps leave is shared by time.
    let shared = WIDTH - count * LEAST - (count - 1.0).max(0.0) * GAP;
    let mut x = 0.0;
    let mut bars = Vec::with_capacity(reached.len());
    for (phase, ms) in reached {
        let part = if total > 0.0 { ms / total } else { 1.0 / count };
        let width = LEAST + shared * part;
        bars.push((phase, x, width));
        x += width + GAP;
    }
    bars
}

/// Each phase that was reached with its time.
pub fn in_words(phases: &Phases) -> String {
    let parts: Vec<String> = Phase::ALL
        .into_iter()
        .filter_map(|phase| Some(format!("{} {}", phase.label(), units::millis(phases.get(phase)?))))
        .collect();
    if parts.is_empty() { "No phase was reached".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_filled_from_edge_to_edge() {
        let phases =
            Phases { tcp_ms: Some(12.0), auth_ms: Some(24.0), query_ms: Some(0.001), ..Phases::default() };
        let bars = layout(&phases);
        let (_, x, width) = bars[2];
        assert_eq!(bars.len(), 3);
        assert!((x + width - WIDTH).abs() < 1e-6);
        assert!(width >= LEAST);
        assert!(bars[1].2 > bars[0].2);
    }

    #[test]
    fn a_held_check_has_no_phases() {
        assert!(layout(&Phases::default()).is_empty());
        assert_eq!(in_words(&Phases::default()), "No phase was reached");
    }

    #[test]
    fn the_bar_is_told_in_words() {
        let phases = Phases { dns_ms: Some(2.4), tcp_ms: Some(31.6), ..Phases::default() };
        assert_eq!(in_words(&phases), "DNS 2.40 ms, TCP 31.6 ms");
    }
}
