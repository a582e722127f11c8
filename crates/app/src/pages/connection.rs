//! One connection: can it be reached, how fast, how healthy is it, and what to do about it.
//!
//! The row and the health reading arrive apart, because a reading may have to be taken first. After that every
//! action sets the signals of [`Detail`], so that nothing but what changed is drawn again and the focus stays.

mod detail;
mod header;
mod health;
mod last_test;
mod latency;
mod recent;
mod server_facts;
mod statements;
mod words;

use common::Problem;
use leptos::prelude::*;
use leptos_meta::Title;

use self::{
    detail::Detail, header::Header, health::HealthPanel, last_test::LastTestPanel, latency::LatencyPanel,
    recent::RecentPanel, server_facts::ServerPanel, statements::StatementsPanel,
};
use super::{
    lazy::lazy_page,
    named_connection::{LoadFailed, connection_id, load},
};
use crate::{
    components::{ProblemNotice, Skeleton},
    rpc::{self, RpcError},
    wire,
};

lazy_page! {
    /// `/connections/:id`
    ConnectionPage
}

impl ConnectionPage {
    fn into_view(self) -> AnyView {
        let outcome = self.outcome;
        let id = connection_id();
        let connection = wire::load(id, load);
        let first_health = wire::load(id, |id| async move {
            match id {
                Some(id) => rpc::health(id, false).await,
                None => Err(RpcError(Problem::not_found("There is no such connection."))),
            }
        });
        view! {
            <Suspense fallback=|| view! { <Skeleton lines=6/> }>
                {move || {
                    let outcome = outcome.clone();
                    Suspend::new(async move {
                        match connection.await {
                            Ok(connection) => {
                                let detail = Detail::new(connection, first_health, outcome);
                                view! { <ConnectionView detail/> }.into_any()
                            }
                            Err(RpcError(problem)) => view! { <LoadFailed problem/> }.into_any(),
                        }
                    })
                }}
            </Suspense>
        }
        .into_any()
    }
}

/// The page of a connection that was found.
#[component]
fn ConnectionView(detail: Detail) -> impl IntoView {
    let title = move || detail.connection.with(|connection| connection.name.clone());
    view! {
        <Title text=title/>
        <p class="sr" role="status">{move || detail.said.get()}</p>
        <Header detail/>
        {move || detail.problem.get().map(|problem| view! { <ProblemNotice problem/> }.into_any()).into_any()}
        <div class="cols cols--wide connection__cols">
            <LastTestPanel detail/>
            <div class="stack">
                <HealthPanel detail/>
                <ServerPanel detail/>
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
