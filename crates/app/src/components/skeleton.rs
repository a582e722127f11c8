//! Grey lines in the size of what comes. They show only after 200 ms (the style sheet waits): quick answers do not flicker.

use leptos::prelude::*;

/// Lines in the place of something that is being fetched.
#[component]
pub fn Skeleton(#[prop(default = 3)] lines: usize) -> impl IntoView {
    view! {
        <div class="skeleton" role="status" aria-label="Loading">
            {(0..lines).map(|_| view! { <div class="skeleton__line"></div> }.into_any()).collect_view()}
        </div>
    }
}
