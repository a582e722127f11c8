//! Charts of a load test: its seconds.

use common::load::LoadSecond;

use crate::{
    chart::{Across, Chart, Point, Shape, Trace},
    ink::Ink,
    unit::Unit,
};

type Line = (&'static str, &'static str, Ink, Shape, fn(&LoadSecond) -> f64);

impl Chart {
    /// How many requests were answered in each second, over `seconds` in all.
    pub fn of_requests(timeline: &[LoadSecond], seconds: f64) -> Self {
        let requests: Line = ("requests", "Requests", Ink::S1, Shape::Layer, |second| second.requests as f64);
        of_seconds(timeline, seconds, Unit::Count, &[requests])
    }

    /// How long answers took in each second.
    pub fn of_answers(timeline: &[LoadSecond], seconds: f64) -> Self {
        let lines: [Line; 2] = [
            ("p50_ms", "Median", Ink::S1, Shape::Line, |second| second.p50_ms.unwrap_or(f64::NAN)),
            ("p99_ms", "p99", Ink::S2, Shape::Dashed, |second| second.p99_ms.unwrap_or(f64::NAN)),
        ];
        of_seconds(timeline, seconds, Unit::Millis, &lines)
    }
}

fn of_seconds(timeline: &[LoadSecond], seconds: f64, unit: Unit, lines: &[Line]) -> Chart {
    let at = |second: &LoadSecond| i64::from(second.second) * 1000;
    let last = timeline.last().map_or(0, |second| at(second) + 1000);
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let mut chart = Chart {
        from: 0,
        to: ((seconds * 1000.0) as i64).max(last).max(1000),
        across: Across::Elapsed,
        resolution_ms: 1000,
        unit,
        from_zero: true,
        counted: "Requests",
        traces: Vec::new(),
        times: timeline.iter().map(at).collect(),
        counts: timeline.iter().map(|second| small(second.requests.max(second.failed))).collect(),
        failures: timeline.iter().map(|second| small(second.failed)).collect(),
        values: Vec::new(),
        lows: Vec::new(),
        gaps: Vec::new(),
        notes: Vec::new(),
    };
    for (key, label, ink, shape, value) in lines {
        let points = timeline
            .iter()
            .map(|second| Point { t: chart.middle(at(second)), value: value(second), low: value(second) })
            .collect();
        let (label, key) = ((*label).to_owned(), (*key).to_owned());
        chart.traces.push(Trace { label, key, ink: *ink, shape: *shape, points });
        chart.values.push(timeline.iter().map(value).collect());
        chart.lows.push(Vec::new());
    }
    chart
}
