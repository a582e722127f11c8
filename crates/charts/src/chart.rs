//! What is drawn: numbers over time, and what each of them means.

use crate::{ink::Ink, unit::Unit};

/// Numbers over a stretch of time. Times are epoch milliseconds, or milliseconds since the start ([`Across::Elapsed`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub from: i64,
    pub to: i64,
    pub across: Across,
    /// What one point stands for; 0 where each is one measurement.
    pub resolution_ms: i64,
    /// Of the value axis.
    pub unit: Unit,
    /// Whether the value axis begins at 0. What is stacked always does.
    pub from_zero: bool,
    /// What the numbers of a point are of: `Checks`, `Readings`.
    pub counted: &'static str,
    /// In the order in which they are drawn and listed.
    pub traces: Vec<Trace>,
    /// Every time at which something is known, ascending, and how often it was asked then, and how often in vain.
    pub times: Vec<i64>,
    pub counts: Vec<u32>,
    pub failures: Vec<u32>,
    /// By trace, beside `times`: what a table shows. NaN where it is not known.
    pub values: Vec<Vec<f64>>,
    /// The lower ends of bands, as `values`; empty for every other trace.
    pub lows: Vec<Vec<f64>>,
    pub gaps: Vec<Gap>,
    pub notes: Vec<Note>,
}

/// What the axis across tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    Time,
    /// Seconds since something began.
    Elapsed,
}

/// One line, band or layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub label: String,
    /// Its name in addresses and files: `p50`, `dns_ms`.
    pub key: String,
    pub ink: Ink,
    pub shape: Shape,
    /// What is drawn, ascending by time. A value that is NaN ends the line: nothing was measured, or in vain.
    pub points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Line,
    Dashed,
    /// Between two values.
    Band,
    /// On top of the layers before it.
    Layer,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub t: i64,
    pub value: f64,
    /// Of a band; otherwise the same as `value`.
    pub low: f64,
}

/// Nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub from: i64,
    pub to: i64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub t: i64,
    pub label: String,
}

impl Chart {
    /// Whether there is a single value to draw.
    pub fn is_empty(&self) -> bool {
        self.traces.iter().all(|trace| trace.points.iter().all(|point| point.value.is_nan()))
            && self.failures.iter().all(|failures| *failures == 0)
    }

    pub fn is_stacked(&self) -> bool {
        self.traces.iter().any(|trace| trace.shape == Shape::Layer)
    }

    /// Where a point stands that begins at `t`: in the middle of what it stands for.
    pub fn middle(&self, t: i64) -> i64 {
        (t + self.resolution_ms / 2).clamp(self.from.min(self.to), self.to)
    }
}

impl Chart {
    /// Whether lines end at a row without a value: it was not asked, or in vain. Otherwise it was only not asked for this.
    pub(crate) fn breaks(&self, row: usize) -> bool {
        let at = |numbers: &[u32]| numbers.get(row).copied().unwrap_or(0);
        at(&self.counts) == 0 || at(&self.failures) > 0
    }
}
