//! Charts of what is kept: which series of the history becomes which line.

use common::history::{ChartData, Series};

use crate::{
    chart::{Across, Chart, Gap, Note, Point, Shape, Trace},
    ink::Ink,
    unit::Unit,
};

/// What a chart of the history shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The round trip. Of one connection: median, p95 and everything between the extremes; of several: the median of each.
    Latency,
    /// The steps of connecting anew, on top of each other.
    Phases,
    /// Numbers of the health: the first names one column of [`common::health::Metrics`] each, the second is for people.
    Lines(&'static [(&'static str, &'static str)]),
    /// The same, on top of each other.
    Layers(&'static [(&'static str, &'static str)]),
    /// Whatever series there are, on top of each other, each by its own name; the last one holds all that is not told apart.
    Statements,
}

/// In the order of connecting; with the colours that phases have everywhere.
const PHASES: [(&str, &str, Ink); 5] = [
    ("dns_ms", "DNS", Ink::S8),
    ("tcp_ms", "TCP", Ink::S3),
    ("tls_ms", "TLS", Ink::S4),
    ("auth_ms", "Auth", Ink::S2),
    ("query_ms", "First query", Ink::S1),
];

/// Where a value stands in a point: the places of [`common::history::COLUMNS`].
const T: usize = 0;
const P50: usize = 1;
const P95: usize = 2;
const MIN: usize = 3;
const MAX: usize = 4;
const COUNT: usize = 5;
const FAILURES: usize = 6;

/// One column of a series as a line.
struct Source<'a> {
    series: &'a Series,
    label: String,
    key: String,
    ink: Ink,
    shape: Shape,
    column: usize,
}

impl Chart {
    pub fn of_history(data: &ChartData, kind: Kind) -> Self {
        let sources = match kind {
            Kind::Latency => latency(data),
            Kind::Phases => phases(data),
            Kind::Lines(metrics) => metrics_of(data, metrics, Shape::Line),
            Kind::Layers(metrics) => metrics_of(data, metrics, Shape::Layer),
            Kind::Statements => statements(data),
        };
        let unit = sources.first().map_or(Unit::Millis, |source| Unit::parse(&source.series.unit));
        let counted = match kind {
            Kind::Latency | Kind::Phases => "Checks",
            Kind::Lines(_) | Kind::Layers(_) => "Readings",
            Kind::Statements => "Calls",
        };
        assemble(data, &sources, unit, counted)
    }
}

fn latency(data: &ChartData) -> Vec<Source<'_>> {
    let of_latency = || data.series.iter().filter(|series| series.metric == "round_trip_ms");
    let mut sources = Vec::new();
    match of_latency().count() {
        1 if data.resolution_s == 0 => sources.extend(of_latency().map(|series| Source {
            series,
            label: "Round trip".to_owned(),
            key: "round_trip".to_owned(),
            ink: Ink::S1,
            shape: Shape::Line,
            column: P50,
        })),
        1 => {
            for series in of_latency() {
                for (column, key, label, ink, shape) in [
                    (P50, "p50", "Median", Ink::S1, Shape::Line),
                    (P95, "p95", "p95", Ink::S2, Shape::Dashed),
                    (MAX, "max", "Min–max", Ink::S1, Shape::Band),
                ] {
                    sources.push(Source {
                        series,
                        label: label.to_owned(),
                        key: key.to_owned(),
                        ink,
                        shape,
                        column,
                    });
                }
            }
        }
        _ => sources.extend(of_latency().enumerate().map(|(at, series)| by_name(series, at))),
    }
    sources
}

fn by_name(series: &Series, at: usize) -> Source<'_> {
    // From the ninth on the colours begin again, with dashes.
    let shape = if at < 8 { Shape::Line } else { Shape::Dashed };
    let name = series.name.clone();
    Source { series, key: name.clone(), label: name, ink: Ink::of_series(at), shape, column: P50 }
}

