//! A line drawn from numbers, one each second. The drawing stretches with its place; the words at its axes are text.

use common::units;
use leptos::prelude::*;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `line--1`, `line--2`: its colour and its dashes.
    pub class: &'static str,
    /// One for each second from the start; where there is none, the line has a gap.
    pub points: Vec<Option<f64>>,
    /// What lies below it is filled.
    pub filled: bool,
}

/// How many spaces between the lines that run across.
const SPACES: u8 = 4;

/// Lines over `seconds`. The same numbers should stand in a table beside it.
#[component]
pub fn Chart(
    /// What a screen reader is told.
    label: String,
    lines: Vec<Line>,
    /// How long it all took or will take; the axis is as long, or up to the next round number.
    seconds: f64,
    /// Stands at the topmost number.
    unit: &'static str,
) -> impl IntoView {
    let times = Times::of(seconds);
    let seconds = times.length();
    let most = lines.iter().flat_map(|line| line.points.iter().flatten()).copied().fold(0.0, f64::max);
    let step = step(most);
    let top = step * f64::from(SPACES);
    let heights = (0..=SPACES)
        .rev()
        .map(|at| {
            let unit = (at == SPACES && !unit.is_empty()).then(|| format!(" {unit}"));
            view! { <span>{axis(step * f64::from(at), step)} {unit}</span> }
        })
        .collect_view();
    let across = (0..=SPACES)
        .map(|at| {
            let y = f64::from(at) * 200.0 / f64::from(SPACES);
            view! { <line class="grid" x1="0" x2="1000" y1=y y2=y></line> }
        })
        .collect_view();
    let times = (0..=times.spaces)
        .map(|at| {
            let time = at * times.step;
            view! { <span>{if at == 0 { format!("{time} s") } else { time.to_string() }}</span> }
        })
        .collect_view();
    let lines = lines
        .into_iter()
        .map(|line| {
            let area = if line.filled { area(&line.points, seconds, top) } else { String::new() };
            view! {
                <path class="area" d=area></path>
                <path class=format!("line {}", line.class) d=path(&line.points, seconds, top)></path>
            }
        })
        .collect_view();
    view! {
        <div class="chart">
            <div class="chart__y" aria-hidden="true">{heights}</div>
            <svg class="chart__plot" viewBox="0 0 1000 200" preserveAspectRatio="none" role="img" aria-label=label>
                {across}
                {lines}
            </svg>
            <div class="chart__x" aria-hidden="true">{times}</div>
        </div>
    }
    .into_any()
}

/// The distance of the lines across: 1, 2, 2.5 or 5 times a power of ten, so that the most just fits.
fn step(most: f64) -> f64 {
    if !(most.is_finite() && most > 0.0) {
        return 1.0;
    }
    let least = most / f64::from(SPACES);
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= least)
        .unwrap_or(least)
}

/// A number at the axis, with as many digits as its neighbours need to differ.
fn axis(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if step >= 1.0 && step.fract() == 0.0 {
        return units::thousands(value as i64);
    }
    let digits = (1.0 - step.log10().floor()).clamp(1.0, 6.0) as usize;
    let shown = format!("{value:.digits$}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The times along the axis: whole seconds, evenly apart, in steps that people count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    /// Seconds.
    step: u32,
    spaces: u32,
}

impl Times {
    const STEPS: [u32; 9] = [1, 2, 5, 10, 15, 20, 30, 60, 120];
    /// More would not fit on a phone.
    const MOST: u32 = 6;

    fn of(seconds: f64) -> Self {
        // The last answers come a little after the end.
        let whole = seconds.round().clamp(1.0, 3600.0) as u32;
        let step = Self::STEPS
            .into_iter()
            .find(|step| whole.div_ceil(*step) <= Self::MOST)
            .unwrap_or_else(|| whole.div_ceil(Self::MOST));
        Self { step, spaces: whole.div_ceil(step) }
    }

    fn length(self) -> f64 {
        f64::from(self.step * self.spaces)
    }
}

fn place(at: usize, value: f64, seconds: f64, top: f64) -> (f64, f64) {
    let x = ((at as f64 + 0.5) / seconds.max(1.0) * 1000.0).min(1000.0);
    (x, 200.0 - (value / top * 200.0).clamp(0.0, 200.0))
}

/// A line through the points, broken where one is missing. A point alone is a dot.
fn path(points: &[Option<f64>], seconds: f64, top: f64) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (at, point) in points.iter().enumerate() {
        let Some(value) = *point else {
            drawing = false;
            continue;
        };
        let (x, y) = place(at, value, seconds, top);
        path.push_str(&format!("{}{x:.1} {y:.1}", if drawing { 'L' } else { 'M' }));
        if !drawing && points.get(at + 1).copied().flatten().is_none() {
            path.push_str("h.1");
        }
        drawing = true;
    }
    path
}

/// What lies below the line; a gap counts as nothing.
fn area(points: &[Option<f64>], seconds: f64, top: f64) -> String {
    let ends = |at: usize| place(at, 0.0, seconds, top).0;
    let Some(last) = points.len().checked_sub(1) else { return String::new() };
    let line: String = points
        .iter()
        .enumerate()
        .map(|(at, point)| {
            let (x, y) = place(at, point.unwrap_or(0.0), seconds, top);
            format!("L{x:.1} {y:.1}")
        })
        .collect();
    format!("M{:.1} 200{line}L{:.1} 200Z", ends(0), ends(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_round_numbers_and_the_most_fits() {
        for (most, expected) in [(1842.0, 500.0), (0.84, 0.25), (41.0, 20.0), (4.0, 1.0), (0.0, 1.0)] {
            assert_eq!(step(most), expected, "{most}");
            assert!(step(most) * f64::from(SPACES) >= most);
        }
    }

    #[test]
    fn numbers_at_the_axis_differ_from_their_neighbours() {
        let shown: Vec<_> = (0..=4u8).map(|at| axis(0.25 * f64::from(at), 0.25)).collect();
        assert_eq!(shown, ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(axis(12_500.0, 2500.0), "12\u{202F}500");
        assert_eq!(axis(0.004, 0.002), "0.004");
    }

    #[test]
    fn times_are_whole_seconds_in_steps_that_people_count_in() {
        let told: Vec<_> = [0.4, 3.0, 7.2, 10.03, 30.0, 61.0, 300.4]
            .map(|seconds| Times::of(seconds))
            .map(|times| (times.step, times.spaces))
            .into();
        assert_eq!(told, [(1, 1), (1, 3), (2, 4), (2, 5), (5, 6), (15, 5), (60, 5)]);
    }

    #[test]
    fn a_line_breaks_where_a_second_has_no_number() {
        let drawn = path(&[Some(1.0), Some(2.0), None, Some(4.0)], 4.0, 4.0);
        assert_eq!(drawn, "M125.0 150.0L375.0 100.0M875.0 0.0h.1");
    }

    #[test]
    fn no_numbers_draw_nothing() {
        assert_eq!(path(&[], 10.0, 1.0), "");
        assert_eq!(area(&[], 10.0, 1.0), "");
    }
}
