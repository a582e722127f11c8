//! The same numbers as rows: for those who cannot see a chart, and as a file.

use crate::{
    chart::{Chart, Shape},
    time_axis::{moment, rfc3339},
    zone::Zone,
};

/// Columns with their heads, newest row first.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub heads: Vec<String>,
    pub rows: Vec<Row>,
    /// How many rows there are in all.
    pub total: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub time: String,
    pub values: Vec<String>,
    pub counts: String,
    pub failed: bool,
}

impl Chart {
    /// At most `most` rows.
    pub fn table(&self, most: usize, zone: &Zone) -> Table {
        let mut heads: Vec<String> = self.traces.iter().map(|trace| trace.label.clone()).collect();
        heads.push(self.counted.to_owned());
        let told = (0..self.times.len()).rev().filter(|row| self.is_stop(*row));
        let total = told.clone().count();
        let rows = told.take(most).map(|row| self.row(row, zone)).collect();
        Table { heads, rows, total }
    }

    fn row(&self, row: usize, zone: &Zone) -> Row {
        let values = self
            .traces
            .iter()
            .enumerate()
            .map(|(at, trace)| {
                let value = self.values[at][row];
                match (trace.shape, self.lows[at].get(row)) {
                    (Shape::Band, Some(low)) if !value.is_nan() => self.unit.told_between(*low, value),
                    _ => self.unit.told(value),
                }
            })
            .collect();
        let (count, failures) = (self.counts[row], self.failures[row]);
        let counts = if failures == 0 { count.to_string() } else { format!("{count}, {failures} failed") };
        Row {
            time: moment(self.times[row], self.resolution_ms, self.across, zone),
            values,
            counts,
            failed: failures > 0,
        }
    }

    /// All rows, oldest first, as RFC 4180 has it: times as RFC 3339 in UTC, numbers in the unit that their head says.
    pub fn csv(&self) -> String {
        let mut csv = "time".to_owned();
        for trace in &self.traces {
            let unit = self.unit.name();
            // A column's name says its unit once.
            let key = trace.key.strip_suffix(&format!("_{unit}")).unwrap_or(&trace.key);
            if trace.shape == Shape::Band {
                csv.push_str(&format!(
                    ",{},{}",
                    quoted(&format!("min_{unit}")),
                    quoted(&format!("max_{unit}"))
                ));
            } else {
                csv.push_str(&format!(",{}", quoted(&format!("{key}_{unit}"))));
            }
        }
        csv.push_str(",count,failures\r\n");
        for (row, t) in self.times.iter().enumerate().filter(|(row, _)| self.is_stop(*row)) {
            csv.push_str(&rfc3339(*t));
            for (at, trace) in self.traces.iter().enumerate() {
                if trace.shape == Shape::Band {
                    csv.push(',');
                    csv.push_str(&plain(self.lows[at].get(row).copied().unwrap_or(f64::NAN)));
                }
                csv.push(',');
                csv.push_str(&plain(self.values[at][row]));
            }
            csv.push_str(&format!(",{},{}\r\n", self.counts[row], self.failures[row]));
        }
        csv
    }
}

/// As many digits as were measured; nothing where it is not known.
fn plain(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return (value as i64).to_string();
    }
    let digits = if value.abs() < 1.0 { 6 } else { 3 };
    let text = common::units::fixed(value, digits);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Names may hold anything: a comma, a quote, and what a spreadsheet would take for a formula.
fn quoted(text: &str) -> String {
    let text = common::text::clean(text, 200);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains([',', '"', ' ', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_cell() {
        assert_eq!(quoted("orders, eu \"blue\""), "\"orders, eu \"\"blue\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }

    #[test]
    fn numbers_have_the_digits_that_were_measured() {
        assert_eq!(plain(0.312_5), "0.3125");
        assert_eq!(plain(47.0), "47");
        assert_eq!(plain(47.21), "47.21");
        assert_eq!(plain(f64::NAN), "");
    }
}
