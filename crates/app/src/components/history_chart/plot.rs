//! The drawing itself, and how it is read and zoomed: by pointer, by finger, by keyboard.

use charts::{Chart, Drawing, Frame, Hidden, Reading, Shape, Theme, Zone};
use leptos::{
    ev::{KeyboardEvent, PointerEvent},
    html,
    prelude::*,
};

use super::Zoom;

/// A chosen stretch narrower than this part of the chart is a slip of the hand.
const LEAST_STRETCH: f64 = 0.01;

/// What a plot knows of its reader.
#[derive(Clone, Copy)]
struct Reader {
    chart: Signal<Chart>,
    hidden: RwSignal<Hidden>,
    /// Epoch milliseconds; shared by the charts of a page.
    cursor: RwSignal<Option<i64>>,
    /// Whether this is the chart that is read.
    active: RwSignal<bool>,
    /// The ends of what is being chosen, as parts of the width.
    brush: RwSignal<Option<(f64, f64)>>,
    /// What a screen reader is told.
    said: RwSignal<String>,
    zoom: Option<Zoom>,
    hit: NodeRef<html::Div>,
    /// Where the canvas has its plotting area.
    frame: RwSignal<Option<Frame>>,
}

#[component]
pub fn Plot(
    /// Unique on the page.
    id: &'static str,
    title: &'static str,
    #[prop(into)] chart: Signal<Chart>,
    hidden: RwSignal<Hidden>,
    #[prop(optional, into)] zoom: Option<Zoom>,
    cursor: RwSignal<Option<i64>>,
    #[prop(optional)] small: bool,
    #[prop(default = "Nothing was measured in this range.")] nothing: &'static str,
) -> impl IntoView {
    let reader = Reader {
        chart,
        hidden,
        cursor,
        active: RwSignal::new(false),
        brush: RwSignal::new(None),
        said: RwSignal::new(String::new()),
        zoom,
        hit: NodeRef::new(),
        frame: RwSignal::new(None),
    };
    let label = move || chart.with(|chart| chart.in_words(title, &Zone::utc()));
    let help = move || {
        let zoom = if zoom.is_some() {
            " With Shift they choose a stretch, Enter zooms into it, Escape goes back."
        } else {
            ""
        };
        format!("{} Arrow keys read the values.{zoom}", label())
    };
    let empty = Memo::new(move |_| chart.with(Chart::is_empty));
    let (area, axes, series) = (NodeRef::new(), NodeRef::new(), NodeRef::new());
    draw_on_canvas(reader, area, axes, series);
    view! {
        <div class="chart" class:chart--small=small>
            <div class="chart__area" class:chart__area--drawn=move || reader.frame.with(Option::is_some) node_ref=area>
                <div class="chart__static" inner_html=first_paint(chart, id, small, &label)></div>
                <canvas class="chart__canvas" aria-hidden="true" node_ref=axes></canvas>
                <canvas class="chart__canvas" aria-hidden="true" node_ref=series></canvas>
                {move || empty.get().then(|| view! { <p class="chart__nothing">{nothing}</p> }.into_any()).into_any()}
                <div
                    class="chart__hit js-only"
                    tabindex="0"
                    role="application"
                    aria-roledescription="chart"
                    aria-label=move || help()
                    node_ref=reader.hit
                    on:pointermove=move |event| reader.point(&event)
                    on:pointerdown=move |event| reader.press(&event)
                    on:pointerup=move |event| reader.release(&event)
                    on:pointercancel=move |_| reader.leave()
                    on:pointerleave=move |_| reader.leave()
                    on:keydown=move |event| reader.key(&event)
                    on:blur=move |_| reader.leave()
                ></div>
                {move || reader.brush.get().map(|(a, b)| view! { <Brushed a b/> }.into_any()).into_any()}
                {move || reader.reading().map(|reading| view! { <CrossHair reader reading/> }.into_any()).into_any()}
            </div>
            <p class="sr" aria-live="polite">{move || reader.said.get()}</p>
        </div>
    }
    .into_any()
}

/// What is there before anything runs. The browser keeps what the server sent.
#[cfg(feature = "ssr")]
fn first_paint(chart: Signal<Chart>, id: &'static str, small: bool, label: &dyn Fn() -> String) -> String {
    let (width, height) = if small { (380, 112) } else { (800, 240) };
    chart.with_untracked(|chart| {
        charts::svg(chart, Hidden::default(), &Zone::utc(), width, height, id, &untrack(label))
    })
}

#[cfg(not(feature = "ssr"))]
fn first_paint(_: Signal<Chart>, _: &'static str, _: bool, _: &dyn Fn() -> String) -> String {
    String::new()
}

type Canvas = NodeRef<html::Canvas>;

