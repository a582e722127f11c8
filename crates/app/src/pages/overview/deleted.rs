//! After a deletion: the way back, for as long as there is one.

use std::time::Duration;

use common::{ConnectionId, connection::UNDO_WINDOW_S};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{Overview, filter::Filter};
use crate::{
    components::{Toasts, Tone, Undo},
    rpc::{RpcError, overview as rpc},
};

/// How long a deletion can be undone.
const GRACE: Duration = Duration::from_secs(UNDO_WINDOW_S as u64);

/// Shows when the address names what was deleted (`?deleted=7`).
#[component]
pub(super) fn DeletedNotice(overview: Overview) -> impl IntoView {
    let query = use_query_map();
    let deleted = Memo::new(move |_| {
        query.with(|query| query.get_str("deleted").and_then(|id| id.parse::<ConnectionId>().ok()))
    });
    let navigate = use_navigate();
    let forget = move || {
        let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
        navigate(&overview.filter.with_untracked(Filter::href), options);
    };
    let forget = StoredValue::new(forget);
    let close = Callback::new(move |()| forget.with_value(|forget| forget()));

    Effect::new(move |_| {
        let Some(id) = deleted.get() else { return };
        let expire = move || {
            if deleted.try_get_untracked().flatten() == Some(id) {
                close.run(());
            }
        };
        if let Ok(timeout) = set_timeout_with_handle(expire, GRACE) {
            on_cleanup(move || timeout.clear());
        }
    });

    let toasts = Toasts::of_page();
    let undo = Callback::new(move |id: ConnectionId| {
        spawn_local(async move {
            match rpc::restore_connection(id).await {
                Ok(name) => toasts.say(Tone::Ok, format!("{name} is back")),
                Err(RpcError(problem)) => toasts.say_problem(&problem),
            }
            close.run(());
            overview.reload();
        });
    });
    view! { {move || deleted.get().map(|id| view! { <Undo id on_undo=undo on_close=close/> }.into_any()).into_any()} }
}
