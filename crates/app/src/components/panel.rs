//! A box with a heading: what a page is divided into.

use leptos::prelude::*;

/// A section with a heading. `note` stands beside it, `actions` at the right end of the head.
#[component]
pub fn Panel(
    /// Unique on the page; the heading gets `<id>-h`.
    id: &'static str,
    #[prop(into)] title: Signal<String>,
    #[prop(optional, into)] note: Option<ViewFn>,
    #[prop(optional, into)] actions: Option<ViewFn>,
    children: Children,
) -> impl IntoView {
    let note = note.map(|note| view! { <span class="small muted">{move || note.run()}</span> }.into_any());
    let actions =
        actions.map(|actions| view! { <div class="row row__end">{move || actions.run()}</div> }.into_any());
    view! {
        <section class="panel" id=id aria-labelledby=format!("{id}-h")>
            <div class="panel__head">
                <h2 id=format!("{id}-h")>{title}</h2>
                {note} {actions}
            </div>
            {children()}
        </section>
    }
}
