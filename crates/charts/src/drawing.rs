//! A chart on its place: where times and values stand, and the drawing itself in two layers, axes and series.

use std::convert::Infallible;

use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontFamily,
    FontStyle,
    text_anchor::{HPos, Pos, VPos},
};

use crate::{
    chart::{Chart, Shape, Trace},
    columns,
    frame::Frame,
    ink::{Code, Ink, Pen, Theme},
    stack, time_axis,
    value_axis::ValueAxis,
    zone::Zone,
};

/// CSS pixels.
const SPACE_FOR_A_TIME: f64 = 72.0;
/// More than these nobody needs, however wide the place is.
const MOST_TIMES: f64 = 9.0;
const SPACE_FOR_A_VALUE: f64 = 44.0;
const LABEL_SIZE: f64 = 11.0;
const FAIL_RADIUS: f64 = 6.0;
/// Failures nearer than this get one sign.
const SIGN_DISTANCE: f64 = 16.0;
const BAND_ALPHA: f64 = 0.18;
const LAYER_ALPHA: f64 = 0.85;

/// Which traces are switched off: a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hidden(u32);

impl Hidden {
    pub fn has(self, trace: usize) -> bool {
        trace < 32 && self.0 & (1 << trace) != 0
    }

    pub fn toggle(self, trace: usize) -> Self {
        Self(if trace < 32 { self.0 ^ (1 << trace) } else { self.0 })
    }
}

/// A chart on a frame. Making one decides the axes; nothing is drawn yet.
#[derive(Debug, Clone)]
pub struct Drawing<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) frame: Frame,
    pub(crate) hidden: Hidden,
    zone: &'a Zone,
    theme: Theme,
    /// The family of fonts, as CSS names them.
    font: &'a str,
    values: ValueAxis,
}

type Drawn<B> = Result<(), DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

impl<'a> Drawing<'a> {
    pub fn new(
        chart: &'a Chart,
        frame: Frame,
        hidden: Hidden,
        zone: &'a Zone,
        theme: Theme,
        font: &'a str,
    ) -> Self {
        let (least, most) = extent(chart, hidden);
        let spaces = (f64::from(frame.height) / frame.scale / SPACE_FOR_A_VALUE).floor().clamp(2.0, 6.0);
        let from_zero = chart.from_zero || chart.is_stacked();
        let values = ValueAxis::over(least, most, from_zero, spaces as u32, chart.unit);
        Self { chart, frame, hidden, zone, theme, font, values }
    }

    /// Where a time stands across.
    pub fn x(&self, t: i64) -> f64 {
        let span = (self.chart.to - self.chart.from).max(1) as f64;
        let part = ((t - self.chart.from) as f64 / span).clamp(0.0, 1.0);
        f64::from(self.frame.left) + part * f64::from(self.frame.width)
    }

    /// The time that stands at a place across.
    pub fn time_at(&self, x: f64) -> i64 {
        let part = ((x - f64::from(self.frame.left)) / f64::from(self.frame.width)).clamp(0.0, 1.0);
        self.chart.from + (part * (self.chart.to - self.chart.from) as f64).round() as i64
    }

    /// Where a value stands down.
    pub fn y(&self, value: f64) -> f64 {
        let part = ((value - self.values.low) / (self.values.high - self.values.low)).clamp(0.0, 1.0);
        f64::from(self.frame.bottom()) - part * f64::from(self.frame.height)
    }

    fn place(&self, (x, value): columns::Placed) -> BackendCoord {
        (x.round() as i32, self.y(value).round() as i32)
    }

    /// The layer that changes seldom: gaps, lines across, words, and what happened.
    pub fn axes<B: DrawingBackend>(&self, backend: &mut B) -> Drawn<B> {
        let frame = self.frame;
        for gap in &self.chart.gaps {
            let (from, to) = (self.x(gap.from).round() as i32, self.x(gap.to).round() as i32);
            if to > from {
                backend.draw_rect(
                    (from, frame.top),
                    (to, frame.bottom()),
                    &self.theme.solid(Ink::Gap, 1),
                    true,
                )?;
            }
        }
        let hairline = self.theme.solid(Ink::Grid, frame.stroke(1.0));
        let beside = self.words(Ink::Label, LABEL_SIZE, HPos::Right, VPos::Center);
        for (value, words) in self.values.ticks() {
            let y = self.y(value).round() as i32;
            backend.draw_line((frame.left, y), (frame.right(), y), &hairline)?;
            backend.draw_text(&words, &beside, (frame.left - frame.px(8.0), y))?;
        }
        self.times(backend)?;
        for note in self.chart.notes.iter().filter(|note| (self.chart.from..=self.chart.to).contains(&note.t))
        {
            let x = self.x(note.t).round() as i32;
            let code = Code { ink: Ink::Note, dashed: true, alpha: 1.0 };
            backend.draw_line(
                (x, frame.top),
                (x, frame.bottom()),
                &self.theme.pen(code, frame.stroke(1.0)),
            )?;
            backend.draw_circle((x, frame.top), frame.stroke(3.5), &self.theme.solid(Ink::Note, 1), true)?;
        }
        Ok(())
    }