fn phases(data: &ChartData) -> Vec<Source<'_>> {
    PHASES
        .into_iter()
        .filter_map(|(metric, label, ink)| {
            let series = data.series.iter().find(|series| series.metric == metric)?;
            let key = metric.to_owned();
            Some(Source { series, label: label.to_owned(), key, ink, shape: Shape::Layer, column: P50 })
        })
        .collect()
}

fn statements(data: &ChartData) -> Vec<Source<'_>> {
    let last = data.series.len().saturating_sub(1);
    data.series
        .iter()
        .enumerate()
        .map(|(at, series)| Source {
            series,
            label: series.name.clone(),
            key: series.metric.clone(),
            ink: if at == last { Ink::S8 } else { Ink::of_series(at % 7) },
            shape: Shape::Layer,
            column: P50,
        })
        .collect()
}

fn metrics_of<'a>(data: &'a ChartData, metrics: &[(&str, &str)], shape: Shape) -> Vec<Source<'a>> {
    let of_metric = |name: &str| {
        let name = name.to_owned();
        data.series.iter().filter(move |series| series.metric == name)
    };
    // One number of several connections goes by their names.
    if let [(metric, _)] = metrics
        && of_metric(metric).count() > 1
    {
        return of_metric(metric).enumerate().map(|(at, series)| by_name(series, at)).collect();
    }
    let mut sources: Vec<Source<'a>> = Vec::new();
    for (metric, label) in metrics {
        sources.extend(of_metric(metric).take(1).map(|series| Source {
            series,
            label: (*label).to_owned(),
            key: (*metric).to_owned(),
            ink: Ink::S1,
            shape,
            column: P50,
        }));
    }
    for (at, source) in sources.iter_mut().enumerate() {
        source.ink = Ink::of_series(at);
    }
    // A number alone has room for its extremes.
    if let [alone] = &sources[..]
        && shape == Shape::Line
        && data.resolution_s > 0
    {
        let series = alone.series;
        let label = "Min–max".to_owned();
        sources.push(Source {
            series,
            label,
            key: "max".to_owned(),
            ink: Ink::S1,
            shape: Shape::Band,
            column: MAX,
        });
    }
    sources
}

