//! The connection that the address of a page names: which it is, reading it, what stands in its place when that fails,
//! and its own address in words.

use common::{Connection, ConnectionId, Problem, ProblemCode, connection::UNDO_WINDOW_S};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::{
    components::{Empty, IconName, ProblemNotice},
    rpc::{self, RpcError},
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

/// `user@host:port/database`, with an IPv6 address in brackets.
pub(super) fn address(connection: &Connection) -> String {
    let Connection { username, host, port, database_name, .. } = connection;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    format!("{username}@{host}:{port}/{database_name}")
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
                    text=format!("It may have been deleted. A deleted connection can be brought back for {UNDO_WINDOW_S} seconds, from the overview.")>
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
