//! The order, the range and the connection: links, so that each choice has an address and works without JavaScript.

use chrono::{DateTime, Utc};
use common::{ConnectionId, statements::StatementOrder};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::{
    super::{address::address, which_connection::PARAMETER},
    PATH,
};
use crate::{
    clock::{rfc3339, utc_minute},
    components::{Icon, IconName, Span, TimeRange},
};

/// What the address says. What it says wrongly is passed over, but times are refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Choice {
    pub(super) order: StatementOrder,
    pub(super) range: TimeRange,
    /// `None`: all.
    pub(super) connection: Option<ConnectionId>,
}

impl Choice {
    pub(super) fn of_address(query: &ParamsMap) -> Self {
        Self {
            order: query.get_str("order_by").and_then(|order| order.parse().ok()).unwrap_or_default(),
            range: TimeRange::of_address(query),
            connection: query.get_str(PARAMETER).and_then(|id| id.parse().ok()),
        }
    }

    /// What says it in an address; nothing for what is usual.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let order = (self.order != StatementOrder::default()).then(|| ("order_by", self.order.to_string()));
        let connection = self.connection.map(|id| (PARAMETER, id.to_string()));
        order.into_iter().chain(connection).chain(of_range(&self.range)).collect()
    }

    /// Its names that a choice of another range keeps.
    pub(super) const BESIDE_RANGE: &[&str] = &["order_by", PARAMETER];

    /// From when to when, as the server is asked. The usual range leaves both to it, which then also takes what was counted
    /// before the first reading; what is no time it refuses by name.
    pub(super) fn ends(&self, now: DateTime<Utc>) -> (Option<String>, Option<String>) {
        if let Some((name, text)) = self.range.unreadable.clone() {
            return if name == "from" { (Some(text), None) } else { (None, Some(text)) };
        }
        let (from, to) = self.range.bounds(now);
        match (self.range.window, self.range.span) {
            (Some(_), _) => (Some(rfc3339(from)), Some(rfc3339(to))),
            (None, Span::Day) => (None, None),
            (None, _) => (Some(rfc3339(from)), None),
        }
    }

    pub(super) fn range_in_words(&self, now: DateTime<Utc>) -> String {
        if self.range.window.is_some() {
            let (from, to) = self.range.bounds(now);
            return format!("{} to {}", utc_minute(from), utc_minute(to));
        }
        let last = match self.range.span {
            Span::Hour => "hour",
            Span::SixHours => "6 hours",
            Span::Day => "24 hours",
            Span::Week => "7 days",
            Span::Month => "30 days",
            Span::Quarter => "90 days",
        };
        format!("the last {last}")
    }

    pub(super) fn address(&self) -> String {
        address(PATH, &self.parameters())
    }
}

/// What says a range in an address; nothing for the usual one.
fn of_range(range: &TimeRange) -> Vec<(&'static str, String)> {
    if range.window.is_none() && range.span == Span::default() {
        return Vec::new();
    }
    let query = range.query();
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    };
    ["range", "from", "to"].into_iter().filter_map(|name| Some((name, value(name)?))).collect()
}

/// The order, where the heads of the columns that are hidden cannot be pressed.
#[component]
pub(super) fn Orders(choice: Memo<Choice>) -> impl IntoView {
    let orders = StatementOrder::ALL
        .map(|order| {
            let to = move || Choice { order, ..choice.get() }.address();
            let current = move || choice.with(|choice| choice.order == order).then_some("true");
            view! { <a href=to aria-current=current data-noscroll="">{order.label()}</a> }
        })
        .collect_view();
    view! {
        <div class="queries__choices only-m">
            <div class="seg" role="group" aria-label="Order">{orders}</div>
        </div>
    }
    .into_any()
}

/// The heads of the columns: each is a link that orders by it.
#[component]
pub(super) fn Heads(choice: Choice) -> impl IntoView {
    let head = |order: StatementOrder, label: &'static str, unit: &'static str, class: &'static str| {
        let current = choice.order == order;
        let sort = current.then_some("descending");
        let arrow = current.then(|| view! { <Icon name=IconName::ChevronDown/> });
        let unit = (!unit.is_empty()).then(|| view! { " "<span class="unit">{unit}</span> });
        let href = Choice { order, ..choice.clone() }.address();
        view! {
            <th scope="col" class=class aria-sort=sort>
                <a href=href title=format!("Order by {}", order.label()) data-noscroll="">
                    {label}{unit}{arrow}
                </a>
            </th>
        }
    };
    view! {
        <thead>
            <tr>
                <th scope="col">"Statement"</th>
                <th scope="col" class="hide-s">"Connection"</th>
                {head(StatementOrder::Calls, "Calls", "", "r hide-s")}
                {head(StatementOrder::Mean, "Mean", "ms", "r")}
                {head(StatementOrder::Total, "Total", "", "r")}
                <th scope="col" class="hide-m" title="Of the time of all statements of its connection">"Share"</th>
                {head(StatementOrder::Rows, "Rows", "", "r hide-m")}
                {head(StatementOrder::Blocks, "Read", "", "r hide-m")}
                <th scope="col" class="r hide-m" title="Of the blocks of tables and indexes, how many were in memory">
                    "Hit "<span class="unit">"%"</span>
                </th>
                {head(StatementOrder::Temp, "Temp", "", "r hide-m")}
                {head(StatementOrder::Wal, "WAL", "", "r hide-m")}
            </tr>
        </thead>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_choice_are_the_same() {
        for order in StatementOrder::ALL {
            for connection in [None, Some(ConnectionId(7))] {
                let window = Some((1_781_447_400_000, 1_781_451_000_000));
                let range = TimeRange { span: Span::Week, window, unreadable: None };
                let choice = Choice { order, range, connection };
                let mut map = ParamsMap::new();
                for (name, value) in choice.parameters() {
                    map.insert(name, value);
                }
                assert_eq!(Choice::of_address(&map), choice);
            }
        }
        assert_eq!(Choice::default().address(), "/queries");
    }

    #[test]
    fn what_is_no_time_goes_to_the_server_as_it_was_written() {
        let mut map = ParamsMap::new();
        map.insert("from", "yesterday".to_owned());
        let (from, to) = Choice::of_address(&map).ends(DateTime::UNIX_EPOCH);
        assert_eq!((from.as_deref(), to), (Some("yesterday"), None));
        assert_eq!(Choice::default().ends(DateTime::UNIX_EPOCH), (None, None));
    }

    #[test]
    fn ranges_are_told_in_words() {
        let told = |range| Choice { range, ..Choice::default() }.range_in_words(DateTime::UNIX_EPOCH);
        assert_eq!(told(TimeRange::default()), "the last 24 hours");
        let window = Some((1_781_447_400_000, 1_781_451_000_000));
        assert_eq!(
            told(TimeRange { window, ..TimeRange::default() }),
            "2026-06-14 14:30 UTC to 2026-06-14 15:30 UTC"
        );
    }
}
