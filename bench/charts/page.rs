//! The product's own drawing for a page that measures it: a chart of four lines on the two layers that a chart has.

use charts::{
    Chart, Hidden, Kind, Zone,
    canvas::{Layers, Palette},
};
use chrono::DateTime;
use common::{
    ConnectionId,
    history::{COLUMNS, ChartData, Series},
};
use wasm_bindgen::prelude::*;
use web_sys::{HtmlCanvasElement, HtmlElement};

/// A chart and where it is drawn.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Drawn {
    data: ChartData,
    chart: Chart,
    layers: Layers,
    area: HtmlElement,
    palette: Palette,
}

#[wasm_bindgen]
impl Drawn {
    /// `times` in epoch milliseconds; `values` of one line after the other.
    pub fn of(
        area: HtmlElement,
        axes: HtmlCanvasElement,
        series: HtmlCanvasElement,
        times: &[f64],
        values: &[f64],
    ) -> Option<Self> {
        let time = |t: &f64| DateTime::from_timestamp_millis(*t as i64);
        let lines = values.chunks(times.len().max(1)).zip(1..).map(|(values, id)| Series {
            connection_id: ConnectionId(id),
            name: format!("line {id}"),
            metric: "round_trip_ms".to_owned(),
            unit: "ms".to_owned(),
            columns: COLUMNS.map(str::to_owned).into(),
            points: times
                .iter()
                .zip(values)
                .map(|(t, value)| {
                    let value = Some(*value);
                    vec![Some(*t), value, value, value, value, Some(1.0), Some(0.0)]
                })
                .collect(),
        });
        let data = ChartData {
            from: time(times.first()?)?,
            to: time(times.last()?)?,
            resolution_s: 0,
            series: lines.collect(),
            marks: Vec::new(),
        };
        let chart = Chart::of_history(&data, Kind::Latency);
        let palette = Palette::of_page(&area)?;
        Some(Self { data, chart, layers: Layers { axes, series }, area, palette })
    }

    /// Draws both layers. Whether there was room for it.
    pub fn draw(&self) -> bool {
        let drawn = self.layers.draw(&self.area, &self.chart, Hidden::default(), &Zone::utc(), &self.palette);
        drawn.is_some()
    }

    /// As when other numbers come: makes the chart from what the server sends, then draws.
    pub fn take_and_draw(&mut self) -> bool {
        self.chart = Chart::of_history(&self.data, Kind::Latency);
        self.draw()
    }
}
