//! Every number of the health over time, as small charts under one another's range and cross-hair.

use std::sync::Arc;

use charts::{Chart, Kind};
use common::{
    ConnectionId,
    event::EventKind,
    history::{ChartData, ChartQuery},
};
use leptos::prelude::*;

use super::super::{detail::Detail, tabs::Tab};
use crate::{
    components::{Charts, PageRange, Panel, RangePicker, SmallChart, TimeRange},
    live::{Soon, use_live},
    pages::named_connection::connection_id,
    rpc::{self, RpcError},
    use_now, wire,
};

/// Points of a line: small charts have few pixels.
const POINTS: u32 = 240;

/// Id on the page, title, and what is drawn.
const CHARTS: [(&str, &str, Kind); 14] = [
    (
        "chart-sessions",
        "Sessions",
        Kind::Layers(&[
            ("active_connections", "Active"),
            ("idle_in_transaction_connections", "Idle in transaction"),
            ("idle_connections", "Idle"),
        ]),
    ),
    (
        "chart-slots",
        "Slots",
        Kind::Lines(&[
            ("total_connections", "Used"),
            ("max_connections", "Most"),
            ("reserved_connections", "Reserved"),
        ]),
    ),
    ("chart-transactions", "Transactions", Kind::Lines(&[("transactions_per_s", "Transactions")])),
    ("chart-hits", "Cache hit ratio", Kind::Lines(&[("cache_hit_ratio", "Cache hit ratio")])),
    ("chart-rollbacks", "Rolled back", Kind::Lines(&[("rollback_ratio", "Rolled back")])),
    (
        "chart-longest",
        "Longest transaction",
        Kind::Lines(&[("longest_transaction_s", "Longest transaction")]),
    ),
    ("chart-locks", "Waiting for a lock", Kind::Lines(&[("waiting_locks", "Waiting")])),
    ("chart-deadlocks", "Deadlocks", Kind::Lines(&[("deadlocks", "Deadlocks")])),
    ("chart-wal", "WAL written", Kind::Lines(&[("wal_bytes_per_s", "WAL")])),
    ("chart-temp", "Temporary files", Kind::Lines(&[("temp_bytes_per_s", "Temporary files")])),
    ("chart-size", "Database size", Kind::Lines(&[("database_size_bytes", "Size")])),
    ("chart-xid", "Oldest transaction id", Kind::Lines(&[("oldest_xid_age", "Age")])),
    ("chart-lag", "Behind the primary", Kind::Lines(&[("replication_lag_s", "Behind")])),
    ("chart-lag-bytes", "Behind, in bytes", Kind::Lines(&[("replication_lag_bytes", "Behind")])),
];

type Answer = Result<ChartData, RpcError>;

/// What the page of the health loads for its charts.
#[derive(Clone, Copy)]
pub(super) struct OverTime {
    page: PageRange,
    answer: wire::Loaded<Answer>,
    /// How many readings this page heard of: each is a point more.
    readings: RwSignal<u32>,
}

impl OverTime {
    pub(super) fn load() -> Self {
        let (id, now) = (connection_id(), use_now());
        let id = Signal::derive(move || id().unwrap_or(ConnectionId(0)));
        let page = PageRange::of_page(Signal::derive(move || Tab::Health.path(id.get())), &[]);
        let readings = RwSignal::new(0_u32);
        let answer = wire::load(
            move || (id.get(), page.range.get(), readings.get()),
            move |(id, range, _)| {
                let (from, to) = range.asked(now.get_untracked());
                rpc::history::health_chart(ChartQuery {
                    connection_ids: vec![id],
                    metrics: metrics().map(str::to_owned).collect(),
                    from: Some(from),
                    to,
                    points: Some(POINTS),
                })
            },
        );
        Self { page, answer, readings }
    }
}

fn metrics() -> impl Iterator<Item = &'static str> {
    CHARTS.into_iter().flat_map(|(_, _, kind)| {
        let metrics: &[(&str, &str)] = match kind {
            Kind::Lines(metrics) | Kind::Layers(metrics) => metrics,
            Kind::Latency | Kind::Phases | Kind::Statements => &[],
        };
        metrics.iter().map(|(metric, _)| *metric)
    })
}

#[component]
pub(super) fn OverTimePanel(detail: Detail, over_time: OverTime) -> impl IntoView {
    let OverTime { page, answer, readings } = over_time;
    Effect::new(move |_| {
        if detail.check.value().with(Option::is_some) {
            readings.update(|readings| *readings += 1);
        }
    });
    let again = Soon::new(move || async move {
        readings.try_update(|readings| *readings += 1);
    });
    use_live().on(move |event| {
        if let Some(delay) = page.range.with_untracked(TimeRange::refresh_ms)
            && matches!(event.kind, EventKind::Health | EventKind::Resync)
            && event.is_of(detail.id)
        {
            again.ask(delay);
        }
    });
    let (cursor, zoom) = (RwSignal::new(None::<i64>), page.zoom);
    let drawn = move |data: Signal<ChartData>| {
        let small = CHARTS
            .map(|(id, title, kind)| view! { <SmallChart id title data kind zoom cursor/> }.into_any())
            .into_iter()
            .collect_view();
        let missing = move || data.with(missing);
        view! {
            <div class="small-charts">{small}</div>
            {move || missing().map(|missing| view! { <p class="panel__foot">{missing}</p> }.into_any()).into_any()}
        }
        .into_any()
    };
    view! {
        <Panel id="over-time" title="Over time">
            <div class="panel__body"><RangePicker page/></div>
            <Charts answer drawn=Arc::new(drawn)/>
        </Panel>
    }
    .into_any()
}

/// What has no chart, because there is nothing to draw.
fn missing(data: &ChartData) -> Option<String> {
    let missing: Vec<&str> = CHARTS
        .into_iter()
        .filter(|(_, _, kind)| Chart::of_history(data, *kind).is_empty())
        .map(|(_, title, _)| title)
        .collect();
    match missing.len() {
        0 => None,
        all if all == CHARTS.len() => Some("Nothing was read in this range yet.".to_owned()),
        _ => Some(format!("Not read in this range: {}.", missing.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use common::health::Metrics;

    use super::*;

    #[test]
    fn every_number_has_a_chart() {
        let fields = serde_json::to_value(Metrics::default()).unwrap();
        let mut all: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        let mut drawn: Vec<&str> = metrics().collect();
        all.sort_unstable();
        drawn.sort_unstable();
        assert_eq!(drawn, all);
    }
}
