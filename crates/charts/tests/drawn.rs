//! Charts of plain numbers, as they come out: pictures of text that a reviewer can read, and promises about them.

#![allow(clippy::unwrap_used)] // a test ends where something is not as it must be

use charts::{Chart, Drawing, Frame, Hidden, Ink, Kind, Theme, Unit, Zone, svg};
use chrono::{DateTime, Utc};
use common::{
    ConnectionId,
    history::{COLUMNS, ChartData, Mark, Series},
    load::LoadSecond,
};
use plotters::prelude::{DrawingBackend, SVGBackend};

/// 14 June 2026, 14:30 UTC.
const END: i64 = 1_781_447_400;

fn time(seconds_before: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(END - seconds_before, 0).unwrap()
}

/// t, p50, p95, min, max, count, failures.
type Columns = (i64, Option<f64>, Option<f64>, Option<f64>, Option<f64>, f64, f64);

fn series(metric: &str, unit: &str, points: &[Columns]) -> Series {
    let points = points
        .iter()
        .map(|(before, p50, p95, min, max, count, failures)| {
            let t = (END - before) as f64 * 1000.0;
            vec![Some(t), *p50, *p95, *min, *max, Some(*count), Some(*failures)]
        })
        .collect();
    Series {
        connection_id: ConnectionId(1),
        name: "orders".to_owned(),
        metric: metric.to_owned(),
        unit: unit.to_owned(),
        columns: COLUMNS.map(str::to_owned).into(),
        points,
    }
}

/// Two hours in buckets of 5 minutes: an hour of checks, a pause, three failures, and on.
fn two_hours() -> ChartData {
    let points: Vec<Columns> = (0..24)
        .map(|at| {
            let wave = f64::from((at * 7) % 11);
            let before = i64::from(24 - at) * 300;
            match at {
                10 => (before, None, None, None, None, 0.0, 0.0),
                11..=13 => (before, None, None, None, None, 0.0, 0.0),
                17 => (before, None, None, None, None, 5.0, 5.0),
                18 => (before, Some(31.0), Some(60.0), Some(25.0), Some(70.0), 5.0, 2.0),
                _ => (
                    before,
                    Some(30.0 + wave),
                    Some(50.0 + wave),
                    Some(28.0),
                    Some(60.0 + 3.0 * wave),
                    5.0,
                    0.0,
                ),
            }
        })
        .collect();
    let mark = Mark {
        connection_id: ConnectionId(1),
        t: (END - 3000) * 1000,
        kind: "restart".to_owned(),
        label: "The server was restarted".to_owned(),
    };
    ChartData {
        from: time(7200),
        to: time(0),
        resolution_s: 300,
        series: vec![series("round_trip_ms", "ms", &points)],
        marks: vec![mark],
    }
}

fn picture(chart: &Chart) -> String {
    svg(chart, Hidden::default(), &Zone::utc(), 400, 200, "c", "A \"label\" <of> it").replace("><", ">\n<")
}

#[test]
fn latency_as_svg() {
    insta::assert_snapshot!(picture(&Chart::of_history(&two_hours(), Kind::Latency)));
}

#[test]
fn phases_as_svg() {
    let held = |metric: &str, ms: f64| {
        let points: Vec<Columns> = (0..20)
            .map(|at| {
                // Every fifth check connects anew; the others have nothing to say about phases.
                let value = (at % 5 == 0).then(|| ms + f64::from(at) / 10.0);
                (i64::from(20 - at) * 60, value, value, value, value, 1.0, 0.0)
            })
            .collect();
        series(metric, "ms", &points)
    };
    let data = ChartData {
        from: time(1200),
        to: time(0),
        resolution_s: 0,
        series: vec![held("query_ms", 12.0), held("tcp_ms", 8.0), held("dns_ms", 1.0), held("auth_ms", 20.0)],
        marks: Vec::new(),
    };
    let chart = Chart::of_history(&data, Kind::Phases);
    assert_eq!(
        chart.traces.iter().map(|trace| trace.label.as_str()).collect::<Vec<_>>(),
        ["DNS", "TCP", "Auth", "First query"]
    );
    let drawn = picture(&chart);
    // Held checks in between are no gaps: each layer is one area.
    assert_eq!(drawn.matches('Z').count(), 4);
    insta::assert_snapshot!(drawn);
}

#[test]
fn a_number_of_the_health_as_svg() {
    let points: Vec<Columns> = (0..6)
        .map(|at| {
            let ratio = Some(0.98 + f64::from(at) / 500.0);
            (i64::from(6 - at) * 600, ratio, ratio, ratio, ratio, 1.0, 0.0)
        })
        .collect();
    let data = ChartData {
        from: time(3600),
        to: time(0),
        resolution_s: 0,
        series: vec![series("cache_hit_ratio", "ratio", &points)],
        marks: Vec::new(),
    };
    let chart = Chart::of_history(&data, Kind::Lines(&[("cache_hit_ratio", "Cache hit ratio")]));
    assert_eq!(chart.unit, Unit::Ratio);
    insta::assert_snapshot!(picture(&chart));
}

