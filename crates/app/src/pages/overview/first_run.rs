//! The first visit: nothing is there yet, and the one step that changes that.

use leptos::prelude::*;

use crate::components::{Icon, IconName};

#[component]
pub(super) fn FirstRun() -> impl IntoView {
    view! {
        <div class="page__head">
            <h1>"Overview"</h1>
        </div>
        <section class="panel" aria-labelledby="first-h">
            <div class="empty">
                <svg class="empty__drawing" viewBox="0 0 160 64" aria-hidden="true">
                    <path class="empty__pulse" d="M2 34h34l7-20 12 40 9-26 5 6h9"></path>
                    <ellipse cx="106" cy="16" rx="20" ry="6"></ellipse>
                    <path d="M86 16v32c0 3.3 9 6 20 6s20-2.7 20-6V16M86 32c0 3.3 9 6 20 6s20-2.7 20-6"></path>
                    <path d="M134 34h24" stroke-dasharray="2 5"></path>
                </svg>
                <h2 id="first-h" class="empty__title">"Add your first database"</h2>
                <p>
                    "It is tested at once, step by step. You see how fast it answers, whether it is healthy, and what to do when it is not. Read access is enough."
                </p>
                <a class="btn btn--fill" href="/connections/new">
                    <Icon name=IconName::Plus/>
                    "Add connection"
                </a>
            </div>
        </section>
    }
}
