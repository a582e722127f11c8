//! One connection, in tabs: can it be reached, how healthy is it, what does it spend its time on, what does it bear, what
//! changed, and what to do about it.
//!
//! Each tab is a page of its own with the same frame around it. The row and the health reading arrive apart, because a
//! reading may have to be taken first. After that every action sets the signals of [`detail::Detail`], so that nothing
//! but what changed is drawn again and the focus stays.

mod changes;
mod detail;
mod frame;
mod header;
mod health;
mod last_test;
mod latency;
mod latency_history;
mod load;
mod pooler;
mod queries;
mod recent;
mod server_facts;
mod statements;
mod tabs;
pub(super) mod words;

pub use self::{
    changes::ChangesPage, health::HealthPage, latency_history::LatencyPage, load::LoadPage,
    queries::QueriesPage,
};

use std::sync::Arc;

use leptos::prelude::*;

use self::{
    changes::ChangesPanel, detail::Detail, health::HealthPanel, last_test::LastTestPanel,
    latency::LatencyPanel, recent::RecentPanel, server_facts::ServerPanel, statements::StatementsPanel,
    tabs::Tab,
};
use super::lazy::lazy_page;

lazy_page! {
    /// `/connections/:id`
    ConnectionPage
}

impl ConnectionPage {
    fn into_view(self) -> AnyView {
        let newest = changes::load_newest();
        let content = move |detail| view! { <Overview detail newest/> }.into_any();
        frame::page(Tab::Overview, self.outcome, Arc::new(content))
    }
}

/// What there is to know at a glance.
#[component]
fn Overview(detail: Detail, newest: changes::Newest) -> impl IntoView {
    view! {
        <div class="cols cols--wide connection__cols">
            <LastTestPanel detail/>
            <div class="stack">
                <HealthPanel detail/>
                <ServerPanel detail/>
                <ChangesPanel detail newest/>
            </div>
            <div class="stack">
                <RecentPanel detail/>
                <LatencyPanel detail/>
                <StatementsPanel detail/>
            </div>
        </div>
    }
    .into_any()
}
