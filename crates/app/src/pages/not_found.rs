//! No such page: status 404, and the way back.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::{Empty, IconName};

#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found"/>
        <div class="page__head">
            <h1>"Not found"</h1>
        </div>
        <div class="panel">
            <Empty
                icon=IconName::Search
                title="There is no such page"
                text="The address may be mistyped, or what it showed has been deleted."
            >
                <a class="btn" href="/">"To the overview"</a>
            </Empty>
        </div>
    }
    .into_any()
}
