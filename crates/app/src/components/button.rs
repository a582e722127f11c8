//! A button that says when it is at work.

use leptos::prelude::*;

use super::{Icon, IconName};

/// A button of a form (`kind` `submit`, the default) or of the page (`button` with a `on:click` on the component).
///
/// While `busy` it shows `busy_label` and ignores presses, but keeps its place and the focus.
#[component]
pub fn Button(
    #[prop(into)] label: String,
    #[prop(optional)] icon: Option<IconName>,
    /// More classes: `btn--fill`, `btn--danger`, `btn--quiet`, `btn--small`.
    #[prop(optional)]
    class: &'static str,
    #[prop(default = "submit")] kind: &'static str,
    #[prop(optional, into)] busy: Signal<bool>,
    /// Such as "Testing…".
    #[prop(optional, into)]
    busy_label: Option<String>,
) -> impl IntoView {
    let busy_label = busy_label.unwrap_or_else(|| label.clone());
    let words = move || if busy.get() { busy_label.clone() } else { label.clone() };
    let refuse_while_busy = move |event: leptos::ev::MouseEvent| {
        if busy.get_untracked() {
            event.prevent_default();
            event.stop_immediate_propagation();
        }
    };
    view! {
        <button
            type=kind
            class=format!("btn {class}")
            aria-disabled=move || busy.get().then_some("true")
            on:click:capture=refuse_while_busy
        >
            {icon.map(|name| view! { <Icon name/> }.into_any())}
            <span>{move || words()}</span>
        </button>
    }
}
