//! Where there is nothing: why, and the next step.

use leptos::prelude::*;

use super::{Icon, IconName};

/// Nothing to show. The children are the next step, such as a link that clears a filter.
#[component]
pub fn Empty(
    icon: IconName,
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon/>
            <h2 class="empty__title">{title}</h2>
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
