//! Small labels: a fact with its meaning in colour.

use leptos::prelude::*;

use super::{Icon, IconName, Tone};

/// A fact in a few words, such as "TLS 1.3, verified". With a `tone` it is coloured; the words must say the same.
#[component]
pub fn Badge(
    #[prop(optional)] tone: Option<Tone>,
    #[prop(optional)] icon: Option<IconName>,
    children: Children,
) -> impl IntoView {
    view! {
        <span class=tone.map_or("badge", Tone::badge_class)>
            {icon.map(|name| view! { <Icon name/> }.into_any())} {children()}
        </span>
    }
}
