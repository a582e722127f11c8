//! The range of time that a page shows: one for all of its charts, kept in the address. Links and a GET form, so that it
//! works without JavaScript, survives a reload and can be sent to somebody.

use chrono::{DateTime, TimeDelta, Utc};
use leptos::{ev::SubmitEvent, html, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
    params::ParamsMap,
};

use super::{Icon, IconName, Notice, Tone, history_chart::Zoom};

/// How far back a page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Span {
    Hour,
    SixHours,
    #[default]
    Day,
    Week,
    Month,
    Quarter,
}

impl Span {
    pub const ALL: [Self; 6] =
        [Self::Hour, Self::SixHours, Self::Day, Self::Week, Self::Month, Self::Quarter];

    fn slug(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Hour => "1 h",
            Self::SixHours => "6 h",
            Self::Day => "24 h",
            Self::Week => "7 d",
            Self::Month => "30 d",
            Self::Quarter => "90 d",
        }
    }

    fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::SixHours => TimeDelta::hours(6),
            Self::Day => TimeDelta::days(1),
            Self::Week => TimeDelta::days(7),
            Self::Month => TimeDelta::days(30),
            Self::Quarter => TimeDelta::days(90),
        }
    }
}

/// What an address says about time: a span that ends now or, within it or apart from it, two times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimeRange {
    pub span: Span,
    /// Epoch milliseconds. What was zoomed into, or typed; `span` is where leaving it leads.
    pub window: Option<(i64, i64)>,
    /// What stood there and is no time: the name of the field and its text.
    pub unreadable: Option<(&'static str, String)>,
}

impl TimeRange {
    pub fn of_address(query: &ParamsMap) -> Self {
        let slug = query.get_str("range").unwrap_or_default();
        let span = Span::ALL.into_iter().find(|span| span.slug() == slug).unwrap_or_default();
        let mut range = Self { span, ..Self::default() };
        let mut read = |name: &'static str| {
            let text = query.get_str(name).filter(|text| !text.trim().is_empty())?;
            let time = parse(text.trim());
            if time.is_none() {
                range.unreadable = Some((name, common::text::clean(text, 60)));
            }
            time
        };
        let (from, to) = (read("from"), read("to"));
        range.window = match (from, to) {
            (Some(from), Some(to)) => Some((from, to)),
            // A beginning alone goes as far as its span; so does an end alone.
            (Some(from), None) => Some((from, from + span.length().num_milliseconds())),
            (None, Some(to)) => Some((to - span.length().num_milliseconds(), to)),
            (None, None) => None,
        };
        range
    }

    fn of_span(span: Span) -> Self {
        Self { span, ..Self::default() }
    }

    /// As it stands in an address.
    pub fn query(&self) -> String {
        let slug = self.span.slug();
        match self.window {
            Some((from, to)) => {
                format!("range={slug}&from={}&to={}", charts::rfc3339(from), charts::rfc3339(to))
            }
            None => format!("range={slug}"),
        }
    }

    /// From when to when, if now it is `now`.
    pub fn bounds(&self, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let (from, to) = self.asked(now);
        (from, to.unwrap_or(now))
    }

    /// As [`Self::bounds`], but a span has no end: it goes on to whatever is the newest when it is read.
    pub fn asked(&self, now: DateTime<Utc>) -> (DateTime<Utc>, Option<DateTime<Utc>>) {
        let time = |t| DateTime::from_timestamp_millis(t).unwrap_or(now);
        match self.window {
            Some((from, to)) => (time(from), Some(time(to))),
            None => (now - self.span.length(), None),
        }
    }
}

impl TimeRange {
    /// Within how many milliseconds something new should be seen: what is not a pixel wide can wait. Never, where a range
    /// has an end.
    pub fn refresh_ms(&self) -> Option<f64> {
        if self.window.is_some() {
            return None;
        }
        Some(match self.span {
            Span::Hour => 0.0,
            Span::SixHours => 2_000.0,
            Span::Day => 10_000.0,
            Span::Week | Span::Month | Span::Quarter => 60_000.0,
        })
    }
}

/// RFC 3339, or as a field for a local time sends it, which counts as UTC.
fn parse(text: &str) -> Option<i64> {
    let zoned = text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
    let seconds = text.get(10..).is_some_and(|time| time.matches(':').count() >= 2);
    let text = match (zoned, seconds) {
        (true, _) => text.to_owned(),
        (false, true) => format!("{text}Z"),
        (false, false) => format!("{text}:00Z"),
    };
    DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_millis())
}

/// The range of a page, and how its charts change it.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "callbacks have no Debug")]
pub struct PageRange {
    pub range: Memo<TimeRange>,
    /// For charts.
    pub zoom: Zoom,
    path: Signal<String>,
    go: Callback<TimeRange>,
}

impl PageRange {
    /// Of the page with this path; what else its address says, such as `metric`, is named in `keep` and stays.
    pub fn of_page(path: Signal<String>, keep: &'static [&'static str]) -> Self {
        let (query, navigate) = (use_query_map(), use_navigate());
        let range = Memo::new(move |_| query.with(TimeRange::of_address));
        let go = Callback::new(move |to: TimeRange| {
            let options = NavigateOptions { scroll: false, ..NavigateOptions::default() };
            navigate(&address(&path.get_untracked(), &query.get_untracked(), keep, &to), options);
        });
        let zoom = Zoom {
            zoomed: Signal::derive(move || range.with(|range| range.window.is_some())),
            into: Callback::new(move |(from, to)| {
                let span = range.with_untracked(|range| range.span);
                go.run(TimeRange { window: Some((from, to)), ..TimeRange::of_span(span) });
            }),
            out: Callback::new(move |()| {
                go.run(TimeRange::of_span(range.with_untracked(|range| range.span)));
            }),
        };
        Self { range, zoom, path, go }
    }
}

