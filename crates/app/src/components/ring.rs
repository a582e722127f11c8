//! A health score as a ring that fills, with the number beside it.

use common::{health::HealthStatus, units::fixed};
use leptos::prelude::*;

use super::{Tone, Unknown};

/// Of a circle with radius 6.5.
const CIRCUMFERENCE: f64 = std::f64::consts::TAU * 6.5;

/// The score (0 to 100), or a dash when the database is down or was never asked.
#[component]
pub fn Ring(status: HealthStatus, score: Option<u8>) -> impl IntoView {
    let Some(score) = score else {
        return view! { <Unknown/> }.into_any();
    };
    let arc = format!(
        "{} {}",
        fixed(CIRCUMFERENCE * f64::from(score.min(100)) / 100.0, 1),
        fixed(CIRCUMFERENCE, 1)
    );
    let class = match Tone::from(status) {
        Tone::Ok => "status--ok",
        Tone::Warn => "status--warn",
        Tone::Crit => "status--crit",
        Tone::Off | Tone::Unknown => "status",
    };
    view! {
        <span class="row num">
            <svg class="ring" viewBox="0 0 18 18" aria-hidden="true">
                <circle cx="9" cy="9" r="6.5"></circle>
                <circle
                    class=class
                    cx="9"
                    cy="9"
                    r="6.5"
                    stroke="currentColor"
                    stroke-linecap="round"
                    stroke-dasharray=arc
                    transform="rotate(-90 9 9)"
                ></circle>
            </svg>
            {score}
        </span>
    }
    .into_any()
}
