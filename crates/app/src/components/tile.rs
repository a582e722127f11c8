//! A strip of numbers that matter most.

use leptos::prelude::*;

use super::{Shape, Tone};

/// The strip. Its children are [`Tile`]s.
#[component]
pub fn Tiles(children: Children) -> impl IntoView {
    view! { <div class="tiles">{children()}</div> }
}

/// A number with its name above and a note below. With `href` the tile leads to what it counts.
#[component]
pub fn Tile(
    #[prop(into)] label: String,
    #[prop(optional)] tone: Option<Tone>,
    #[prop(optional, into)] href: Option<String>,
    /// Words that put the number into proportion.
    #[prop(optional, into)]
    note: Option<String>,
    /// The number.
    children: Children,
) -> impl IntoView {
    let inside = view! {
        <span class="tile__label">{tone.map(|tone| view! { <Shape tone/> }.into_any())} {label}</span>
        <span class="tile__value">{children()}</span>
        <span class="tile__note">{note}</span>
    };
    match href {
        Some(href) => view! { <a class="tile" href=href>{inside}</a> }.into_any(),
        None => view! { <div class="tile">{inside}</div> }.into_any(),
    }
}
