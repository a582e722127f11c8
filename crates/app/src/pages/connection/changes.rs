//! What changed on the database, noticed from one reading to the next: a timeline by days.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use common::{
    ConnectionId, Page,
    event::EventKind,
    health::{ChangeKind, KnownChange},
};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use web_sys::MouseEvent;

use super::{
    detail::Detail,
    frame,
    health::{CheckNow, ReadAt},
    tabs::Tab,
};
use crate::{
    components::{Empty, Icon, IconName, Panel, ProblemNotice, Skeleton},
    live::{Event, Soon, use_live},
    pages::{lazy::lazy_page, named_connection::connection_id},
    rpc::{self, RpcError},
    wire,
};

type Answer = Result<Page<KnownChange>, RpcError>;

/// What the overview shows.
pub(super) type Newest = wire::Loaded<Answer>;

/// How many changes a page holds.
const EACH: u32 = 50;
/// How many the overview shows.
const NEWEST: u32 = 3;

lazy_page! {
    /// `/connections/:id/changes`
    ChangesPage
}

impl ChangesPage {
    fn into_view(self) -> AnyView {
        let (id, query) = (connection_id(), use_query_map());
        // Without JavaScript older ones are a page of their own.
        let cursor = move || query.with(|query| query.get_str("cursor").map(str::to_owned));
        // How many readings this page took: each may have noticed something.
        let readings = RwSignal::new(0_u32);
        let changes = wire::load(
            move || (id(), cursor(), readings.get()),
            // The frame says that there is no such connection.
            |(id, cursor, _)| rpc::changes::changes(id.unwrap_or(ConnectionId(0)), cursor, Some(EACH)),
        );
        let read_older = RwSignal::new(false);
        let content = move |detail: Detail| {
            let again = Soon::new(move || async move {
                // What was added below would go with it.
                if read_older.try_get_untracked() == Some(false) {
                    readings.try_update(|readings| *readings += 1);
                }
            });
            use_live().on(move |event| {
                if tells_of_changes(event, Some(detail.id)) {
                    again.ask(0.0);
                }
            });
            Effect::new(move |_| {
                if detail.check.value().with(Option::is_some) {
                    readings.update(|readings| *readings += 1);
                }
            });
            let older = Memo::new(move |_| cursor().is_some());
            view! { <ChangesTab detail changes older read_older/> }.into_any()
        };
        frame::page(Tab::Changes, self.outcome, Arc::new(content))
    }
}

#[component]
fn ChangesTab(
    detail: Detail,
    changes: wire::Loaded<Answer>,
    older: Memo<bool>,
    read_older: RwSignal<bool>,
) -> impl IntoView {
    let actions = move || view! { <CheckNow detail/> };
    let note = move || view! { "noticed until the last reading, "<ReadAt detail/> };
    let path = Tab::Changes.path(detail.id);
    view! {
        <Panel id="changes" title="Changes" note=note actions=actions>
            {move || older.get().then(|| view! { <p class="panel__foot"><a href=path.clone()>"To the newest changes"</a></p> })}
            <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=6/></div> }>
                {move || Suspend::new(async move {
                    match changes.await {
                        Ok(page) => view! { <Timeline detail page read_older/> }.into_any(),
                        Err(RpcError(problem)) => {
                            view! { <div class="panel__body"><ProblemNotice problem/></div> }.into_any()
                        }
                    }
                })}
            </Transition>
        </Panel>
    }
    .into_any()
}

#[component]
fn Timeline(detail: Detail, page: Page<KnownChange>, read_older: RwSignal<bool>) -> impl IntoView {
    if page.items.is_empty() {
        return view! {
            <Empty icon=IconName::History title="No change noticed yet"
                text="Version, settings, extensions, logins, certificates, sizes: what differs from one reading to the next stands here. “Check now” takes a reading."/>
        }
        .into_any();
    }
    let shown = RwSignal::new(page.items);
    let next = RwSignal::new(page.next);
    let refused = RwSignal::new(None);
    let asking = RwSignal::new(false);
    let show_older = move |event: MouseEvent| {
        event.prevent_default();
        let Some(cursor) = next.get_untracked().filter(|_| !asking.get_untracked()) else { return };
        asking.set(true);
        read_older.set(true);
        spawn_local(async move {
            match rpc::changes::changes(detail.id, Some(cursor), Some(EACH)).await {
                Ok(page) => {
                    detail.said.try_set(format!("{} older changes.", page.items.len()));
                    shown.try_update(|shown| shown.extend(page.items));
                    next.try_set(page.next);
                    refused.try_set(None);
                }
                Err(RpcError(problem)) => _ = refused.try_set(Some(problem)),
            }
            asking.try_set(false);
        });
    };
    let older = move || {
        next.get().map(|cursor| {
            let href = format!("{}?cursor={cursor}", Tab::Changes.path(detail.id));
            let words = if asking.get() { "Looking …" } else { "Show older" };
            view! { <p class="panel__foot"><a class="btn btn--small" href=href on:click=show_older>{words}</a></p> }
        })
    };
    view! {
        {move || shown.with(|shown| days(shown).into_iter().map(|(day, changes)| view! { <Day day changes/> }).collect_view())}
        {move || refused.get().map(|problem| view! { <div class="panel__body"><ProblemNotice problem/></div> })}
        {older}
    }
    .into_any()
}

/// Changes by the day (UTC) on which they were noticed, in the order that they came.
fn days(changes: &[KnownChange]) -> Vec<(NaiveDate, Vec<KnownChange>)> {
    let mut days: Vec<(NaiveDate, Vec<KnownChange>)> = Vec::new();
    for change in changes {
        let day = change.at.date_naive();
        match days.last_mut() {
            Some((last, of_day)) if *last == day => of_day.push(change.clone()),
            _ => days.push((day, vec![change.clone()])),
        }
    }
    days
}