#[test]
fn a_load_test_as_svg() {
    let timeline: Vec<LoadSecond> = (0..10)
        .map(|second| LoadSecond {
            second,
            requests: 900 + u64::from(second) * 20,
            failed: u64::from(second == 4),
            p50_ms: (second != 4).then_some(1.5),
            p99_ms: (second != 4).then_some(4.0),
        })
        .collect();
    insta::assert_snapshot!(picture(&Chart::of_answers(&timeline, 10.0)));
}

#[test]
fn a_drawing_has_no_style_and_no_colour_of_its_own() {
    let drawn = picture(&Chart::of_history(&two_hours(), Kind::Latency));
    for refused in ["style=", "<style", "stroke=\"", "#fff", "rgb(", "<of>"] {
        assert!(!drawn.contains(refused), "{refused}");
    }
    assert!(drawn.contains("aria-label=\"A &quot;label&quot; &lt;of&gt; it\""));
}

#[test]
fn a_hidden_trace_is_not_drawn_and_the_axis_fits_what_is_left() {
    let chart = Chart::of_history(&two_hours(), Kind::Latency);
    let band = chart.traces.iter().position(|trace| trace.key == "max").unwrap();
    let hidden = Hidden::default().toggle(band);
    let drawn = svg(&chart, hidden, &Zone::utc(), 400, 200, "c", "");
    assert!(!drawn.contains(" band"));
    assert!(picture(&chart).contains(">100 ms<"));
    assert!(drawn.contains(">60 ms<"), "{drawn}");
}

#[test]
fn any_backend_of_plotters_will_do() {
    let chart = Chart::of_history(&two_hours(), Kind::Latency);
    let mut out = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut out, (640, 240));
        let frame = Frame::of_screen(50.0, 10.0, 580.0, 200.0, 1.0);
        let theme = Theme::Colours([(70, 104, 224); Ink::ALL.len()]);
        let zone = Zone::utc();
        let drawing = Drawing::new(&chart, frame, Hidden::default(), &zone, theme, "sans-serif");
        drawing.axes(&mut backend).unwrap();
        drawing.series(&mut backend).unwrap();
        backend.present().unwrap();
    }
    assert!(out.contains("<polyline") && out.contains("#4668E0"), "{out}");
}

#[test]
fn the_nearest_row_is_read_and_steps_pass_over_gaps() {
    let chart = Chart::of_history(&two_hours(), Kind::Latency);
    let zone = Zone::utc();
    let near_the_end = chart.nearest((END - 200) * 1000).unwrap();
    let reading = chart.reading(near_the_end, Hidden::default(), &zone).unwrap();
    assert_eq!(
        reading.in_words(chart.counted),
        "14 Jun 2026, 14:25–14:30. Median 37.0 ms, p95 57.0 ms, Min–max 28.0–81.0 ms, Checks: 5, all ok"
    );
    let failed = chart.reading(17, Hidden::default(), &zone).unwrap();
    assert_eq!(
        failed.in_words("Checks"),
        "14 Jun 2026, 13:55–14:00. Median –, p95 –, Min–max –, Checks: 5, all failed"
    );
    assert_eq!(chart.step(9, 1), 14, "over the pause");
    assert_eq!(chart.step(14, -1), 9);
    assert_eq!(chart.step(22, 10), 23, "to the last at most");
    let restart = chart.nearest((END - 3000) * 1000).unwrap();
    assert_eq!(chart.reading(restart, Hidden::default(), &zone).unwrap().notes, ["The server was restarted"]);
}

#[test]
fn the_table_and_the_file_have_the_same_numbers() {
    let chart = Chart::of_history(&two_hours(), Kind::Latency);
    let table = chart.table(3, &Zone::fixed(120));
    assert_eq!(table.heads, ["Median", "p95", "Min–max", "Checks"]);
    assert_eq!(table.total, 20);
    assert_eq!(table.rows[0].time, "14 Jun 2026, 16:25–16:30");
    assert_eq!(table.rows[0].values, ["37.0 ms", "57.0 ms", "28.0–81.0 ms"]);
    let csv = chart.csv();
    assert!(csv.starts_with("time,p50_ms,p95_ms,min_ms,max_ms,count,failures\r\n"), "{csv}");
    assert!(csv.ends_with("2026-06-14T14:25:00Z,37,57,28,81,5,0\r\n"), "{csv}");
    assert_eq!(csv.lines().count(), 21);
}
