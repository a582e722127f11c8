//! The axis of time: ticks on round seconds, minutes, hours, days and months of a zone, and times in words.

use crate::{chart::Across, zone::Zone};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Timelike};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const STEPS: [i64; 22] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
];

const MONTH_STEPS: [u32; 6] = [1, 2, 3, 6, 12, 24];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Times and words of the ticks between `from` and `to`: at most `most`, which is at least 2.
pub(crate) fn ticks(from: i64, to: i64, most: u32, across: Across, zone: &Zone) -> Vec<(i64, String)> {
    let span = to - from;
    let most = i64::from(most.max(2));
    if span <= 0 {
        return Vec::new();
    }
    if across == Across::Elapsed {
        return elapsed(from, to, most);
    }
    match STEPS.into_iter().find(|step| span / step <= most) {
        Some(step) if step < DAY => within_days(from, to, step, zone),
        Some(step) => days(from, to, step / DAY, zone),
        None => months(from, to, most, zone),
    }
}

/// Whole seconds.
fn elapsed(from: i64, to: i64, most: i64) -> Vec<(i64, String)> {
    let step = STEPS.into_iter().find(|step| (to - from) / step <= most).unwrap_or(DAY);
    let first = (from + step - 1).div_euclid(step);
    let mut ticks = Vec::new();
    for at in (first..=to.div_euclid(step)).map(|at| at * step) {
        let words = (at / SECOND).to_string();
        ticks.push((at, if ticks.is_empty() { format!("{words} s") } else { words }));
    }
    ticks
}

/// Midnights say the day.
fn within_days(from: i64, to: i64, step: i64, zone: &Zone) -> Vec<(i64, String)> {
    let mut ticks = Vec::new();
    for (begin, end, offset) in zone.stretches(from, to) {
        let mut local = (begin + offset + step - 1).div_euclid(step) * step;
        while local - offset <= end {
            let time = naive(local);
            let words = if local.rem_euclid(DAY) == 0 {
                day(time.date())
            } else if step < MINUTE {
                format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
            } else {
                format!("{:02}:{:02}", time.hour(), time.minute())
            };
            ticks.push((local - offset, words));
            local += step;
        }
    }
    ticks
}

/// Midnights; of weeks on Mondays.
fn days(from: i64, to: i64, step: i64, zone: &Zone) -> Vec<(i64, String)> {
    let mut date = naive(zone.local(from)).date();
    // The first day of the common era was a Monday.
    while i64::from(date.num_days_from_ce() - 1).rem_euclid(step) != 0 {
        date = date + Days::new(1);
    }
    let mut ticks = Vec::new();
    while let Some(t) = midnight(date, zone).filter(|t| *t <= to) {
        if t >= from {
            ticks.push((t, day(date)));
        }
        date = date + Days::new(step as u64);
    }
    ticks
}

fn months(from: i64, to: i64, most: i64, zone: &Zone) -> Vec<(i64, String)> {
    let span = (to - from) / (30 * DAY);
    let step = MONTH_STEPS.into_iter().find(|step| span / i64::from(*step) <= most).unwrap_or(60);
    let first = naive(zone.local(from)).date();
    let month0 = first.month0() / step.min(12) * step.min(12);
    let mut ticks = Vec::new();
    let mut next = NaiveDate::from_ymd_opt(first.year(), month0 + 1, 1);
    while let Some(date) = next {
        let Some(t) = midnight(date, zone).filter(|t| *t <= to) else { break };
        if t >= from {
            let month = MONTHS[date.month0() as usize % 12];
            ticks.push((t, if date.month0() == 0 { date.year().to_string() } else { month.to_owned() }));
        }
        next = date.checked_add_months(Months::new(step));
    }
    ticks
}

/// When a local day begins.
fn midnight(date: NaiveDate, zone: &Zone) -> Option<i64> {
    let local = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis();
    // The offset at that local time; an hour off only where the clocks are changed at midnight itself.
    let guess = local - i64::from(zone.offset(local)) * MINUTE;
    Some(local - i64::from(zone.offset(guess)) * MINUTE)
}

/// What one point stands for: `8 Jun 2026, 14:04:12`, `8 Jun 2026, 14:00–14:05`, `8 Jun 2026`.
pub fn moment(t: i64, resolution_ms: i64, across: Across, zone: &Zone) -> String {
    if across == Across::Elapsed {
        return format!("Second {}", t / SECOND + 1);
    }
    let begin = naive(zone.local(t));
    let date = format!("{} {}", day(begin.date()), begin.year());
    if resolution_ms >= DAY {
        return date;
    }
    if resolution_ms == 0 {
        return format!("{date}, {:02}:{:02}:{:02}", begin.hour(), begin.minute(), begin.second());
    }
    let end = naive(zone.local(t + resolution_ms));
    format!("{date}, {:02}:{:02}–{:02}:{:02}", begin.hour(), begin.minute(), end.hour(), end.minute())
}