    fn times<B: DrawingBackend>(&self, backend: &mut B) -> Drawn<B> {
        let frame = self.frame;
        let most = (f64::from(frame.width) / frame.scale / SPACE_FOR_A_TIME).min(MOST_TIMES).floor() as u32;
        let ticks = time_axis::ticks(self.chart.from, self.chart.to, most, self.chart.across, self.zone);
        let below = frame.bottom() + frame.px(8.0);
        for (at, (t, words)) in ticks.into_iter().enumerate() {
            let x = self.x(t).round() as i32;
            // A word at the very end would stand out of the drawing.
            let anchor = if f64::from(frame.right() - x) < 0.03 * f64::from(frame.width) {
                HPos::Right
            } else {
                HPos::Center
            };
            let ink = if at % 2 == 0 { Ink::Label } else { Ink::LabelMinor };
            backend.draw_text(&words, &self.words(ink, LABEL_SIZE, anchor, VPos::Top), (x, below))?;
        }
        if self.chart.across == crate::Across::Time {
            let zone = self.words(Ink::Label, LABEL_SIZE, HPos::Right, VPos::Top);
            backend.draw_text(&self.zone.name(self.chart.to), &zone, (frame.left - frame.px(8.0), below))?;
        }
        Ok(())
    }

    /// The layer of what was measured: bands below lines, failures above everything.
    pub fn series<B: DrawingBackend>(&self, backend: &mut B) -> Drawn<B> {
        let shown = || {
            self.chart
                .traces
                .iter()
                .enumerate()
                .filter(|(at, _)| !self.hidden.has(*at))
                .map(|(_, trace)| trace)
        };
        if self.chart.is_stacked() {
            stack::draw(self, backend)?;
        }
        for trace in shown().filter(|trace| trace.shape == Shape::Band) {
            self.band(trace, backend)?;
        }
        // The first stands above the others.
        for trace in self
            .chart
            .traces
            .iter()
            .enumerate()
            .rev()
            .filter(|(at, _)| !self.hidden.has(*at))
            .map(|(_, trace)| trace)
        {
            if matches!(trace.shape, Shape::Line | Shape::Dashed) {
                self.line(trace, backend)?;
            }
        }
        self.failures(backend)
    }

    fn line<B: DrawingBackend>(&self, trace: &Trace, backend: &mut B) -> Drawn<B> {
        let dashed = trace.shape == Shape::Dashed;
        let code = Code { ink: trace.ink, dashed, alpha: 1.0 };
        let pen = self.theme.pen(code, self.frame.stroke(if dashed { 1.25 } else { 1.75 }));
        let mut points = trace.points.iter().map(|point| (self.x(point.t), point.value));
        let mut drawn = Ok(());
        columns::line(&mut points, self.frame.column_width(), &mut |run| {
            if drawn.is_ok() {
                drawn = self.run(run, &pen, backend);
            }
        });
        drawn
    }

    /// A line without a break. A point alone is a dot, or nobody would see it.
    pub(crate) fn run<B: DrawingBackend>(
        &self,
        run: &[columns::Placed],
        pen: &Pen,
        backend: &mut B,
    ) -> Drawn<B> {
        match run {
            [alone] => backend.draw_circle(self.place(*alone), self.frame.stroke(2.0), pen, true),
            run => backend.draw_path(run.iter().map(|point| self.place(*point)), pen),
        }
    }

