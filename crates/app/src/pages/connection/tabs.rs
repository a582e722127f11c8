//! The tabs of a connection's page: links, each to a page of its own.

use common::{ConnectionId, health::CheckStatus};
use leptos::{html, prelude::*};

use super::{
    detail::{AfterReading, Detail},
    frame,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Latency,
    Health,
    Queries,
    Load,
    Changes,
}

impl Tab {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Latency, Self::Health, Self::Queries, Self::Load, Self::Changes];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Latency => "Latency",
            Self::Health => "Health",
            Self::Queries => "Queries",
            Self::Load => "Load test",
            Self::Changes => "Changes",
        }
    }

    /// Its name in addresses; the overview has none.
    pub(super) fn slug(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Latency => "latency",
            Self::Health => "health",
            Self::Queries => "queries",
            Self::Load => "load",
            Self::Changes => "changes",
        }
    }

    pub(super) fn path(self, id: ConnectionId) -> String {
        match self {
            Self::Overview => format!("/connections/{id}"),
            tab => format!("/connections/{id}/{}", tab.slug()),
        }
    }
}

#[component]
pub(super) fn Tabs(detail: Detail) -> impl IntoView {
    let name = Memo::new(move |_| detail.connection.with(|connection| connection.name.clone()));
    let bar = NodeRef::<html::Nav>::new();
    // On a phone not all of them fit: the one that is shown must be in sight.
    Effect::new(move |_| {
        let current = bar.get().and_then(|bar| Some((bar.query_selector("[aria-current]").ok()??, bar)));
        if let Some((current, bar)) = current {
            let (tab, all) = (current.get_bounding_client_rect(), bar.get_bounding_client_rect());
            if tab.right() > all.right() {
                bar.set_scroll_left((tab.right() - all.right()).ceil() as i32 + 16);
            }
        }
    });
    let tabs = Tab::ALL.map(|tab| {
        let current = (tab == detail.tab).then_some("page");
        let count = (tab == Tab::Health).then(|| view! { <Findings detail/> });
        view! {
            <a href=tab.path(detail.id) aria-current=current on:click=move |_| frame::hand_over(detail)>{tab.label()} {count}</a>
        }
    });
    view! {
        <nav class="tabs" aria-label=move || name.get() node_ref=bar>
            {tabs.collect_view()}
            <a href=format!("/connections/{}/edit", detail.id)>"Settings"</a>
        </nav>
    }
    .into_any()
}

/// How many findings there are.
#[component]
fn Findings(detail: Detail) -> impl IntoView {
    let count = move || {
        detail.health.with(|health| match health {
            Some(Ok(health)) => health
                .checks
                .iter()
                .filter(|check| matches!(check.status, CheckStatus::Warning | CheckStatus::Critical))
                .count(),
            _ => 0,
        })
    };
    view! {
        <AfterReading detail>
            {move || {
                let count = count();
                (count > 0).then(|| {
                    let noun = if count == 1 { " finding" } else { " findings" };
                    view! { <span class="tabs__count">{count}<span class="sr">{noun}</span></span> }
                })
            }}
        </AfterReading>
    }
    .into_any()
}