/// `2026-06-08T14:04:12Z`, with milliseconds where there are some: for files and addresses.
pub fn rfc3339(t: i64) -> String {
    let time = naive(t);
    let fraction = t.rem_euclid(SECOND);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:03}") };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn day(date: NaiveDate) -> String {
    format!("{} {}", date.day(), MONTHS[date.month0() as usize % 12])
}

fn naive(t: i64) -> NaiveDateTime {
    DateTime::from_timestamp_millis(t).unwrap_or_default().naive_utc()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 14 June 2026, 14:32 UTC.
    const NOW: i64 = 1_781_447_520_000;

    fn words(span: i64, most: u32, zone: &Zone) -> Vec<String> {
        ticks(NOW - span, NOW, most, Across::Time, zone).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn an_hour_has_ten_minutes_and_a_day_has_its_midnight() {
        assert_eq!(words(HOUR, 8, &Zone::utc()), ["13:40", "13:50", "14:00", "14:10", "14:20", "14:30"]);
        assert_eq!(
            words(DAY, 8, &Zone::utc()),
            ["15:00", "18:00", "21:00", "14 Jun", "03:00", "06:00", "09:00", "12:00"]
        );
    }

    #[test]
    fn weeks_begin_on_mondays_and_years_say_their_number() {
        assert_eq!(
            words(7 * DAY, 8, &Zone::utc()),
            ["8 Jun", "9 Jun", "10 Jun", "11 Jun", "12 Jun", "13 Jun", "14 Jun"]
        );
        assert_eq!(
            words(90 * DAY, 8, &Zone::utc()),
            ["30 Mar", "13 Apr", "27 Apr", "11 May", "25 May", "8 Jun"]
        );
        assert_eq!(words(400 * DAY, 8, &Zone::utc()), ["Jul", "Sep", "Nov", "2026", "Mar", "May"]);
    }

    #[test]
    fn days_begin_at_local_midnight_also_after_the_clocks_were_changed() {
        let change = 1_774_746_000_000; // 29 March 2026, 01:00 UTC: Berlin goes to summer time
        let zone = Zone::between(change - 7 * DAY, change + 7 * DAY, |t| if t < change { 60 } else { 120 });
        let drawn = ticks(change - 2 * DAY, change + 2 * DAY, 8, Across::Time, &zone);
        let midnights: Vec<_> = drawn.iter().filter(|(_, words)| words.contains("Mar")).collect();
        assert_eq!(midnights.len(), 4);
        for (t, _) in midnights {
            assert_eq!(zone.local(*t).rem_euclid(DAY), 0);
        }
    }

    #[test]
    fn seconds_since_the_start_begin_at_zero() {
        let drawn = ticks(0, 10 * SECOND, 6, Across::Elapsed, &Zone::utc());
        let words: Vec<_> = drawn.into_iter().map(|(_, words)| words).collect();
        assert_eq!(words, ["0 s", "2", "4", "6", "8", "10"]);
    }

    #[test]
    fn a_point_says_what_it_stands_for() {
        let zone = Zone::fixed(120);
        assert_eq!(moment(NOW, 0, Across::Time, &zone), "14 Jun 2026, 16:32:00");
        assert_eq!(moment(NOW, 5 * MINUTE, Across::Time, &zone), "14 Jun 2026, 16:32–16:37");
        assert_eq!(moment(NOW, DAY, Across::Time, &zone), "14 Jun 2026");
        assert_eq!(rfc3339(NOW), "2026-06-14T14:32:00Z");
        assert_eq!(rfc3339(NOW + 7), "2026-06-14T14:32:00.007Z");
    }

    proptest! {
        #[test]
        fn ticks_are_few_ascending_and_inside(
            from in 0..4_000_000_000_000i64, span in 1..(2000 * DAY), most in 2..12u32, offset in -14..14i32,
        ) {
            let drawn = ticks(from, from + span, most, Across::Time, &Zone::fixed(offset * 60));
            prop_assert!(drawn.len() <= most as usize + 1, "{drawn:?}");
            prop_assert!(drawn.windows(2).all(|two| two[0].0 < two[1].0));
            prop_assert!(drawn.iter().all(|(t, _)| (from..=from + span).contains(t)));
        }
    }
}
