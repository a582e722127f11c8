//! Which statements are kept of an interval: the most expensive by each order, never all.

use std::collections::HashSet;

use common::statements::{StatementCost, StatementKey, StatementOrder};

/// By each order.
const KEPT: usize = 50;

/// The union of the most expensive by each order, those with the most time first.
pub(super) fn most_expensive(
    mut statements: Vec<(StatementKey, StatementCost)>,
) -> Vec<(StatementKey, StatementCost)> {
    let mut kept: HashSet<StatementKey> = HashSet::new();
    let by = |order| {
        move |(_, one): &(StatementKey, StatementCost), (_, other): &(StatementKey, StatementCost)| {
            measure(order, other).total_cmp(&measure(order, one))
        }
    };
    for order in StatementOrder::ALL {
        statements.sort_by(by(order));
        let most = statements.iter().take(KEPT).filter(|(_, cost)| measure(order, cost) > 0.0);
        kept.extend(most.map(|(key, _)| *key));
    }
    statements.retain(|(key, _)| kept.contains(key));
    statements.sort_by(by(StatementOrder::Total));
    statements
}

fn measure(order: StatementOrder, cost: &StatementCost) -> f64 {
    match order {
        StatementOrder::Total => cost.total_ms,
        StatementOrder::Mean => cost.total_ms / cost.calls as f64,
        StatementOrder::Calls => cost.calls as f64,
        StatementOrder::Rows => cost.rows as f64,
        StatementOrder::Blocks => cost.shared_hit_bytes as f64 + cost.shared_read_bytes as f64,
        StatementOrder::Temp => cost.temp_bytes as f64,
        StatementOrder::Wal => cost.wal_bytes.unwrap_or(0) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads_in_any_order_is_kept_and_the_rest_is_not() {
        let key = |query_id| StatementKey { database_oid: 5, user_oid: 10, query_id, toplevel: true };
        let dull = StatementCost { calls: 1, total_ms: 1.0, ..StatementCost::default() };
        let mut all: Vec<_> = (0..5000)
            .map(|id| (key(id), StatementCost { total_ms: 1e6 - id as f64, calls: 100, ..dull }))
            .collect();
        let leaders = [
            StatementCost { total_ms: 0.5, calls: 2, rows: 1 << 40, ..dull },
            StatementCost { total_ms: 0.5, calls: 1 << 40, ..dull },
            StatementCost { total_ms: 0.5, calls: 2, temp_bytes: 1, ..dull },
            StatementCost { total_ms: 0.5, calls: 2, wal_bytes: Some(1), ..dull },
            StatementCost { total_ms: 0.5, calls: 2, shared_read_bytes: 1, ..dull },
            StatementCost { total_ms: 1e5, calls: 1, ..dull },
        ];
        all.extend((9000..).map(key).zip(leaders));
        let kept = most_expensive(all);
        for id in (0..50).chain(9000..9006) {
            assert!(kept.iter().any(|(key, _)| key.query_id == id), "{id}");
        }
        assert!(kept.len() <= 7 * KEPT, "{}", kept.len());
        assert!(kept.is_sorted_by(|(_, one), (_, other)| one.total_ms >= other.total_ms));
    }
}
