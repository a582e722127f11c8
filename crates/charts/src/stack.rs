//! Layers on top of each other: what they add up to, and drawing them so that all of them bend at the same places.

use plotters_backend::{DrawingBackend, DrawingErrorKind};

use crate::{
    chart::{Chart, Shape},
    columns,
    drawing::{Drawing, Hidden},
};

/// By row what the layers that are shown add up to; NaN where the layers end, and nothing is known.
pub(crate) fn totals(chart: &Chart, hidden: Hidden) -> Vec<f64> {
    (0..chart.times.len()).map(|row| up_to(chart, hidden, row, chart.traces.len())).collect()
}

/// What the layers before `trace` add up to in a row. A layer of which nothing is known there is as good as 0, unless
/// nothing is known of any.
fn up_to(chart: &Chart, hidden: Hidden, row: usize, trace: usize) -> f64 {
    let value =
        |at: usize| chart.values.get(at).and_then(|values| values.get(row)).copied().unwrap_or(f64::NAN);
    let layers = || (0..chart.traces.len()).filter(|at| chart.traces[*at].shape == Shape::Layer);
    if layers().all(|at| value(at).is_nan()) {
        return f64::NAN;
    }
    layers().filter(|at| *at < trace && !hidden.has(*at)).map(value).filter(|value| !value.is_nan()).sum()
}

pub(crate) fn draw<B: DrawingBackend>(
    drawing: &Drawing<'_>,
    backend: &mut B,
) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    let chart = drawing.chart;
    for run in runs(drawing) {
        for (at, trace) in chart.traces.iter().enumerate() {
            if trace.shape != Shape::Layer || drawing.hidden.has(at) {
                continue;
            }
            let place = |row: usize, layers: usize| {
                let x = drawing.x(chart.middle(chart.times[row])).round() as i32;
                (x, drawing.y(up_to(chart, drawing.hidden, row, layers)).round() as i32)
            };
            let pen = drawing.layer_pen(trace.ink);
            if let [alone] = run[..] {
                let (x, top) = place(alone, at + 1);
                let width = drawing.frame.px(1.0).max(1);
                backend.draw_rect((x - width, top), (x + width, place(alone, at).1), &pen, true)?;
                continue;
            }
            let above = run.iter().map(|row| place(*row, at + 1));
            let below = run.iter().rev().map(|row| place(*row, at));
            backend.fill_polygon(above.chain(below).collect::<Vec<_>>(), &pen)?;
        }
    }
    Ok(())
}

/// The rows that are drawn, in runs without a gap in them.
fn runs(drawing: &Drawing<'_>) -> Vec<Vec<usize>> {
    let chart = drawing.chart;
    let totals = totals(chart, drawing.hidden);
    let mut runs = Vec::new();
    let mut run: Vec<usize> = Vec::new();
    for (row, total) in totals.iter().enumerate() {
        if !total.is_nan() {
            run.push(row);
        } else if chart.breaks(row) && !run.is_empty() {
            runs.push(std::mem::take(&mut run));
        }
    }
    if !run.is_empty() {
        runs.push(run);
    }
    for run in &mut runs {
        let places: Vec<f64> = run.iter().map(|row| drawing.x(chart.middle(chart.times[*row]))).collect();
        let sums: Vec<f64> = run.iter().map(|row| totals[*row]).collect();
        let kept = columns::extremes(&places, &sums, drawing.frame.column_width());
        *run = kept.into_iter().map(|at| run[at]).collect();
    }
    runs
}
