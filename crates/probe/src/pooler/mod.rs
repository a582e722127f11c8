//! Whether a pooler stands between us and PostgreSQL.
//!
//! PostgreSQL tells its process id at sign-in (BackendKeyData) and again by `pg_backend_pid()`. A pooler shares
//! server sessions, so it makes up the first to route cancels by; then the two differ.

pub(crate) mod console;

use common::{Reason, test_result::Pooler};
use egress::gate::Greeting;

const PGBOUNCER: &str = "pgbouncer";

/// Supabase's, Neon's and others' transaction poolers listen there.
const POOLER_PORT: u16 = 6543;

/// What PgBouncer keeps per client. It puts these after everything that it passes on from the server
/// (`varcache.c`, `add_welcome_parameter`), which no PostgreSQL does.
const PGBOUNCER_LAST: [&str; 5] =
    ["client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"];

/// `backend_pid`: what `pg_backend_pid()` answered; `None` where it could not be asked.
pub(crate) fn recognise(greeting: &Greeting, backend_pid: Option<i32>, port: u16) -> Option<Pooler> {
    let shares = match (greeting.process_id, backend_pid) {
        (Some(told), Some(real)) => told != real,
        (None, Some(_)) => true,
        (_, None) => port == POOLER_PORT,
    };
    shares.then(|| match is_pgbouncer(&greeting.parameters) {
        true => Pooler::of_kind(PGBOUNCER, Reason::new(Reason::NOT_COLLECTED)),
        false => Pooler::of_kind("unknown", Reason::new("only PgBouncer has a console that is read")),
    })
}

fn is_pgbouncer(parameters: &[String]) -> bool {
    let last: Vec<String> = parameters.iter().rev().take(5).map(|name| name.to_lowercase()).collect();
    last.len() == 5 && PGBOUNCER_LAST.iter().all(|name| last.iter().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(process_id: i32, parameters: &[&str]) -> Greeting {
        Greeting {
            heard: true,
            process_id: Some(process_id),
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_server_that_tells_its_own_process_id_is_no_pooler_on_any_port() {
        assert_eq!(recognise(&greeting(7, &["server_version"]), Some(7), 6543), None);
    }

    #[test]
    fn a_made_up_process_id_is_a_pooler() {
        let pooler = recognise(&greeting(7, &["server_version"]), Some(8), 5432).unwrap();
        assert_eq!(pooler.kind, "unknown");
    }

    #[test]
    fn port_6543_counts_as_a_pooler_until_shown_otherwise() {
        assert!(recognise(&greeting(7, &[]), None, 6543).is_some());
        assert!(recognise(&greeting(7, &[]), None, 5432).is_none());
    }
}
