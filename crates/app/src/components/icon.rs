//! Drawings from the icon family, put into the page itself. `build.rs` makes [`IconName`].

use leptos::prelude::*;

include!(concat!(env!("OUT_DIR"), "/icons.rs"));

/// An icon beside words, or inside a button that has a label: it says nothing to a screen reader.
#[component]
pub fn Icon(name: IconName) -> impl IntoView {
    view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" inner_html=name.drawing()></svg> }
}

/// The dashboard's mark.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg
            class="logo"
            width="24"
            height="24"
            viewBox="0 0 24 24"
            fill="none"
            stroke="currentColor"
            stroke-width="1.75"
            stroke-linecap="round"
            stroke-linejoin="round"
            aria-hidden="true"
        >
            <path d="M4 7.5C4 5 7.6 3.5 12 3.5S20 5 20 7.5v9c0 2.5-3.6 4-8 4s-8-1.5-8-4z"></path>
            <path d="M4.5 12.5h4l2-4.5 3 8 2-3.5h4"></path>
        </svg>
    }
}
