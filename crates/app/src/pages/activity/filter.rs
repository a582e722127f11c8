//! Which checks the page shows, as the address says it.

use common::ConnectionId;
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::{
    super::{
        address::address,
        which_connection::{Names, PARAMETER, WhichConnection},
    },
    EACH, PATH,
};
use crate::rpc::activity::Asked;

/// What the address says. What it says wrongly is passed over, but a place in the list that does not exist is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filter {
    /// `None`: all.
    pub(super) connection: Option<ConnectionId>,
    /// Only those that passed, or that failed.
    pub(super) ok: Option<bool>,
    /// Where the page begins.
    pub(super) before: Option<String>,
}

impl Filter {
    pub(super) fn of_address(query: &ParamsMap) -> Self {
        let text = |name| query.get_str(name).map(str::trim).filter(|text| !text.is_empty());
        Self {
            connection: text(PARAMETER).and_then(|id| id.parse().ok()),
            ok: text("ok").and_then(|ok| ok.parse().ok()),
            before: text("before").map(str::to_owned),
        }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let connection = self.connection.map(|id| (PARAMETER, id.to_string()));
        let ok = self.ok.map(|ok| ("ok", ok.to_string()));
        let before = self.before.clone().map(|before| ("before", before));
        connection.into_iter().chain(ok).chain(before).collect()
    }

    pub(super) fn address(&self) -> String {
        address(PATH, &self.parameters())
    }

    pub(super) fn asked(self) -> Asked {
        let Self { connection, ok, before } = self;
        Asked { connection_id: connection, ok, before, limit: EACH }
    }

    pub(super) fn to_newest(&self) -> Self {
        Self { before: None, ..self.clone() }
    }

    pub(super) fn older_than(&self, cursor: String) -> Self {
        Self { before: Some(cursor), ..self.clone() }
    }
}

/// Passed or failed, and of which connection. Another choice starts at the newest check.
#[component]
pub(super) fn Filters(filter: Memo<Filter>, names: Names) -> impl IntoView {
    let outcomes = [(None, "All"), (Some(true), "Passed"), (Some(false), "Failed")]
        .map(|(ok, label)| {
            let to = move || Filter { ok, ..filter.get().to_newest() }.address();
            let current = move || filter.with(|filter| filter.ok == ok).then_some("true");
            view! { <a href=to aria-current=current data-noscroll="">{label}</a> }
        })
        .collect_view();
    let connection = Signal::derive(move || filter.with(|filter| filter.connection));
    let others = Signal::derive(move || Filter { connection: None, ..filter.get().to_newest() }.parameters());
    let of_connection = Callback::new(move |connection| {
        Filter { connection, ..filter.get_untracked().to_newest() }.address()
    });
    view! {
        <div class="tools">
            <div class="seg" role="group" aria-label="Outcome">{outcomes}</div>
            <WhichConnection names chosen=connection href=of_connection action=PATH others/>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_filter_are_the_same() {
        let filter =
            Filter { connection: Some(ConnectionId(7)), ok: Some(false), before: Some("a+b".to_owned()) };
        let mut map = ParamsMap::new();
        for (name, value) in filter.parameters() {
            map.insert(name, value);
        }
        assert_eq!(Filter::of_address(&map), filter);
        assert_eq!(filter.address(), "/activity?connection_id=7&ok=false&before=a%2Bb");
        assert_eq!(Filter::default().address(), "/activity");
    }

    #[test]
    fn an_address_that_says_nonsense_shows_everything() {
        let mut map = ParamsMap::new();
        map.insert("ok", "perhaps".to_owned());
        map.insert(PARAMETER, "seven".to_owned());
        assert_eq!(Filter::of_address(&map), Filter::default());
    }
}
