//! Asking monitored databases.

mod connect;
mod health;
mod open_loop;
mod select_1;

use common::{ConnectionId, SslMode};
use probe::Target;
use testkit::Cluster;

/// Measures one thing, prints it, and answers whether its numbers were reached.
type Part = fn() -> bool;

/// Runs the parts that are asked for, and answers whether every number was reached.
pub(crate) fn run(parts: &[String]) -> bool {
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()));
    let all: [(&str, Part); 4] = [
        ("select-1", select_1::run),
        ("connect", connect::run),
        ("health", health::run),
        ("open-loop", open_loop::run),
    ];
    let mut reached = true;
    for (_, part) in all.iter().filter(|(name, _)| wanted(name)) {
        reached &= part();
    }
    reached
}

/// The cluster as the dashboard sees it.
fn target(cluster: &Cluster, ssl_mode: SslMode, ca: Option<String>) -> Target {
    Target {
        connection_id: ConnectionId(1),
        host: cluster.host().to_owned(),
        port: cluster.port(),
        database_name: "postgres".to_owned(),
        username: cluster.user().to_owned(),
        password: Some(cluster.password().into()),
        password_since: None,
        ssl_mode,
        ssl_root_cert: ca,
    }
}

/// One thread, as pgbench has with `-j 1`.
fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}
