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

use common::{Connection, ConnectionId, Problem, ProblemCode};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_params_map};

pub(super) use self::header::address;
use self::{
    detail::Detail, header::Header, health::HealthPanel, last_test::LastTestPanel, latency::LatencyPanel,
    recent::RecentPanel, server_facts::ServerPanel, statements::StatementsPanel,
};
use crate::{
    components::{Empty, IconName, ProblemNotice, Skeleton},
    outcome::{FormOutcome, use_form_outcome},
    rpc::{self, RpcError},
    wire,
};

/// The id in the address. `None` where it is not a number.
pub(super) fn connection_id() -> impl Fn() -> Option<ConnectionId> + Copy + Send + Sync + 'static {
    let params = use_params_map();
    move || params.with(|params| params.get_str("id").and_then(|id| id.parse().ok()))
}

/// Reads a connection. An address that holds no id names a connection that cannot exist, and is answered by the
/// same 404: ids begin at 1.
pub(super) async fn load(id: Option<ConnectionId>) -> Result<Connection, RpcError> {
    rpc::get_connection(id.unwrap_or(ConnectionId(0))).await
}

/// `/connections/:id`
#[derive(Debug)]
pub struct ConnectionPage {
    outcome: Option<FormOutcome>,
}

#[cfg_attr(feature = "split", leptos_router::lazy_route)]
impl LazyRoute for ConnectionPage {
    fn data() -> Self {
        Self { outcome: use_form_outcome() }
    }

    #[cfg(feature = "split")]
    fn view(this: Self) -> AnyView {
        this.into_view()
    }

    #[cfg(not(feature = "split"))]
    async fn view(this: Self) -> AnyView {
        this.into_view()
    }
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
        {move || detail.problem.get().map(|problem| view! { <ProblemNotice problem/> })}
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

/// In place of a connection that could not be loaded: it does not exist, or its row cannot be read now.
#[component]
pub(super) fn LoadFailed(problem: Problem) -> impl IntoView {
    if problem.code == ProblemCode::NotFound {
        view! {
            <Title text="Not found"/>
            <div class="page__head"><h1>"Not found"</h1></div>
            <div class="panel">
                <Empty icon=IconName::Database title="There is no such connection"
                    text="It may have been deleted. A deleted connection can be brought back for 30 seconds, from the overview.">
                    <a class="btn" href="/">"To the overview"</a>
                </Empty>
            </div>
        }
        .into_any()
    } else {
        view! {
            <Title text="Not loaded"/>
            <div class="page__head"><h1>"The connection could not be loaded"</h1></div>
            <ProblemNotice problem/>
        }
        .into_any()
    }
}