    fn band<B: DrawingBackend>(&self, trace: &Trace, backend: &mut B) -> Drawn<B> {
        let pen =
            self.theme.pen(Code { ink: trace.ink, dashed: false, alpha: BAND_ALPHA }, self.frame.stroke(1.0));
        let mut points = trace.points.iter().map(|point| (self.x(point.t), point.low, point.value));
        let mut drawn = Ok(());
        columns::band(&mut points, self.frame.column_width(), &mut |run| {
            if drawn.is_err() {
                return;
            }
            drawn = match run {
                [(x, low, high)] => backend.draw_line(self.place((*x, *low)), self.place((*x, *high)), &pen),
                run => {
                    let above = run.iter().map(|(x, _, high)| self.place((*x, *high)));
                    let below = run.iter().rev().map(|(x, low, _)| self.place((*x, *low)));
                    backend.fill_polygon(above.chain(below), &pen)
                }
            };
        });
        drawn
    }

    /// A bar at the foot for as long as something failed, and a sign upon it.
    fn failures<B: DrawingBackend>(&self, backend: &mut B) -> Drawn<B> {
        let frame = self.frame;
        let (chart, least) = (self.chart, f64::from(frame.px(2.0)));
        let mut bars: Vec<(f64, f64)> = Vec::new();
        for (t, _) in chart.times.iter().zip(&chart.failures).filter(|(_, failures)| **failures > 0) {
            let from = self.x(*t);
            let to = self.x(t + chart.resolution_ms).max(from + least);
            match bars.last_mut() {
                Some(last) if from <= last.1 => last.1 = to.max(last.1),
                _ => bars.push((from, to)),
            }
        }
        let fail = self.theme.solid(Ink::Fail, 1);
        let sign = self.words(Ink::OnFail, 10.0, HPos::Center, VPos::Center);
        let mut signs_end = f64::NEG_INFINITY;
        for (from, to) in bars {
            let upper_left = (from.round() as i32, frame.bottom() - frame.px(3.0));
            backend.draw_rect(upper_left, (to.round() as i32, frame.bottom()), &fail, true)?;
            let middle = (from + to) / 2.0;
            if middle - signs_end >= SIGN_DISTANCE * frame.scale {
                let center = (middle.round() as i32, frame.bottom() - frame.px(FAIL_RADIUS + 1.0));
                backend.draw_circle(center, frame.stroke(FAIL_RADIUS), &fail, true)?;
                backend.draw_text("×", &sign, center)?;
                signs_end = middle;
            }
        }
        Ok(())
    }

    pub(crate) fn layer_pen(&self, ink: Ink) -> Pen {
        self.theme.pen(Code { ink, dashed: false, alpha: LAYER_ALPHA }, 1)
    }

    fn words(&self, ink: Ink, size: f64, across: HPos, down: VPos) -> Words<'a> {
        let colour = self.theme.solid(ink, 1).color();
        let bold = ink == Ink::OnFail;
        Words { colour, size: size * self.frame.scale, anchor: (across, down), font: self.font, bold }
    }
}

/// Least and most of what is shown.
fn extent(chart: &Chart, hidden: Hidden) -> (f64, f64) {
    let mut extent = (f64::INFINITY, f64::NEG_INFINITY);
    let mut take = |low: f64, high: f64| {
        if !low.is_nan() && !high.is_nan() {
            extent = (extent.0.min(low), extent.1.max(high));
        }
    };
    if chart.is_stacked() {
        stack::totals(chart, hidden).into_iter().for_each(|total| take(0.0, total));
    }
    for (_, trace) in chart.traces.iter().enumerate().filter(|(at, _)| !hidden.has(*at)) {
        if trace.shape != Shape::Layer {
            trace.points.iter().for_each(|point| take(point.low, point.value));
        }
    }
    extent
}

/// Text for a backend that can write by itself. One that cannot gets none.
struct Words<'a> {
    colour: BackendColor,
    size: f64,
    anchor: (HPos, VPos),
    font: &'a str,
    bold: bool,
}

impl BackendTextStyle for Words<'_> {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        self.colour
    }

    fn size(&self) -> f64 {
        self.size
    }

    fn style(&self) -> FontStyle {
        if self.bold { FontStyle::Bold } else { FontStyle::Normal }
    }

    fn anchor(&self) -> Pos {
        Pos::new(self.anchor.0, self.anchor.1)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(self.font)
    }

    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Infallible> {
        let width = text.chars().count() as f64 * self.size * 0.6;
        Ok(((0, 0), (width.ceil() as i32, self.size.ceil() as i32)))
    }

    fn draw<E, DrawFunc: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        _text: &str,
        _pos: BackendCoord,
        _draw: DrawFunc,
    ) -> Result<Result<(), E>, Infallible> {
        Ok(Ok(()))
    }
}
