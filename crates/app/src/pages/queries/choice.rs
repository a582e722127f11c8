//! The order, the range and the connection: links, so that each choice has an address and works without JavaScript.

use common::{ConnectionId, statements::StatementOrder};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::{
    super::{address::address, range::Range, which_connection::PARAMETER},
    PATH,
};
use crate::components::{Icon, IconName};

/// What the address says. What it says wrongly is passed over, but times are refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Choice {
    pub(super) order: StatementOrder,
    pub(super) range: Range,
    /// `None`: all.
    pub(super) connection: Option<ConnectionId>,
}

impl Choice {
    pub(super) fn of_address(query: &ParamsMap) -> Self {
        Self {
            order: query.get_str("order_by").and_then(|order| order.parse().ok()).unwrap_or_default(),
            range: Range::of_address(query),
            connection: query.get_str(PARAMETER).and_then(|id| id.parse().ok()),
        }
    }

    /// What says it in an address; nothing for what is usual.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let order = (self.order != StatementOrder::default()).then(|| ("order_by", self.order.to_string()));
        let connection = self.connection.map(|id| (PARAMETER, id.to_string()));
        order.into_iter().chain(connection).chain(self.range.parameters()).collect()
    }

    pub(super) fn address(&self) -> String {
        address(PATH, &self.parameters())
    }
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
                let range = Range::Between { from: "2026-05-04T14:00".to_owned(), to: String::new() };
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
}