#[component]
fn Day(day: NaiveDate, changes: Vec<KnownChange>) -> impl IntoView {
    let items = changes.into_iter().map(|change| view! { <Item change/> }).collect_view();
    view! {
        <section class="changes__day">
            <h3>{day.format("%A, %-d %B %Y").to_string()}" "<span class="muted">"UTC"</span></h3>
            <ol>{items}</ol>
        </section>
    }
    .into_any()
}

/// One change: what it is about, and what it was before.
#[component]
fn Item(change: KnownChange) -> impl IntoView {
    let KnownChange { at, kind, subject, before, after, .. } = change;
    let (icon, label) = of_kind(kind);
    let subject = subject.map(|subject| view! { " "<bdi class="mono">{subject}</bdi> });
    let values = match (before, after) {
        (None, None) => ().into_any(),
        (Some(before), None) => {
            view! { <p class="change__values"><bdi class="mono change__before">{before}</bdi><To/>"gone"</p> }.into_any()
        }
        (None, Some(after)) => {
            view! { <p class="change__values">"new: "<bdi class="mono">{after}</bdi></p> }.into_any()
        }
        (Some(before), Some(after)) => view! {
            <p class="change__values"><bdi class="mono change__before">{before}</bdi><To/><bdi class="mono">{after}</bdi></p>
        }
        .into_any(),
    };
    view! {
        <li class="change">
            <time class="num muted small" datetime=at.to_rfc3339() title=full(at)>{at.format("%H:%M").to_string()}</time>
            <span class="change__icon"><Icon name=icon/></span>
            <h4>{label}{subject}</h4>
            {values}
        </li>
    }
    .into_any()
}

#[component]
fn To() -> impl IntoView {
    view! { <Icon name=IconName::ArrowRight/><span class="sr">" became "</span> }
}

fn full(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn of_kind(kind: ChangeKind) -> (IconName, &'static str) {
    match kind {
        ChangeKind::Version => (IconName::Server, "Version"),
        ChangeKind::Restart => (IconName::Refresh, "Restart"),
        ChangeKind::Role => (IconName::Database, "Role in replication"),
        ChangeKind::Address => (IconName::Network, "Address"),
        ChangeKind::Certificate => (IconName::Lock, "Certificate"),
        ChangeKind::Setting => (IconName::Sliders, "Setting"),
        ChangeKind::Extension => (IconName::Puzzle, "Extension"),
        ChangeKind::User => (IconName::User, "Login"),
        ChangeKind::Size => (IconName::HardDrive, "Size"),
        ChangeKind::Plan => (IconName::Gauge, "Plan of a statement"),
        ChangeKind::Identity => (IconName::Key, "Another database answers"),
    }
}

fn tells_of_changes(event: &Event, id: Option<ConnectionId>) -> bool {
    matches!(event.kind, EventKind::Change | EventKind::Resync) && id.is_some_and(|id| event.is_of(id))
}

/// Loads what the overview shows.
pub(super) fn load_newest() -> Newest {
    let (id, noticed) = (connection_id(), RwSignal::new(0_u32));
    let again = Soon::new(move || async move { _ = noticed.try_update(|noticed| *noticed += 1) });
    use_live().on(move |event| {
        if tells_of_changes(event, untrack(id)) {
            again.ask(0.0);
        }
    });
    wire::load(
        move || (id(), noticed.get()),
        |(id, _)| rpc::changes::changes(id.unwrap_or(ConnectionId(0)), None, Some(NEWEST)),
    )
}

/// The newest changes, on the overview.
#[component]
pub(super) fn ChangesPanel(detail: Detail, newest: Newest) -> impl IntoView {
    let all = move || {
        view! { <a class="link small" href=Tab::Changes.path(detail.id) on:click=move |_| frame::hand_over(detail)>"All changes"</a> }
    };
    view! {
        <Panel id="changes" title="Changes" actions=all>
            <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=3/></div> }>
                {move || Suspend::new(async move {
                    match newest.await {
                        Ok(page) if page.items.is_empty() => {
                            view! { <p class="panel__body muted">"None noticed from one reading to the next."</p> }.into_any()
                        }
                        Ok(page) => {
                            let days = days(&page.items).into_iter();
                            days.map(|(day, changes)| view! { <Day day changes/> }).collect_view().into_any()
                        }
                        Err(RpcError(problem)) => {
                            view! { <div class="panel__body"><ProblemNotice problem/></div> }.into_any()
                        }
                    }
                })}
            </Transition>
        </Panel>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: &str) -> KnownChange {
        KnownChange {
            connection_id: ConnectionId(1),
            connection_name: "orders".to_owned(),
            at: at.parse().unwrap(),
            kind: ChangeKind::Setting,
            subject: None,
            before: None,
            after: None,
        }
    }

    #[test]
    fn changes_stand_under_their_day_newest_first() {
        let changes = ["2026-05-04T23:59:59Z", "2026-05-04T00:00:00Z", "2026-05-03T12:00:00Z"].map(change);
        let days = days(&changes);
        let counts: Vec<(String, usize)> =
            days.iter().map(|(day, changes)| (day.to_string(), changes.len())).collect();
        assert_eq!(counts, [("2026-05-04".to_owned(), 2), ("2026-05-03".to_owned(), 1)]);
    }

    #[test]
    fn each_kind_has_words_of_its_own() {
        let mut words: Vec<&str> = ChangeKind::ALL.into_iter().map(|kind| of_kind(kind).1).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ChangeKind::ALL.len());
    }
}
