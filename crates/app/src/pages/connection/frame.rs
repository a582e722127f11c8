//! The frame of a connection's pages: head, tabs, and what the last action was refused for.

use std::{cell::RefCell, sync::Arc};

use common::{Connection, ConnectionId, ConnectionStatus, Health, Problem};
use leptos::prelude::*;
use leptos_meta::Title;

use super::{detail::Detail, header::Header, tabs::Tab};
use crate::{
    components::{Notice, ProblemNotice, Skeleton, Tone},
    outcome::FormOutcome,
    pages::named_connection::{LoadFailed, connection_id, load},
    rpc::{self, RpcError},
    wire,
};

/// What a tab shows below its head.
pub(super) type Content = Arc<dyn Fn(Detail) -> AnyView + Send + Sync>;

/// A page of the connection that the address names: `content` in the frame. What a tab loads for itself it begins to
/// load before it calls this: what is made only when the connection is there would be counted in another order in the
/// browser than on the server.
pub(super) fn page(tab: Tab, outcome: Option<FormOutcome>, content: Content) -> AnyView {
    let id = connection_id();
    let connection = wire::load(id, |id| async move {
        match id.and_then(|id| HANDED_OVER.with_borrow_mut(|handed| handed.connection.take_for(id))) {
            Some(connection) => Ok(connection),
            None => load(id).await,
        }
    });
    let first_health = wire::load(id, |id| async move {
        let Some(id) = id else {
            return Err(RpcError(Problem::not_found("There is no such connection.")));
        };
        match HANDED_OVER.with_borrow_mut(|handed| handed.health.take_for(id)) {
            Some(health) => Ok(health),
            None => rpc::health(id, false).await,
        }
    });
    view! {
        <Suspense fallback=|| view! { <Skeleton lines=6/> }>
            {move || {
                let (outcome, content) = (outcome.clone(), content.clone());
                Suspend::new(async move {
                    match connection.await {
                        Ok(connection) => {
                            let detail = Detail::new(tab, connection, first_health, outcome);
                            view! { <Framed detail content/> }.into_any()
                        }
                        Err(RpcError(problem)) => view! { <LoadFailed problem/> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Framed(detail: Detail, content: Content) -> impl IntoView {
    let title = move || {
        detail.connection.with(|connection| {
            let down = if connection.status == ConnectionStatus::Down { "(down) " } else { "" };
            match detail.tab {
                Tab::Overview => format!("{down}{}", connection.name),
                tab => format!("{down}{}: {}", connection.name, tab.label()),
            }
        })
    };
    view! {
        <Title text=title/>
        <p class="sr" role="status">{move || detail.said.get()}</p>
        {move || detail.gone.get().then(|| view! { <Gone/> })}
        <Header detail/>
        {move || detail.problem.get().map(|problem| view! { <ProblemNotice problem/> })}
        {content(detail)}
    }
    .into_any()
}

/// Of a connection that somebody deleted meanwhile: what is shown is how it was.
#[component]
fn Gone() -> impl IntoView {
    view! {
        <div role="alert">
            <Notice tone=Tone::Warn title="This connection was deleted">
                <p>"What stands here is how it was. It is not watched any more."</p>
                <p><a class="btn" href="/">"To the overview"</a></p>
            </Notice>
        </div>
    }
    .into_any()
}

/// From one tab to the next goes what is known, so that the head stays as it is instead of being asked for again.
struct HandedOver {
    connection: Handed<Connection>,
    health: Handed<Health>,
}

/// A value and when it was handed over. Nobody may have come for it (a link that opens another window), so it is good
/// only for the moment after.
struct Handed<T>(Option<(ConnectionId, f64, T)>);

/// Longer than the code of a page takes to come.
const GOOD_FOR_MS: f64 = 3000.0;

thread_local! {
    /// Only ever filled in the browser.
    static HANDED_OVER: RefCell<HandedOver> =
        const { RefCell::new(HandedOver { connection: Handed(None), health: Handed(None) }) };
}

impl<T> Handed<T> {
    fn take_for(&mut self, id: ConnectionId) -> Option<T> {
        let (of, at, value) = self.0.take()?;
        (of == id && js_sys::Date::now() - at < GOOD_FOR_MS).then_some(value)
    }
}

/// Leaves what is known to the tab that a link leads to.
pub(super) fn hand_over(detail: Detail) {
    let now = js_sys::Date::now();
    HANDED_OVER.with_borrow_mut(|handed| {
        handed.connection.0 = Some((detail.id, now, detail.connection.get_untracked()));
        let health = detail.health.get_untracked().and_then(Result::ok);
        handed.health.0 = health.map(|health| (detail.id, now, health));
    });
}