fn address(path: &str, query: &ParamsMap, keep: &[&str], range: &TimeRange) -> String {
    let mut address = format!("{path}?{}", range.query());
    for name in keep {
        for value in query.get_all(name).into_iter().flatten() {
            let value =
                percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
            address.push_str(&format!("&{name}={value}"));
        }
    }
    address
}

/// Chooses the range: spans that end now, or two times.
#[component]
pub fn RangePicker(
    page: PageRange,
    /// As in [`PageRange::of_page`].
    #[prop(optional)]
    keep: &'static [&'static str],
) -> impl IntoView {
    let query = use_query_map();
    let spans = Span::ALL
        .map(|span| {
            let to =
                move || query.with(|query| address(&page.path.get(), query, keep, &TimeRange::of_span(span)));
            let current = move || {
                page.range.with(|range| range.window.is_none() && range.span == span).then_some("true")
            };
            view! { <a href=to aria-current=current data-noscroll="">{span.label()}</a> }
        })
        .collect_view();
    let custom = move || page.range.with(|range| range.window.is_some() || range.unreadable.is_some());
    view! {
        <div class="range">
            <div class="seg" role="group" aria-label="Time range">{spans}</div>
            <details class="range__custom" class:range__custom--chosen=move || custom()>
                <summary class="btn btn--small">
                    <Icon name=IconName::Clock/>
                    <span>{move || if custom() { "These times" } else { "Custom" }}</span>
                </summary>
                <Times page keep/>
            </details>
        </div>
        {move || page.range.with(|range| range.unreadable.clone()).map(|(name, text)| view! {
            <Notice tone=Tone::Warn title="That is no time">
                <p><code>{name}</code>" says “"<bdi>{text}</bdi>"”. A time looks like this: "<code>"2026-05-04T14:03"</code>", in UTC."</p>
            </Notice>
        }.into_any()).into_any()}
    }
    .into_any()
}

/// From when to when, typed.
#[component]
fn Times(page: PageRange, keep: &'static [&'static str]) -> impl IntoView {
    let query = use_query_map();
    let (from, to) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let send = move |event: SubmitEvent| {
        let time = |field: NodeRef<html::Input>| parse(field.get_untracked()?.value().trim());
        // What cannot be read goes to the server, which says so.
        if let Some(window) = time(from).zip(time(to)) {
            event.prevent_default();
            let span = page.range.with_untracked(|range| range.span);
            page.go.run(TimeRange { window: Some(window), ..TimeRange::of_span(span) });
        }
    };
    let shown = move |end: fn((i64, i64)) -> i64| {
        page.range.with(|range| range.window).map(|window| {
            let time = charts::rfc3339(end(window));
            time.get(..19).unwrap_or_default().to_owned()
        })
    };
    let kept = keep
        .iter()
        .map(|name| {
            let name = *name;
            view! { <input type="hidden" name=name value=move || query.with(|query| query.get(name))/> }
        })
        .collect_view();
    view! {
        <form class="range__form" method="get" action=move || page.path.get() on:submit=send>
            <input type="hidden" name="range" value=move || page.range.with(|range| range.span.slug())/>
            {kept}
            <label class="field__label" for="range-from">"From, UTC"</label>
            <input class="input" id="range-from" name="from" type="datetime-local" step="1" required=true
                value=move || shown(|window| window.0) node_ref=from/>
            <label class="field__label" for="range-to">"To, UTC"</label>
            <input class="input" id="range-to" name="to" type="datetime-local" step="1" required=true
                value=move || shown(|window| window.1) node_ref=to/>
            <button class="btn">"Show"</button>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> TimeRange {
        let mut map = ParamsMap::new();
        for (name, value) in pairs {
            map.insert((*name).to_owned(), (*value).to_owned());
        }
        TimeRange::of_address(&map)
    }

    fn of_query(query: &str) -> TimeRange {
        of(&query.split('&').filter_map(|pair| pair.split_once('=')).collect::<Vec<_>>())
    }

    #[test]
    fn an_address_and_its_range_are_the_same() {
        for span in Span::ALL {
            for window in [None, Some((1_781_447_400_000, 1_781_451_000_500))] {
                let range = TimeRange { window, ..TimeRange::of_span(span) };
                assert_eq!(of_query(&range.query()), range);
            }
        }
    }

    #[test]
    fn times_of_a_form_are_utc() {
        let range = of(&[("from", "2026-06-14T14:30"), ("to", "2026-06-14T15:30:00")]);
        assert_eq!(range.window, Some((1_781_447_400_000, 1_781_451_000_000)));
        assert_eq!(
            of(&[("from", "2026-06-14T16:30:00+02:00")]).window,
            Some((1_781_447_400_000, 1_781_533_800_000))
        );
    }

    #[test]
    fn what_is_no_time_is_named() {
        let range = of(&[("from", "yesterday"), ("to", "2026-06-14T15:30")]);
        assert_eq!(range.unreadable, Some(("from", "yesterday".to_owned())));
        assert_eq!(of(&[("range", "1000y")]), TimeRange::default());
    }
}