/// Draws whenever what is measured, what is shown, the size or the theme changed.
#[cfg(feature = "hydrate")]
fn draw_on_canvas(reader: Reader, area: NodeRef<html::Div>, axes: Canvas, series: Canvas) {
    use charts::canvas::{Layers, Palette};

    let outdated = RwSignal::new(0_u32);
    let palette = StoredValue::new_local(None::<Palette>);
    let watch = StoredValue::new_local(None::<super::watch::Watch>);
    Effect::new(move |_| {
        let Some(area) = area.get() else { return };
        let redraw = move || outdated.update(|outdated| *outdated = outdated.wrapping_add(1));
        let theme_changed = move || {
            palette.set_value(None);
            redraw();
        };
        watch.set_value(super::watch::Watch::of(&area, redraw, theme_changed));
    });
    Effect::new(move |_| {
        outdated.track();
        let (Some(area), Some(axes), Some(series)) = (area.get(), axes.get(), series.get()) else { return };
        if palette.with_value(Option::is_none) {
            palette.set_value(Palette::of_page(&area));
        }
        let hidden = reader.hidden.get();
        let frame = reader.chart.with(|chart| {
            palette.with_value(|palette| {
                Layers { axes, series }.draw(&area, chart, hidden, &Zone::utc(), palette.as_ref()?)
            })
        });
        if frame.is_some() && reader.frame.get_untracked() != frame {
            reader.frame.set(frame);
        }
    });
}

#[cfg(not(feature = "hydrate"))]
fn draw_on_canvas(_: Reader, _: NodeRef<html::Div>, _: Canvas, _: Canvas) {}

impl Reader {
    fn reading(self) -> Option<Reading> {
        let t = self.cursor.get()?;
        self.chart.with(|chart| {
            let row = chart.nearest(t)?;
            chart.reading(row, self.hidden.get(), &Zone::utc())
        })
    }

    /// Where a pointer is, as a part of the width.
    fn part_of(self, event: &PointerEvent) -> Option<f64> {
        let place = self.hit.get_untracked()?.get_bounding_client_rect();
        let part = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
        Some(part.clamp(0.0, 1.0))
    }

    fn time_of(self, part: f64) -> i64 {
        self.chart.with_untracked(|chart| chart.from + (part * (chart.to - chart.from) as f64).round() as i64)
    }

    fn point(self, event: &PointerEvent) {
        let Some(part) = self.part_of(event) else { return };
        self.active.set(true);
        self.cursor.set(Some(self.time_of(part)));
        if event.buttons() & 1 != 0
            && let Some((from, _)) = self.brush.get_untracked()
        {
            self.brush.set(Some((from, part)));
        }
    }

    fn press(self, event: &PointerEvent) {
        if event.button() != 0 || self.zoom.is_none() {
            return;
        }
        if let Some((hit, part)) = self.hit.get_untracked().zip(self.part_of(event)) {
            let _ = hit.set_pointer_capture(event.pointer_id());
            self.brush.set(Some((part, part)));
        }
    }

    fn release(self, event: &PointerEvent) {
        if let Some((from, _)) = self.brush.get_untracked() {
            let to = self.part_of(event).unwrap_or(from);
            self.brush.set(None);
            self.zoom_into(from, to);
        }
    }

    fn zoom_into(self, a: f64, b: f64) {
        let Some(zoom) = self.zoom.filter(|_| (a - b).abs() >= LEAST_STRETCH) else { return };
        let window = (self.time_of(a.min(b)), self.time_of(a.max(b)));
        self.cursor.set(None);
        self.said.set("Zoomed in.".to_owned());
        zoom.into.run(window);
    }

    fn leave(self) {
        self.active.set(false);
        self.brush.set(None);
        self.cursor.set(None);
    }

    fn key(self, event: &KeyboardEvent) {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let taken = match event.key().as_str() {
            "ArrowRight" => self.walk(event, 1),
            "ArrowLeft" => self.walk(event, -1),
            "PageDown" => self.walk(event, 10),
            "PageUp" => self.walk(event, -10),
            "Home" => self.walk(event, i64::MIN),
            "End" => self.walk(event, i64::MAX),
            "Enter" => match self.brush.get_untracked() {
                Some((a, b)) => {
                    self.brush.set(None);
                    self.zoom_into(a, b);
                    true
                }
                None => false,
            },
            "Escape" => self.escape(),
            _ => false,
        };
        if taken {
            event.prevent_default();
        }
    }

    /// To another row, which is read out; with Shift what lies between is chosen.
    fn walk(self, event: &KeyboardEvent, steps: i64) -> bool {
        let (before, t) = self.chart.with_untracked(|chart| {
            let before = self.cursor.get_untracked().and_then(|t| chart.nearest(t));
            let row = match (steps, before) {
                (i64::MIN, _) => chart.nearest(chart.from),
                (i64::MAX, _) | (_, None) => chart.nearest(chart.to),
                (steps, Some(row)) => Some(chart.step(row, steps)),
            };
            let place = |row: usize| chart.times.get(row).map(|t| chart.middle(*t));
            (before.and_then(place), row.and_then(place))
        });
        let Some(t) = t else { return false };
        self.active.set(true);
        self.cursor.set(Some(t));
        if event.shift_key() && self.zoom.is_some() {
            let from = match self.brush.get_untracked() {
                Some((from, _)) => from,
                None => self.part(before.unwrap_or(t)),
            };
            self.brush.set(Some((from, self.part(t))));
        } else {
            self.brush.set(None);
        }
        if let Some(reading) = untrack(|| self.reading()) {
            let counted = self.chart.with_untracked(|chart| chart.counted);
            self.said.set(reading.in_words(counted));
        }
        true
    }

