//! A time zone as far as a chart needs it: how far local time is ahead, and when that changes.

/// Offsets from UTC in minutes, each from a time on (epoch milliseconds), ascending. The first holds from ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(Vec<(i64, i32)>);

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl Zone {
    pub fn utc() -> Self {
        Self::fixed(0)
    }

    pub fn fixed(minutes: i32) -> Self {
        Self(vec![(i64::MIN, minutes)])
    }

    /// The zone of which `offset_at` tells the offset at a time: looked for between `from` and `to` only, to the minute.
    pub fn between(from: i64, to: i64, offset_at: impl Fn(i64) -> i32) -> Self {
        const WEEK: i64 = 7 * 86_400_000;
        let mut offsets = vec![(i64::MIN, offset_at(from))];
        let mut at = from;
        while at < to {
            let next = (at + WEEK).min(to);
            let (before, after) = (offset_at(at), offset_at(next));
            if before != after {
                let (mut low, mut high) = (at, next);
                while high - low > 60_000 {
                    let middle = low + (high - low) / 2;
                    if offset_at(middle) == before { low = middle } else { high = middle }
                }
                // Clocks are changed on full minutes.
                offsets.push((high.div_euclid(60_000) * 60_000, after));
            }
            at = next;
        }
        Self(offsets)
    }

    /// Minutes ahead of UTC at a time.
    pub fn offset(&self, t: i64) -> i32 {
        self.0.iter().rev().find(|(since, _)| *since <= t).map_or(0, |(_, minutes)| *minutes)
    }

    /// `UTC`, `UTC+2`, `UTC+5:30`; of the offset at a time.
    pub fn name(&self, t: i64) -> String {
        let minutes = self.offset(t);
        if minutes == 0 {
            return "UTC".to_owned();
        }
        let sign = if minutes < 0 { '−' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        if rest == 0 { format!("UTC{sign}{hours}") } else { format!("UTC{sign}{hours}:{rest:02}") }
    }

    /// Local time as if it were UTC, to be taken apart.
    pub(crate) fn local(&self, t: i64) -> i64 {
        t + i64::from(self.offset(t)) * 60_000
    }

    /// The times from `from` to `to` in stretches of one offset: begin, end, offset in milliseconds.
    pub(crate) fn stretches(&self, from: i64, to: i64) -> Vec<(i64, i64, i64)> {
        let mut begins: Vec<i64> = vec![from];
        begins.extend(self.0.iter().map(|(since, _)| *since).filter(|since| *since > from && *since <= to));
        let ends = begins.iter().skip(1).map(|begin| begin - 1).chain([to]);
        begins
            .iter()
            .zip(ends)
            .map(|(begin, end)| (*begin, end, i64::from(self.offset(*begin)) * 60_000))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Berlin in 2026: summer time from 29 March 01:00 UTC.
    fn berlin(t: i64) -> i32 {
        if t < 1_774_746_000_000 { 60 } else { 120 }
    }

    #[test]
    fn a_change_of_the_clocks_is_found_to_the_minute() {
        let zone = Zone::between(1_772_000_000_000, 1_777_000_000_000, berlin);
        assert_eq!(zone, Zone(vec![(i64::MIN, 60), (1_774_746_000_000, 120)]));
        assert_eq!(zone.name(1_772_000_000_000), "UTC+1");
        assert_eq!(zone.name(1_777_000_000_000), "UTC+2");
    }

    #[test]
    fn zones_have_the_names_that_people_know() {
        assert_eq!(Zone::utc().name(0), "UTC");
        assert_eq!(Zone::fixed(330).name(0), "UTC+5:30");
        assert_eq!(Zone::fixed(-240).name(0), "UTC−4");
    }
}
