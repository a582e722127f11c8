//! The order and the range of the list: links, so that each choice has an address and works without JavaScript.

use chrono::{DateTime, TimeDelta, Utc};
use common::{ConnectionId, statements::StatementOrder};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use crate::components::{Icon, IconName};

/// From when on statements are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Range {
    Hour,
    /// What the service takes when nobody says: the last 24 h, or all that was counted where there is one reading only.
    #[default]
    Day,
    Week,
    All,
}

impl Range {
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::All];

    fn slug(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::All => "all",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Hour => "1 h",
            Self::Day => "24 h",
            Self::Week => "7 d",
            Self::All => "All",
        }
    }

    pub(super) fn begins_at(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Hour => Some(now - TimeDelta::hours(1)),
            Self::Day => None,
            Self::Week => Some(now - TimeDelta::days(7)),
            Self::All => Some(DateTime::UNIX_EPOCH),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Choice {
    pub(super) order: StatementOrder,
    pub(super) range: Range,
}

impl Choice {
    /// What an address says; what it says wrongly is passed over.
    pub(super) fn of_address(query: &ParamsMap) -> Self {
        let slug = query.get_str("range").unwrap_or_default();
        Self {
            order: query.get_str("order_by").and_then(|order| order.parse().ok()).unwrap_or_default(),
            range: Range::ALL.into_iter().find(|range| range.slug() == slug).unwrap_or_default(),
        }
    }

    pub(super) fn order_by(self) -> &'static str {
        self.order.as_str()
    }

    pub(super) fn range_slug(self) -> &'static str {
        self.range.slug()
    }

    fn address(self, id: ConnectionId) -> String {
        format!("/connections/{id}/queries?order_by={}&range={}", self.order_by(), self.range_slug())
    }
}

/// The range; and the order, where the heads of the columns that are hidden cannot be pressed.
#[component]
pub(super) fn Choices(id: ConnectionId, choice: Memo<Choice>) -> impl IntoView {
    let ranges = Range::ALL
        .map(|range| {
            let to = move || Choice { range, ..choice.get() }.address(id);
            let current = move || (choice.get().range == range).then_some("true");
            view! { <a href=to aria-current=current data-noscroll="">{range.label()}</a> }
        })
        .collect_view();
    let orders = StatementOrder::ALL
        .map(|order| {
            let to = move || Choice { order, ..choice.get() }.address(id);
            let current = move || (choice.get().order == order).then_some("true");
            view! { <a href=to aria-current=current data-noscroll="">{order.label()}</a> }
        })
        .collect_view();
    view! {
        <div class="queries__choices">
            <div class="seg" role="group" aria-label="Range">{ranges}</div>
            <div class="seg only-m" role="group" aria-label="Order">{orders}</div>
        </div>
    }
    .into_any()
}

/// The heads of the columns: each is a link that orders by it.
#[component]
pub(super) fn Heads(id: ConnectionId, choice: Choice) -> impl IntoView {
    let head = |order: StatementOrder, label: &'static str, unit: &'static str, class: &'static str| {
        let current = choice.order == order;
        let sort = current.then_some("descending");
        let arrow = current.then(|| view! { <Icon name=IconName::ChevronDown/> });
        let unit = (!unit.is_empty()).then(|| view! { " "<span class="unit">{unit}</span> });
        view! {
            <th scope="col" class=class aria-sort=sort>
                <a href=Choice { order, ..choice }.address(id) title=format!("Order by {}", order.label()) data-noscroll="">
                    {label}{unit}{arrow}
                </a>
            </th>
        }
    };
    view! {
        <thead>
            <tr>
                <th scope="col">"Statement"</th>
                {head(StatementOrder::Calls, "Calls", "", "r hide-s")}
                {head(StatementOrder::Mean, "Mean", "ms", "r")}
                {head(StatementOrder::Total, "Total", "", "r")}
                {head(StatementOrder::Rows, "Rows", "", "r hide-m")}
                {head(StatementOrder::Blocks, "Blocks read", "", "r hide-m")}
                {head(StatementOrder::Temp, "Temporary", "", "r hide-m")}
                {head(StatementOrder::Wal, "WAL", "", "r hide-m")}
                <th scope="col" class="hide-s">"Share"</th>
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
            for range in Range::ALL {
                let choice = Choice { order, range };
                let address = choice.address(ConnectionId(7));
                let (_, query) = address.split_once('?').unwrap();
                let mut map = ParamsMap::new();
                for pair in query.split('&') {
                    let (name, value) = pair.split_once('=').unwrap();
                    map.insert(name.to_owned(), value.to_owned());
                }
                assert_eq!(Choice::of_address(&map), choice);
            }
        }
    }

    #[test]
    fn an_address_that_says_nonsense_is_the_usual_one() {
        let mut map = ParamsMap::new();
        map.insert("order_by", "colour".to_owned());
        map.insert("range", "1000y".to_owned());
        assert_eq!(Choice::of_address(&map), Choice::default());
    }
}