    /// Drops what is being chosen; with nothing chosen, leaves the zoom.
    fn escape(self) -> bool {
        if self.brush.get_untracked().is_some() {
            self.brush.set(None);
            return true;
        }
        let Some(zoom) = self.zoom.filter(|zoom| zoom.zoomed.get_untracked()) else { return false };
        self.said.set("The zoom is left.".to_owned());
        zoom.out.run(());
        true
    }

    /// A time as a part of the width.
    fn part(self, t: i64) -> f64 {
        self.chart.with_untracked(|chart| {
            ((t - chart.from) as f64 / (chart.to - chart.from).max(1) as f64).clamp(0.0, 1.0)
        })
    }
}

/// What is being chosen.
#[component]
fn Brushed(a: f64, b: f64) -> impl IntoView {
    let (left, width) = (a.min(b), (a - b).abs());
    view! { <div class="chart__brush" style:left=percent(left) style:width=percent(width)></div> }
}

/// A line at the time that is read, a dot on each line and, where the reader is, the values in words.
#[component]
fn CrossHair(reader: Reader, reading: Reading) -> impl IntoView {
    let at = reader.chart.with_untracked(|chart| reader.part(chart.middle(reading.t)));
    let dots = dots(reader, &reading)
        .into_iter()
        .map(|(class, down)| {
            view! { <i class=class style:left=percent(at) style:top=percent(down)></i> }.into_any()
        })
        .collect_view();
    let words = move || {
        let reading = reading.clone();
        reader.active.get().then(|| view! { <Words reader reading at/> }.into_any())
    };
    view! {
        <i class="chart__hair" style:left=percent(at)></i>
        {dots}
        {move || words().into_any()}
    }
    .into_any()
}

/// The class and the place of each dot. Of what is stacked the value is no place.
fn dots(reader: Reader, reading: &Reading) -> Vec<(String, f64)> {
    let Some(frame) = reader.frame.get_untracked() else { return Vec::new() };
    let (hidden, zone) = (reader.hidden.get_untracked(), Zone::utc());
    reader.chart.with_untracked(|chart| {
        let drawing = Drawing::new(chart, frame, hidden, &zone, Theme::Coded, "");
        reading
            .entries
            .iter()
            .filter(|entry| !entry.value.is_nan())
            .filter_map(|entry| {
                let trace = chart.traces.get(entry.trace)?;
                let line = matches!(trace.shape, Shape::Line | Shape::Dashed);
                let down = (drawing.y(entry.value) - f64::from(frame.top)) / f64::from(frame.height);
                line.then(|| (format!("chart__dot {}", trace.ink.class()), down))
            })
            .collect()
    })
}

#[component]
fn Words(reader: Reader, reading: Reading, at: f64) -> impl IntoView {
    let counts = reading.counts_in_words();
    let counted = reader.chart.with_untracked(|chart| chart.counted);
    let entries = reading
        .entries
        .into_iter()
        .map(|entry| {
            let class = reader.chart.with_untracked(|chart| {
                chart.traces.get(entry.trace).map_or_else(String::new, |trace| {
                    let shape = match trace.shape {
                        Shape::Line | Shape::Dashed => "swatch--line",
                        Shape::Band => "swatch--band",
                        Shape::Layer => "",
                    };
                    format!("swatch {shape} {}", trace.ink.class())
                })
            });
            view! {
                <dt><i class=class aria-hidden="true"></i><bdi>{entry.label}</bdi></dt>
                <dd class="num">{entry.told}</dd>
            }
            .into_any()
        })
        .collect_view();
    let notes = reading
        .notes
        .into_iter()
        .map(|note| view! { <p class="tip__note"><bdi>{note}</bdi></p> }.into_any())
        .collect_view();
    view! {
        // The same is read out below the chart.
        <div class="tip" class:tip--left={at > 0.5} style:left=percent(at) aria-hidden="true">
            <b class="num">{reading.time}</b>
            <dl>
                {entries}
                <dt>{counted}</dt>
                <dd class="num" class:t-crit={reading.failures > 0}>{counts}</dd>
            </dl>
            {notes}
        </div>
    }
    .into_any()
}

/// Set on elements that only the browser makes: a style sheet's policy does not refuse those.
fn percent(part: f64) -> String {
    format!("{}%", common::units::fixed(part * 100.0, 2))
}
