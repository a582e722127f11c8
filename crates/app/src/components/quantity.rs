//! Numbers with their unit set small, and the dash for what is not known.

use common::units::{self, Quantity};
use leptos::prelude::*;

/// A value that is not known. The reason should stand beside it; as a `title` it is at least one hover away.
#[component]
pub fn Unknown(#[prop(optional, into)] reason: Option<String>) -> impl IntoView {
    view! { <span class="muted" title=reason>"–"</span> }
}

fn shown(quantity: Option<Quantity>) -> AnyView {
    match quantity {
        Some(Quantity { number, unit: "" }) => view! { <span class="num">{number}</span> }.into_any(),
        Some(Quantity { number, unit }) => {
            view! { <span class="num">{number} " " <span class="unit">{unit}</span></span> }.into_any()
        }
        None => view! { <Unknown/> }.into_any(),
    }
}

/// Milliseconds, or a dash.
#[component]
pub fn Millis(#[prop(into)] ms: Option<f64>) -> impl IntoView {
    shown(ms.map(units::millis))
}
