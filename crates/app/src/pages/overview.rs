//! The overview.
use leptos::prelude::*;
#[component]
pub fn OverviewPage() -> impl IntoView {
    view! { <h1>"Overview"</h1> }.into_any()
}
