//! Clients that wait for the pooler to lend them a server session: to them the database is slow, and no view of
//! PostgreSQL's shows it.

use common::{Reason, test_result::Pooler};

use super::{Ask, Check, Context, Verdict, check::limits};
use crate::rows::Answer;

pub(super) const CHECK: Check = Check {
    id: "pooler-waiting",
    title: "Waiting for the pooler",
    unit: "s",
    threshold: limits(WARNING_S, CRITICAL_S),
    why: "Who waits for a server session has not even begun: the database looks slow, and nothing in it shows why.",
    docs_url: "https://www.pgbouncer.org/usage.html#show-pools",
    ask: |_| Ask::Nothing,
    judge,
};

const WARNING_S: f64 = 1.0;
const CRITICAL_S: f64 = 10.0;
const WARNING_POINTS: u8 = 10;
const CRITICAL_POINTS: u8 = 25;

/// In PgBouncer's console.
const FIX: &str = "\
-- in PgBouncer's database pgbouncer: who holds the server sessions?
SHOW POOLS;
SHOW SERVERS;";

fn judge(_: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    match &context.test.pooler {
        Some(pooler) if pooler.kind == "pgbouncer" => verdict(pooler),
        Some(_) => Ok(Verdict::skipped("The pooler here is not PgBouncer: its queue cannot be seen.")),
        None => Ok(Verdict::skipped("No pooler was seen between the dashboard and the server.")),
    }
}

fn verdict(pooler: &Pooler) -> Result<Verdict, Reason> {
    let (Some(waiting), Some(longest_s)) = (pooler.clients_waiting, pooler.max_wait_s) else {
        let reason = ["clients_waiting", "max_wait_s"].iter().find_map(|key| pooler.unavailable.get(*key));
        return Err(reason.cloned().unwrap_or_else(|| Reason::new(Reason::NOT_COLLECTED)));
    };
    // The console is read at full connects only.
    let at = pooler.read_at.map(|at| format!(" at {} UTC", at.format("%H:%M:%S"))).unwrap_or_default();
    if waiting <= 0 {
        return Ok(Verdict::ok(0.0, format!("No client waited for a server session{at}.")));
    }
    let clients = if waiting == 1 { "1 client".to_owned() } else { format!("{waiting} clients") };
    let mut detail = format!("{clients} waited for a server session{at}, the first for {longest_s:.1} s");
    if let Some(active) = pooler.server_sessions_active {
        detail.push_str(&format!("; {active} server sessions were lent"));
    }
    if let Some(size) = pooler.default_pool_size {
        detail.push_str(&format!(" (default_pool_size is {size})"));
    }
    detail.push('.');
    if longest_s < WARNING_S {
        return Ok(Verdict::ok(longest_s, detail));
    }
    detail.push_str(
        " Look for long transactions that keep server sessions; then raise default_pool_size, as far as the server's \
         max_connections lets you.",
    );
    let (points, judged): (u8, fn(u8, f64, String) -> Verdict) = match longest_s < CRITICAL_S {
        true => (WARNING_POINTS, Verdict::warning),
        false => (CRITICAL_POINTS, Verdict::critical),
    };
    Ok(judged(points, longest_s, detail).with_fix(FIX))
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn waiting(clients: i64, longest_s: f64) -> Pooler {
        let mut pooler = Pooler::of_kind("pgbouncer", Reason::new("not asked"));
        (pooler.clients_waiting, pooler.max_wait_s) = (Some(clients), Some(longest_s));
        pooler.server_sessions_active = Some(20);
        pooler
    }

    #[test]
    fn a_queue_counts_by_how_long_its_first_has_waited() {
        let of = |clients, longest| verdict(&waiting(clients, longest)).unwrap();
        assert_eq!(of(0, 0.0).status, CheckStatus::Ok);
        assert_eq!(of(9, 0.9).status, CheckStatus::Ok);
        assert_eq!((of(1, 1.0).status, of(1, 1.0).points), (CheckStatus::Warning, 10));
        assert_eq!((of(3, 10.0).status, of(3, 10.0).points), (CheckStatus::Critical, 25));
        let found = of(3, 12.34);
        assert!(found.detail.starts_with("3 clients waited for a server session, the first for 12.3 s;"));
        assert!(found.fix_sql.is_some());
        // What the server says is anything.
        assert_eq!(of(i64::MIN, f64::MAX).status, CheckStatus::Ok);
    }

    #[test]
    fn a_console_that_was_not_read_says_why_and_never_that_nobody_waits() {
        let closed = Pooler::of_kind("pgbouncer", Reason::with_fix("may not", "RELOAD;"));
        assert_eq!(verdict(&closed).unwrap_err(), Reason::with_fix("may not", "RELOAD;"));
    }
}
