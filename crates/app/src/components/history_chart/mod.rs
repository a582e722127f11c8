//! A chart of what was measured: drawn on the server for the first paint, then a canvas that answers to pointer and
//! keyboard; lines that can be switched off; the same numbers as a table and as files.
//!
//! Only pages that are loaded when they are visited may use it: it would be a third of the first page's script.

mod files;
mod follow;
mod plot;
mod table;
#[cfg(feature = "hydrate")]
mod watch;

use charts::{Chart, Hidden, Kind, Shape};
use common::history::ChartData;
use leptos::prelude::*;

use self::{files::Files, table::NumbersTable};
pub use self::{follow::Charts, plot::Plot};
use super::{Icon, IconName, Panel, Shape as Sign, Tone};

/// How a chart changes the range of its page.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "callbacks have no Debug")]
pub struct Zoom {
    /// Whether there is something to go back to.
    pub zoomed: Signal<bool>,
    /// Epoch milliseconds.
    pub into: Callback<(i64, i64)>,
    pub out: Callback<()>,
}

/// A panel with one chart in it.
#[component]
pub fn HistoryChart(
    /// Unique on the page.
    id: &'static str,
    title: &'static str,
    #[prop(into)] data: Signal<ChartData>,
    kind: Kind,
    zoom: Zoom,
    /// The time that is read in all charts of the page.
    cursor: RwSignal<Option<i64>>,
    /// What it says where there is nothing to draw.
    #[prop(default = "Nothing was measured in this range.")]
    nothing: &'static str,
) -> impl IntoView {
    let chart = Memo::new(move |_| data.with(|data| Chart::of_history(data, kind)));
    let hidden = RwSignal::new(Hidden::default());
    let out = move || {
        zoom.zoomed.get().then(|| {
            view! {
                <button type="button" class="btn btn--small btn--quiet js-only" on:click=move |_| zoom.out.run(())>
                    <Icon name=IconName::ZoomOut/>
                    <span>"Reset zoom"</span>
                </button>
            }
            .into_any()
        })
    };
    view! {
        <Panel id title note=move || view! { <Legend chart hidden/> }
            actions=move || view! { {move || out().into_any()} <Files chart hidden id title/> }>
            <Plot id title chart hidden zoom cursor nothing/>
            <NumbersTable chart title/>
        </Panel>
    }
    .into_any()
}

/// A chart without a panel around it, small: one of many.
#[component]
pub fn SmallChart(
    id: &'static str,
    title: &'static str,
    #[prop(into)] data: Signal<ChartData>,
    kind: Kind,
    zoom: Zoom,
    cursor: RwSignal<Option<i64>>,
) -> impl IntoView {
    let chart = Memo::new(move |_| data.with(|data| Chart::of_history(data, kind)));
    let hidden = RwSignal::new(Hidden::default());
    let empty = Memo::new(move |_| chart.with(Chart::is_empty));
    let last = move || chart.with(last_value);
    let many = move || {
        chart.with(|chart| chart.traces.iter().filter(|trace| trace.shape != Shape::Band).count() > 1)
    };
    view! {
        <figure class="small-chart" aria-labelledby=format!("{id}-h") class:small-chart--empty=move || empty.get()>
            <figcaption class="small-chart__head">
                <h3 id=format!("{id}-h")>{title}</h3>
                <span class="num">{move || last()}</span>
                {move || many().then(|| view! { <Legend chart hidden lines_only=true/> }.into_any()).into_any()}
                <Files chart hidden id title/>
            </figcaption>
            <Plot id title chart hidden zoom cursor small=true/>
            <NumbersTable chart title/>
        </figure>
    }
    .into_any()
}

/// The newest value, where there is only one.
fn last_value(chart: &Chart) -> Option<String> {
    let mut lines = chart.traces.iter().enumerate().filter(|(_, trace)| trace.shape != Shape::Band);
    let (Some((at, _)), None) = (lines.next(), lines.next()) else { return None };
    let value = chart.values[at].iter().rev().find(|value| !value.is_nan())?;
    Some(chart.unit.told(*value))
}

/// What is drawn; each can be switched off once the page is awake.
#[component]
pub fn Legend(
    #[prop(into)] chart: Signal<Chart>,
    hidden: RwSignal<Hidden>,
    /// Not what the signs of failures and changes mean: other charts beside it say so.
    #[prop(optional)]
    lines_only: bool,
) -> impl IntoView {
    // Drawn again only when other lines come.
    let keys = Memo::new(move |_| {
        chart.with(|chart| {
            chart.traces.iter().map(|trace| (trace.label.clone(), trace.ink, trace.shape)).collect::<Vec<_>>()
        })
    });
    let failed = Memo::new(move |_| {
        !lines_only && chart.with(|chart| chart.failures.iter().any(|failures| *failures > 0))
    });
    let changed = Memo::new(move |_| !lines_only && chart.with(|chart| !chart.notes.is_empty()));
    view! {
        <span class="chart__legend" role="group" aria-label="Shown">
            {move || keys.get().into_iter().enumerate().map(|(at, (label, ink, shape))| {
                let swatch = match shape {
                    Shape::Line => "swatch--line",
                    Shape::Dashed => "swatch--line swatch--dashed",
                    Shape::Band => "swatch--band",
                    Shape::Layer => "",
                };
                view! {
                    <button type="button" class="chart__key" aria-pressed=move || if hidden.get().has(at) { "false" } else { "true" }
                        on:click=move |_| hidden.update(|hidden| *hidden = hidden.toggle(at))>
                        <i class=format!("swatch {swatch} {}", ink.class()) aria-hidden="true"></i>
                        <bdi>{label}</bdi>
                    </button>
                }.into_any()
            }).collect_view().into_any()}
            {move || failed.get().then(|| view! {
                <span class="chart__key"><Sign tone=Tone::Crit/>"Failed"</span>
            }.into_any()).into_any()}
            {move || changed.get().then(|| view! {
                <span class="chart__key"><i class="swatch swatch--note" aria-hidden="true"></i>"Change"</span>
            }.into_any()).into_any()}
        </span>
    }
    .into_any()
}