fn assemble(data: &ChartData, sources: &[Source<'_>], unit: Unit, counted: &'static str) -> Chart {
    let resolution_ms = i64::from(data.resolution_s) * 1000;
    let mut chart = Chart {
        from: data.from.timestamp_millis(),
        to: data.to.timestamp_millis(),
        across: Across::Time,
        resolution_ms,
        unit,
        // What is large and changes little would be a flat line at the top.
        from_zero: !matches!(unit, Unit::Ratio | Unit::Bytes),
        counted,
        traces: Vec::new(),
        times: times(sources),
        counts: Vec::new(),
        failures: Vec::new(),
        values: Vec::new(),
        lows: Vec::new(),
        gaps: Vec::new(),
        notes: Vec::new(),
    };
    count(&mut chart, sources);
    for source in sources {
        let (mut values, mut lows) = (vec![f64::NAN; chart.times.len()], Vec::new());
        if source.shape == Shape::Band {
            lows.clone_from(&values);
        }
        let mut points = Vec::with_capacity(source.series.points.len());
        let mut rows = Rows::of(&chart.times);
        for row in &source.series.points {
            let Some(t) = number(row, T).map(|t| t as i64) else { continue };
            let value = number(row, source.column).unwrap_or(f64::NAN);
            let low = if source.shape == Shape::Band { number(row, MIN).unwrap_or(f64::NAN) } else { value };
            let asked_in_vain = number(row, FAILURES).is_some_and(|failures| failures > 0.0);
            let not_asked = number(row, COUNT).is_none_or(|count| count <= 0.0);
            if !value.is_nan() || asked_in_vain || not_asked {
                points.push(Point { t: chart.middle(t), value, low });
            }
            if let Some(at) = rows.find(t) {
                values[at] = value;
                if let Some(place) = lows.get_mut(at) {
                    *place = low;
                }
            }
        }
        let Source { label, key, ink, shape, .. } = source;
        let (label, key) = (label.clone(), key.clone());
        chart.traces.push(Trace { label, key, ink: *ink, shape: *shape, points });
        chart.values.push(values);
        chart.lows.push(lows);
    }
    let of_one = data.series.iter().all(|series| series.connection_id == data.series[0].connection_id);
    if of_one {
        chart.gaps = gaps(&chart);
    }
    chart.notes = data
        .marks
        .iter()
        .map(|mark| Note { t: mark.t, label: common::text::clean(&mark.label, 200) })
        .collect();
    chart
}

/// Every time at which any of them has a point.
fn times(sources: &[Source<'_>]) -> Vec<i64> {
    let mut times: Vec<i64> = sources
        .iter()
        .flat_map(|source| &source.series.points)
        .filter_map(|row| number(row, T).map(|t| t as i64))
        .collect();
    // Stable, because it is quick where it finds stretches that ascend, which each series is.
    times.sort();
    times.dedup();
    times
}

/// How often there were checks, and how often in vain. Of one connection every column tells of the same checks, though of a
/// phase only of those that came to it; checks of several connections add up.
fn count(chart: &mut Chart, sources: &[Source<'_>]) {
    chart.counts = vec![0; chart.times.len()];
    chart.failures = vec![0; chart.times.len()];
    let mut connections: Vec<_> = sources.iter().map(|source| source.series.connection_id).collect();
    connections.sort_unstable();
    connections.dedup();
    // Calls of different statements are different calls.
    let apart = chart.counted == "Calls";
    for connection in connections {
        let mut counts = vec![(0, 0); chart.times.len()];
        for source in sources.iter().filter(|source| source.series.connection_id == connection) {
            let mut rows = Rows::of(&chart.times);
            for row in &source.series.points {
                let Some(at) = number(row, T).and_then(|t| rows.find(t as i64)) else { continue };
                let of = |column| number(row, column).unwrap_or(0.0) as u32;
                let (count, failures) = (of(COUNT), of(FAILURES));
                counts[at] = if apart {
                    (counts[at].0 + count, counts[at].1 + failures)
                } else {
                    (counts[at].0.max(count), counts[at].1.max(failures))
                };
            }
        }
        for (at, (count, failures)) in counts.into_iter().enumerate() {
            chart.counts[at] += count;
            chart.failures[at] += failures;
        }
    }
}

/// From where nothing was measured any more until the next measurement.
fn gaps(chart: &Chart) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for (at, (t, _)) in
        chart.times.iter().zip(&chart.counts).enumerate().filter(|(_, (_, count))| **count == 0)
    {
        let to = chart.times.get(at + 1).copied().unwrap_or(chart.to);
        match gaps.last_mut() {
            Some(last) if last.to == *t => last.to = to,
            _ => gaps.push(Gap { from: *t, to }),
        }
    }
    gaps
}

/// Not by its name: a chart may have a hundred thousand numbers.
fn number(row: &[Option<f64>], column: usize) -> Option<f64> {
    row.get(column).copied().flatten().filter(|number| number.is_finite())
}

/// Where the rows of a chart stand, for times that ascend.
struct Rows<'a> {
    times: &'a [i64],
    at: usize,
}

impl<'a> Rows<'a> {
    fn of(times: &'a [i64]) -> Self {
        Self { times, at: 0 }
    }

    fn find(&mut self, t: i64) -> Option<usize> {
        while self.times.get(self.at).is_some_and(|time| *time < t) {
            self.at += 1;
        }
        (self.times.get(self.at) == Some(&t)).then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use common::history::COLUMNS;

    use super::*;

    #[test]
    fn the_columns_are_where_they_are_looked_for() {
        let looked_for = [
            (T, "t"),
            (P50, "p50"),
            (P95, "p95"),
            (MIN, "min"),
            (MAX, "max"),
            (COUNT, "count"),
            (FAILURES, "failures"),
        ];
        for (at, name) in looked_for {
            assert_eq!(COLUMNS[at], name);
        }
    }
}
