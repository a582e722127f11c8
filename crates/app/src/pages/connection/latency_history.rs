//! How long answers took over time, and what connecting anew was made of.

use std::sync::Arc;

use charts::Kind;
use common::{
    ConnectionId,
    event::EventKind,
    history::{ChartData, ChartQuery, LATENCY_METRICS},
};
use leptos::prelude::*;

use super::{detail::Detail, frame, tabs::Tab};
use crate::{
    components::{Charts, HistoryChart, PageRange, RangePicker, TimeRange},
    live::{Soon, use_live},
    pages::{lazy::lazy_page, named_connection::connection_id},
    rpc::{self, RpcError},
    use_now, wire,
};

/// Points of a line: about one for each two pixels of a wide screen.
const POINTS: u32 = 600;

lazy_page! {
    /// `/connections/:id/latency`
    LatencyPage
}

impl LatencyPage {
    fn into_view(self) -> AnyView {
        let (id, now) = (connection_id(), use_now());
        // The frame says that there is no such connection.
        let id = Signal::derive(move || id().unwrap_or(ConnectionId(0)));
        let page = PageRange::of_page(Signal::derive(move || Tab::Latency.path(id.get())), &[]);
        // How many tests this page heard of: each is a point more.
        let tests = RwSignal::new(0_u32);
        let answer = wire::load(
            move || (id.get(), page.range.get(), tests.get()),
            move |(id, range, _)| {
                let (from, to) = range.asked(now.get_untracked());
                rpc::history::latency_chart(ChartQuery {
                    connection_ids: vec![id],
                    // Everything but the sum of the phases, which the phases show.
                    metrics: LATENCY_METRICS
                        .into_iter()
                        .filter(|metric| *metric != "total_ms")
                        .map(str::to_owned)
                        .collect(),
                    from: Some(from),
                    to,
                    points: Some(POINTS),
                })
            },
        );
        let content = move |detail| view! { <LatencyTab detail page answer tests/> }.into_any();
        frame::page(Tab::Latency, self.outcome, Arc::new(content))
    }
}

#[component]
fn LatencyTab(
    detail: Detail,
    page: PageRange,
    answer: wire::Loaded<Result<ChartData, RpcError>>,
    tests: RwSignal<u32>,
) -> impl IntoView {
    Effect::new(move |_| {
        if detail.test.value().with(Option::is_some) {
            tests.update(|tests| *tests += 1);
        }
    });
    let again = Soon::new(move || async move {
        tests.try_update(|tests| *tests += 1);
    });
    use_live().on(move |event| {
        let is_new = matches!(
            event.kind,
            EventKind::ConnectionTestPassed | EventKind::ConnectionTestFailed | EventKind::Resync
        );
        if let Some(delay) = page.range.with_untracked(TimeRange::refresh_ms)
            && is_new
            && event.is_of(detail.id)
        {
            again.ask(delay);
        }
    });
    let cursor = RwSignal::new(None::<i64>);
    let zoom = page.zoom;
    let drawn = move |data: Signal<ChartData>| {
        view! {
            <div class="stack">
                <HistoryChart id="round-trip" title="Round trip" data kind=Kind::Latency zoom cursor/>
                <HistoryChart id="connecting" title="Connecting" data kind=Kind::Phases zoom cursor
                    nothing="Nothing connected anew in this range."/>
            </div>
        }
        .into_any()
    };
    view! {
        <RangePicker page/>
        <Charts answer drawn=Arc::new(drawn)/>
        <p class="small muted">
            "A round trip is one "<code>"select 1"</code>" on a session that is open. Connecting is measured by tests that begin anew."
        </p>
    }
    .into_any()
}
