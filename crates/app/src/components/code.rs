//! Text to copy: SQL that mends something, an address.

use std::time::Duration;

use leptos::prelude::*;

use super::{Icon, IconName};

/// Code as it can be run, with a button that copies it.
#[component]
pub fn CodeBlock(#[prop(into)] code: String) -> impl IntoView {
    view! {
        <div class="code">
            <pre><code>{code.clone()}</code></pre>
            <CopyButton text=code label="Copy the SQL"/>
        </div>
    }
}

/// Copies a text. It shows once the page is awake: it can do nothing before.
#[component]
pub fn CopyButton(
    #[prop(into)] text: Signal<String>,
    /// What it does, for screen readers and as the tip: "Copy the address".
    label: &'static str,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        if copy_to_clipboard(&text.get_untracked()) {
            copied.set(true);
            set_timeout(move || _ = copied.try_set(false), Duration::from_secs(2));
        }
    };
    view! {
        <button
            type="button"
            class="btn btn--icon btn--quiet btn--small js-only"
            aria-label=move || if copied.get() { "Copied" } else { label }
            title=label
            on:click=copy
        >
            {move || view! { <Icon name=if copied.get() { IconName::Check } else { IconName::Copy }/> }.into_any()}
        </button>
    }
}

/// Browsers offer the clipboard only to pages from this machine or over TLS.
fn copy_to_clipboard(text: &str) -> bool {
    let navigator = window().navigator();
    let offered = js_sys::Reflect::get(&navigator, &"clipboard".into())
        .is_ok_and(|clipboard| !clipboard.is_undefined());
    if offered {
        let _ = navigator.clipboard().write_text(text);
    }
    offered
}
