//! What time it is, the same on the server and in the browser while the page wakes up.
//!
//! The server's time travels with the page; the browser shows it first (so that both render the same words) and
//! then ticks on, once a second.

use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use common::units;
use leptos::prelude::*;

use crate::wire;

/// A browser's clock that is off by more than this is corrected to the server's.
const TOLERATED_SKEW: TimeDelta = TimeDelta::seconds(5);

pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[derive(Clone, Copy)]
struct Clock(ReadSignal<DateTime<Utc>>);

/// Starts the clock for everything below.
pub(crate) fn provide_clock() {
    // A number: the browser would need a parser of dates for nothing else.
    let start = wire::of_the_server(|| wall_clock().timestamp_micros());
    let start = DateTime::from_timestamp_micros(start).unwrap_or_default();
    let (now, set_now) = signal(start);
    provide_context(Clock(now));
    Effect::new(move |_| {
        let skew = start - wall_clock();
        let offset = if skew.abs() > TOLERATED_SKEW { skew } else { TimeDelta::zero() };
        let tick = move || set_now.set(wall_clock() + offset);
        if let Ok(interval) = set_interval_with_handle(tick, Duration::from_secs(1)) {
            on_cleanup(move || interval.clear());
        }
    });
}

/// The time by the server's clock; changes every second once the page is awake.
pub fn use_now() -> ReadSignal<DateTime<Utc>> {
    let Clock(now) = expect_context();
    now
}

#[cfg(feature = "ssr")]
fn wall_clock() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

#[cfg(not(feature = "ssr"))]
fn wall_clock() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(js_sys::Date::now() as i64).unwrap_or_default()
}

/// How long ago something was: `9 s`, `29 min`. Hovering tells the time itself.
#[component]
pub fn Ago(
    at: DateTime<Utc>,
    /// What follows the span, such as `" ago"`.
    #[prop(optional)]
    suffix: &'static str,
) -> impl IntoView {
    let now = use_now();
    let words = move || {
        let seconds = (now.get() - at).num_milliseconds() as f64 / 1000.0;
        format!("{}{suffix}", units::ago(seconds))
    };
    view! {
        <time class="nowrap" datetime=rfc3339(at) title=utc(at)>
            {move || words()}
        </time>
    }
}

/// A point in time: `2026-05-04 14:03:07 UTC`.
#[component]
pub fn Moment(at: DateTime<Utc>) -> impl IntoView {
    view! { <time class="nowrap" datetime=rfc3339(at)>{utc(at)}</time> }
}

/// `2026-05-04 14:03:07 UTC`. Neither this nor the others here by chrono's formatter, which is 4 KB of script.
pub(crate) fn utc(at: DateTime<Utc>) -> String {
    format!("{} {} UTC", date(at), time(at))
}

/// `2026-05-04 14:03 UTC`
pub(crate) fn utc_minute(at: DateTime<Utc>) -> String {
    format!("{} {:02}:{:02} UTC", date(at), at.hour(), at.minute())
}

/// `4 May 2026`
pub(crate) fn day(at: DateTime<Utc>) -> String {
    let month = MONTHS[at.month0() as usize % MONTHS.len()];
    format!("{} {month} {}", at.day(), at.year())
}

/// As chrono writes it.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    let fraction = match at.nanosecond() {
        0 => String::new(),
        nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        nanos if nanos % 1000 == 0 => format!(".{:06}", nanos / 1000),
        nanos => format!(".{nanos:09}"),
    };
    format!("{}T{}{fraction}+00:00", date(at), time(at))
}

fn date(at: DateTime<Utc>) -> String {
    format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day())
}

/// `14:03:07`
pub(crate) fn time(at: DateTime<Utc>) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_chrono_writes_them() {
        for nanos in [0, 120_000_000, 120_300_000, 7] {
            let at = DateTime::from_timestamp(1_777_903_387, nanos).unwrap();
            assert_eq!(rfc3339(at), at.to_rfc3339());
            assert_eq!(utc(at), at.format("%Y-%m-%d %H:%M:%S UTC").to_string());
            assert_eq!(utc_minute(at), at.format("%Y-%m-%d %H:%M UTC").to_string());
        }
        for month in 0..12 {
            let at = DateTime::UNIX_EPOCH + TimeDelta::days(3 + 30 * month);
            assert_eq!(day(at), at.format("%-d %b %Y").to_string());
        }
    }
}
