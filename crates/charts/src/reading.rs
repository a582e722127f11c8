//! What stands at a time: for the cross-hair, and for whoever reads a chart by keyboard.

use crate::{
    chart::{Across, Chart, Shape, Trace},
    drawing::Hidden,
    time_axis::moment,
    zone::Zone,
};

/// The values nearest to a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The row of the chart.
    pub row: usize,
    /// Begin of what it stands for.
    pub t: i64,
    pub time: String,
    /// Of the traces that are shown.
    pub entries: Vec<Entry>,
    pub count: u32,
    pub failures: u32,
    /// What happened about then.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub trace: usize,
    pub label: String,
    /// With its unit; a dash where it is not known.
    pub told: String,
    /// NaN where it is not known. Of what is stacked, its own, not where it ends.
    pub value: f64,
}

impl Chart {
    /// The row nearest to a time at which something is shown.
    pub fn nearest(&self, t: i64) -> Option<usize> {
        let after = self.times.partition_point(|begin| self.middle(*begin) < t);
        let before = (0..after).rev().find(|row| self.is_stop(*row));
        let after = (after..self.times.len()).find(|row| self.is_stop(*row));
        let distance = |row: &usize| (self.middle(self.times[*row]) - t).abs();
        match (before, after) {
            (Some(before), Some(after)) => {
                Some(if distance(&before) <= distance(&after) { before } else { after })
            }
            (before, after) => before.or(after),
        }
    }

    /// The next row to the right (`steps` above 0) or left of one; the last or first there is.
    pub fn step(&self, row: usize, steps: i64) -> usize {
        let mut at = row;
        for _ in 0..steps.unsigned_abs() {
            let next = if steps > 0 {
                (at + 1..self.times.len()).find(|row| self.is_stop(*row))
            } else {
                (0..at).rev().find(|row| self.is_stop(*row))
            };
            let Some(next) = next else { break };
            at = next;
        }
        at
    }

    /// Whether there is anything to tell of a row: not of the beginning of a gap, and not where nobody asked for this.
    pub(crate) fn is_stop(&self, row: usize) -> bool {
        self.failures[row] > 0 || self.values.iter().any(|values| !values[row].is_nan())
    }

    /// The chart in a sentence or two: what it shows, from when to when, and between which values.
    pub fn in_words(&self, title: &str, zone: &Zone) -> String {
        let (from, to) = (moment(self.from, 0, self.across, zone), moment(self.to, 0, self.across, zone));
        let extent = match self.across {
            Across::Time => format!(" from {from} to {to} {}", zone.name(self.to)),
            Across::Elapsed => String::new(),
        };
        let mut parts: Vec<String> =
            (0..self.traces.len()).filter_map(|at| self.extent_in_words(at)).collect();
        if parts.is_empty() {
            parts.push("no values".to_owned());
        }
        let failures: u32 = self.failures.iter().sum();
        if failures > 0 {
            parts.push(format!("{failures} failed"));
        }
        match self.gaps.len() {
            0 => {}
            1 => parts.push("one gap".to_owned()),
            gaps => parts.push(format!("{gaps} gaps")),
        }
        format!("{title}{extent}: {}.", parts.join(", "))
    }

    fn extent_in_words(&self, trace: usize) -> Option<String> {
        let known =
            |values: &[f64]| values.iter().copied().filter(|value| !value.is_nan()).collect::<Vec<_>>();
        let values = known(&self.values[trace]);
        let lows = if self.lows[trace].is_empty() { values.clone() } else { known(&self.lows[trace]) };
        let (least, most) = (lows.into_iter().reduce(f64::min)?, values.into_iter().reduce(f64::max)?);
        Some(format!("{} {}", self.traces[trace].label, self.unit.told_between(least, most)))
    }

    pub fn reading(&self, row: usize, hidden: Hidden, zone: &Zone) -> Option<Reading> {
        let t = *self.times.get(row)?;
        let entries = self
            .traces
            .iter()
            .enumerate()
            .filter(|(at, _)| !hidden.has(*at))
            .filter_map(|(at, trace)| {
                let (low, value) = self.value_near(at, row);
                let told = match trace.shape {
                    Shape::Band if !value.is_nan() => self.unit.told_between(low, value),
                    _ => self.unit.told(value),
                };
                // Where only some were asked for everything, the others have nothing to say.
                (!value.is_nan() || self.breaks(row)).then(|| Entry {
                    trace: at,
                    label: trace.label.clone(),
                    told,
                    value,
                })
            })
            .collect();
        let notes =
            self.notes.iter().filter(|note| self.is_near(note.t, t)).map(|note| note.label.clone()).collect();
        Some(Reading {
            row,
            t,
            time: moment(t, self.resolution_ms, self.across, zone),
            entries,
            count: self.counts[row],
            failures: self.failures[row],
            notes,
        })
    }

    /// The value of a trace in a row; where several connections were asked at different times, the nearest one.
    fn value_near(&self, trace: usize, row: usize) -> (f64, f64) {
        let value = self.values[trace][row];
        if !value.is_nan() {
            return (self.lows[trace].get(row).copied().unwrap_or(value), value);
        }
        let middle = self.middle(self.times[row]);
        let Trace { points, .. } = &self.traces[trace];
        let after = points.partition_point(|point| point.t < middle);
        let near = [after.checked_sub(1), Some(after)]
            .into_iter()
            .flatten()
            .filter_map(|at| points.get(at))
            .filter(|point| !point.value.is_nan() && (point.t - middle).abs() <= self.reach())
            .min_by_key(|point| (point.t - middle).abs());
        match near {
            Some(point) if !self.is_stacked() => (point.low, point.value),
            _ => (f64::NAN, f64::NAN),
        }
    }

    /// How far apart two things may be to count as of one time.
    fn reach(&self) -> i64 {
        (self.resolution_ms / 2).max((self.to - self.from) / 400)
    }

    fn is_near(&self, note: i64, t: i64) -> bool {
        let reach = (self.to - self.from) / 150;
        note >= t - reach && note <= t + self.resolution_ms + reach
    }
}

impl Reading {
    /// All of it in a sentence, for a screen reader.
    pub fn in_words(&self, counted: &str) -> String {
        let mut parts: Vec<String> =
            self.entries.iter().map(|entry| format!("{} {}", entry.label, entry.told)).collect();
        parts.push(format!("{counted}: {}", self.counts_in_words()));
        parts.extend(self.notes.iter().cloned());
        format!("{}. {}", self.time, parts.join(", "))
    }

    /// `8, all ok`, `8, 2 failed`.
    pub fn counts_in_words(&self) -> String {
        match (self.count, self.failures) {
            (1, 0) => "1, ok".to_owned(),
            (1, _) => "failed".to_owned(),
            (count, 0) => format!("{count}, all ok"),
            (count, failures) if count == failures => format!("{count}, all failed"),
            (count, failures) => format!("{count}, {failures} failed"),
        }
    }
}
