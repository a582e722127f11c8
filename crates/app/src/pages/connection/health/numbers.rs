//! Every number of the reading; what is not known says why.

use common::{
    Unavailable,
    health::Metrics,
    units::{self, Quantity},
};
use leptos::prelude::*;

use super::super::server_facts::why;
use crate::components::Panel;

#[component]
pub(super) fn NumbersPanel(metrics: Metrics, unavailable: Unavailable) -> impl IntoView {
    let rows = rows(&metrics)
        .into_iter()
        .map(|(field, label, value)| {
            let value = match value {
                Some(Quantity { number, unit }) => {
                    let unit = (!unit.is_empty()).then(|| view! { " "<span class="unit">{unit}</span> });
                    view! { {number} {unit} }.into_any()
                }
                None => view! { "– "<span class="why">{why(&unavailable, field)}</span> }.into_any(),
            };
            view! { <tr><th scope="row">{label}</th><td class="r">{value}</td></tr> }
        })
        .collect_view();
    view! {
        <Panel id="numbers" title="Numbers">
            <table class="table table--tight table--static numbers">
                <caption class="sr">"The numbers of this reading"</caption>
                <tbody>{rows}</tbody>
            </table>
        </Panel>
    }
    .into_any()
}

/// Field of the API, its name for people, and its value.
fn rows(metrics: &Metrics) -> Vec<(&'static str, &'static str, Option<Quantity>)> {
    let plain = |number: String| Quantity { number, unit: "" };
    let count = |value: Option<i64>| value.map(units::count);
    let span = |seconds: Option<f64>| seconds.map(|seconds| plain(units::span(seconds)));
    let percent =
        |ratio: Option<f64>| ratio.map(|ratio| Quantity { number: units::percent(ratio), unit: "%" });
    let per_s = |bytes: Option<f64>| {
        bytes.map(|bytes| {
            let Quantity { number, unit } = units::bytes(bytes as i64);
            Quantity { number: format!("{number} {unit}"), unit: "/s" }
        })
    };
    let transactions =
        metrics.transactions_per_s.map(|rate| Quantity { number: units::figures(rate), unit: "/s" });
    vec![
        ("transactions_per_s", "Transactions", transactions),
        ("rollback_ratio", "Rolled back", percent(metrics.rollback_ratio)),
        ("cache_hit_ratio", "Cache hit ratio", percent(metrics.cache_hit_ratio)),
        ("active_connections", "Active connections", count(metrics.active_connections)),
        ("idle_connections", "Idle connections", count(metrics.idle_connections)),
        (
            "idle_in_transaction_connections",
            "Idle in transaction",
            count(metrics.idle_in_transaction_connections),
        ),
        ("total_connections", "Connections in all", count(metrics.total_connections)),
        ("max_connections", "Most connections", count(metrics.max_connections)),
        ("reserved_connections", "Reserved of them", count(metrics.reserved_connections)),
        ("waiting_locks", "Waiting for a lock", count(metrics.waiting_locks)),
        ("deadlocks", "Deadlocks", count(metrics.deadlocks)),
        ("longest_transaction_s", "Longest transaction", span(metrics.longest_transaction_s)),
        ("temp_bytes_per_s", "Temporary files", per_s(metrics.temp_bytes_per_s)),
        ("wal_bytes_per_s", "WAL written", per_s(metrics.wal_bytes_per_s)),
        ("replication_lag_s", "Behind the primary", span(metrics.replication_lag_s)),
        ("replication_lag_bytes", "Behind, in bytes", metrics.replication_lag_bytes.map(units::bytes)),
        ("oldest_xid_age", "Oldest transaction id", count(metrics.oldest_xid_age)),
        ("database_size_bytes", "Database size", metrics.database_size_bytes.map(units::bytes)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_api_has_its_row() {
        let fields = serde_json::to_value(Metrics::default()).unwrap();
        let mut shown: Vec<&str> = rows(&Metrics::default()).into_iter().map(|(field, ..)| field).collect();
        shown.sort_unstable();
        let mut all: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        all.sort_unstable();
        assert_eq!(shown, all);
    }
}
