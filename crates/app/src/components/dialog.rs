//! A question that has to be answered before anything else: only to confirm a loss.

use leptos::{html, prelude::*};

/// A modal `<dialog>`: the browser keeps the focus inside, closes it on Escape and gives the focus back.
#[component]
pub fn Dialog(
    /// Opens and closes it; Escape sets it to false.
    open: RwSignal<bool>,
    /// Unique on the page; the title gets `<id>-title`.
    id: &'static str,
    #[prop(into)] title: Signal<String>,
    children: Children,
) -> impl IntoView {
    let element = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = element.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                let _ = dialog.show_modal();
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog node_ref=element id=id class="dialog" aria-labelledby=format!("{id}-title") on:close=move |_| open.set(false)>
            <h2 id=format!("{id}-title")>{title}</h2>
            {children()}
        </dialog>
    }
}
