//! The last checks as bars: the newest on the right; the worse, the taller; no check is a dot.

use common::HeartbeatStatus;
use leptos::prelude::*;

/// How many bars there is room for.
const PLACES: usize = 30;
/// From one bar to the next, in units of the drawing (180 × 20).
const STEP: usize = 6;

/// The last 30 checks, oldest first in `checks`. One path for each status keeps a long list of rows light.
#[component]
pub fn Beats(checks: Vec<HeartbeatStatus>) -> impl IntoView {
    let newest = &checks[checks.len().saturating_sub(PLACES)..];
    let (up, degraded, down, none) = (
        path(newest, HeartbeatStatus::Up, "6.5V13.5"),
        path(newest, HeartbeatStatus::Degraded, "4.5V15.5"),
        path(newest, HeartbeatStatus::Down, "2V18"),
        dots(PLACES - newest.len()) + &path(newest, HeartbeatStatus::None, "10h.01"),
    );
    let words = in_words(newest);
    view! {
        <span class="beats" role="img" aria-label=words.clone() title=words>
            <svg viewBox="0 0 180 20" preserveAspectRatio="xMaxYMid slice">
                <path d=up></path>
                <path class="beats__warn" d=degraded></path>
                <path class="beats__crit" d=down></path>
                <path class="beats__off" d=none></path>
            </svg>
        </span>
    }
}

fn path(checks: &[HeartbeatStatus], status: HeartbeatStatus, stroke: &str) -> String {
    let first = PLACES - checks.len();
    let of_status = checks.iter().enumerate().filter(|(_, check)| **check == status);
    of_status.map(|(place, _)| format!("M{} {stroke}", STEP / 2 + STEP * (first + place))).collect()
}

/// The places of checks that are still to come.
fn dots(places: usize) -> String {
    (0..places).map(|place| format!("M{} 10h.01", STEP / 2 + STEP * place)).collect()
}

fn in_words(checks: &[HeartbeatStatus]) -> String {
    if checks.iter().all(|check| *check == HeartbeatStatus::None) {
        return "No checks yet".to_owned();
    }
    let count = |status| checks.iter().filter(|check| **check == status).count();
    let parts: Vec<String> = [
        (count(HeartbeatStatus::Up), "ok"),
        (count(HeartbeatStatus::Degraded), "degraded"),
        (count(HeartbeatStatus::Down), "failed"),
        (count(HeartbeatStatus::None), "not made"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    format!("Last {} checks: {}", checks.len(), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_check_stands_at_the_right_edge() {
        let two = [HeartbeatStatus::Up, HeartbeatStatus::Down];
        assert_eq!(path(&two, HeartbeatStatus::Up, "6.5V13.5"), "M171 6.5V13.5");
        assert_eq!(path(&two, HeartbeatStatus::Down, "2V18"), "M177 2V18");
    }

    #[test]
    fn the_bars_are_told_in_words() {
        let some = [HeartbeatStatus::Up, HeartbeatStatus::Up, HeartbeatStatus::Down];
        assert_eq!(in_words(&some), "Last 3 checks: 2 ok, 1 failed");
        assert_eq!(in_words(&[HeartbeatStatus::None]), "No checks yet");
        assert_eq!(in_words(&[]), "No checks yet");
    }
}
