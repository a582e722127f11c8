//! A range of history, as the address names it: the last hours or days (`?range=7d`), or from one time to another
//! (`?from=2026-05-04T14:00&to=…`, of UTC).

use chrono::{DateTime, TimeDelta, Utc};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use crate::{
    clock::{date, rfc3339, time},
    components::{Icon, IconName},
    use_now,
};

/// A range that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Last {
    Hour,
    SixHours,
    #[default]
    Day,
    Week,
    Month,
    Quarter,
}

impl Last {
    pub(super) const ALL: [Self; 6] =
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

    fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::SixHours => 6,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
            Self::Quarter => 90 * 24,
        }
    }
}

/// What the address says. Times are kept as they were written: whether they are times, the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Range {
    Last(Last),
    Between { from: String, to: String },
}

impl Default for Range {
    fn default() -> Self {
        Self::Last(Last::default())
    }
}

impl Range {
    pub(super) fn of_address(query: &ParamsMap) -> Self {
        let text = |key| query.get_str(key).map(str::trim).unwrap_or_default().to_owned();
        let (from, to) = (text("from"), text("to"));
        if !from.is_empty() || !to.is_empty() {
            return Self::Between { from, to };
        }
        let slug = text("range");
        Self::Last(Last::ALL.into_iter().find(|last| last.slug() == slug).unwrap_or_default())
    }

    /// What says it in an address; nothing for the usual one.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Last(last) if *last == Last::default() => Vec::new(),
            Self::Last(last) => vec![("range", last.slug().to_owned())],
            Self::Between { from, to } => [("from", from), ("to", to)]
                .into_iter()
                .filter(|(_, time)| !time.is_empty())
                .map(|(name, time)| (name, time.clone()))
                .collect(),
        }
    }

    /// From when to when. The usual range leaves both to the server, which then also takes what was counted before the
    /// first reading.
    pub(super) fn ends(&self, now: DateTime<Utc>) -> (Option<String>, Option<String>) {
        let said = |time: &String| (!time.is_empty()).then(|| time.clone());
        match self {
            Self::Last(last) if *last == Last::default() => (None, None),
            Self::Last(last) => (Some(rfc3339(now - TimeDelta::hours(last.hours()))), None),
            Self::Between { from, to } => (said(from), said(to)),
        }
    }

    pub(super) fn in_words(&self) -> String {
        let shown = |time: &str| time.trim_end_matches('Z').replacen('T', " ", 1);
        match self {
            Self::Last(Last::Hour) => "the last hour".to_owned(),
            Self::Last(last) if last.hours() <= 24 => format!("the last {} hours", last.hours()),
            Self::Last(last) => format!("the last {} days", last.hours() / 24),
            Self::Between { from, to } if to.is_empty() => format!("since {}", shown(from)),
            Self::Between { from, to } if from.is_empty() => format!("the 24 hours before {}", shown(to)),
            Self::Between { from, to } => format!("{} to {}", shown(from), shown(to)),
        }
    }
}

/// Chooses a range: links for the last hours and days, and a form for any other.
#[component]
pub(super) fn RangePicker(
    range: Signal<Range>,
    /// The address of the page with a range and everything else as it is.
    href: Callback<Range, String>,
    /// The page.
    action: &'static str,
    /// What else the address says.
    others: Signal<Vec<(&'static str, String)>>,
) -> impl IntoView {
    let presets = Last::ALL
        .map(|last| {
            let to = move || href.run(Range::Last(last));
            let current = move || (range.get() == Range::Last(last)).then_some("true");
            view! { <a href=to aria-current=current data-noscroll="">{last.label()}</a> }
        })
        .collect_view();
    view! {
        <div class="range">
            <div class="seg" role="group" aria-label="Range">{presets}</div>
            <Between range action others/>
        </div>
    }
    .into_any()
}

/// From one time to another.
#[component]
fn Between(
    range: Signal<Range>,
    action: &'static str,
    others: Signal<Vec<(&'static str, String)>>,
) -> impl IntoView {
    let now = use_now();
    let chosen = move || range.with(|range| matches!(range, Range::Between { .. }));
    let label = move || range.with(|range| if chosen() { range.in_words() } else { "Custom".to_owned() });
    let ends = move || range.with(|range| for_fields(range, now.get_untracked()));
    let hidden = move || {
        others
            .get()
            .into_iter()
            .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
            .collect_view()
    };
    view! {
        <details class="pop">
            <summary class="btn" aria-current=move || chosen().then_some("true")>
                <Icon name=IconName::Clock/>{label}<Icon name=IconName::ChevronDown/>
            </summary>
            <form class="pop__body stack" method="get" action=action>
                {hidden}
                <label class="field" for="from">
                    <span class="field__label">"From "<span class="unit">"UTC"</span></span>
                    <input class="input" id="from" name="from" type="datetime-local" value=move || ends().0/>
                </label>
                <label class="field" for="to">
                    <span class="field__label">"To "<span class="unit">"UTC"</span></span>
                    <input class="input" id="to" name="to" type="datetime-local" value=move || ends().1/>
                </label>
                <button class="btn btn--fill">"Show"</button>
            </form>
        </details>
    }
    .into_any()
}

/// The range as two fields write it. To the minute: seconds would be a third thing to set.
fn for_fields(range: &Range, now: DateTime<Utc>) -> (String, String) {
    let minute = |at: DateTime<Utc>| format!("{}T{}", date(at), &time(at)[..5]);
    match range {
        Range::Last(last) => (minute(now - TimeDelta::hours(last.hours())), minute(now)),
        Range::Between { from, to } => (from.clone(), to.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, String)]) -> Range {
        let mut map = ParamsMap::new();
        for (name, value) in pairs {
            map.insert(*name, value.clone());
        }
        Range::of_address(&map)
    }

    #[test]
    fn an_address_and_its_range_are_the_same() {
        for last in Last::ALL {
            let range = Range::Last(last);
            assert_eq!(of(&range.parameters()), range);
        }
        let between = Range::Between { from: "2026-05-04T14:00".to_owned(), to: String::new() };
        assert_eq!(of(&between.parameters()), between);
    }

    #[test]
    fn an_address_that_says_nonsense_is_the_usual_range_or_is_refused_by_the_server() {
        assert_eq!(of(&[("range", "1000y".to_owned())]), Range::default());
        let (from, to) = of(&[("from", "yesterday".to_owned())]).ends(DateTime::UNIX_EPOCH);
        assert_eq!((from.as_deref(), to), (Some("yesterday"), None));
    }

    #[test]
    fn ranges_are_told_in_words() {
        assert_eq!(Range::Last(Last::Hour).in_words(), "the last hour");
        assert_eq!(Range::Last(Last::SixHours).in_words(), "the last 6 hours");
        assert_eq!(Range::Last(Last::Quarter).in_words(), "the last 90 days");
        let between =
            Range::Between { from: "2026-05-04T14:00".to_owned(), to: "2026-05-04T16:30".to_owned() };
        assert_eq!(between.in_words(), "2026-05-04 14:00 to 2026-05-04 16:30");
    }
}
