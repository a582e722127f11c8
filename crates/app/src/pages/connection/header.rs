//! The head of the page: what it is, how it stands, where it is, and what can be done.

use common::{
    Connection, ConnectionStatus, TestResult,
    health::ServerRole,
    test_result::{TestKind, Verified},
};
use leptos::{ev::SubmitEvent, prelude::*};
use web_sys::MouseEvent;

use super::{
    detail::{AfterReading, Detail},
    tabs::Tabs,
    words,
};
use crate::{
    clock::day,
    components::{Button, CopyButton, Icon, IconName, StatusShape},
    pages::{delete::DeleteDialog, named_connection::address},
};

#[component]
pub(super) fn Header(detail: Detail) -> impl IntoView {
    let name = Memo::new(move |_| detail.connection.with(|connection| connection.name.clone()));
    let status = Memo::new(move |_| detail.connection.with(|connection| connection.status));
    let address = Memo::new(move |_| detail.connection.with(address));
    view! {
        <div class="stack stack--tight">
            <div class="page__head">
                <div class="row connection__name">
                    {move || view! { <StatusShape status=status.get()/> }.into_any()}
                    <h1 class="cut" title=move || name.get()><bdi>{move || name.get()}</bdi></h1>
                </div>
                <Actions detail/>
            </div>
            <div class="row row--wrap connection__badges">
                {move || detail.connection.with(|connection| view! { <Badges connection=connection.clone()/> }.into_any())}
                <AfterReading detail>
                    {move || role(detail).map(|role| view! { <span class="badge">{role}</span> }.into_any()).into_any()}
                </AfterReading>
                {move || detail.connection.with(|connection| {
                    connection.tags.iter().map(|tag| view! {
                        <span class="badge badge--plain connection__label" title=tag.clone()><bdi class="cut">{tag.clone()}</bdi></span>
                    }.into_any()).collect_view().into_any()
                })}
            </div>
            <div class="row small muted">
                <bdi class="mono cut" title=move || address.get()>{move || address.get()}</bdi>
                <CopyButton text=address label="Copy the address"/>
            </div>
            {move || detail.connection.with(|connection| {
                (!connection.notes.is_empty()).then(|| view! { <p class="connection__notes"><bdi>{connection.notes.clone()}</bdi></p> }.into_any()).into_any()
            })}
            <Tabs detail/>
        </div>
    }
    .into_any()
}

fn role(detail: Detail) -> Option<&'static str> {
    let role = detail.health.with(|health| match health {
        Some(Ok(health)) => health.server.role,
        _ => None,
    });
    role.map(|role| match role {
        ServerRole::Primary => "Primary",
        ServerRole::Standby => "Standby",
    })
}

/// What the last test found out, and where the database is said to be.
#[component]
fn Badges(connection: Connection) -> impl IntoView {
    let test = connection.last_check.as_ref();
    let version = test.and_then(|test| test.server_version.clone()).map(|version| {
        view! { <span class="badge"><Icon name=IconName::Server/>"PostgreSQL "{version}</span> }.into_any()
    });
    let pooler = test.and_then(|test| test.pooler.clone()).map(|pooler| {
        let name =
            if pooler.kind == "unknown" { "a pooler" } else { words::pooler_name(&pooler.kind) }.to_owned();
        view! { <span class="badge" title="A pooler shares the server's sessions">"Through "{name}</span> }
            .into_any()
    });
    let place = match (&connection.cloud_provider, &connection.region) {
        (None, None) => None,
        (provider, region) => Some(
            [provider.as_deref(), region.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        ),
    };
    let place = place.map(|place| {
        view! {
            <span class="badge connection__label" title=place><Icon name=IconName::Pin/><bdi class="cut">{place.clone()}</bdi></span>
        }
        .into_any()
    });
    let paused = (connection.status == ConnectionStatus::Paused)
        .then(|| view! { <span class="badge badge--plain">"Paused"</span> }.into_any());
    view! { {paused} {version} {pooler} {test.and_then(encryption)} {place} }.into_any()
}

/// How the last test went over the network. Nothing where it did not come that far.
fn encryption(test: &TestResult) -> Option<AnyView> {
    if !test.ok || test.kind == TestKind::Held {
        return None;
    }
    let Some(tls) = &test.tls else {
        return Some(
            view! { <span class="badge" title="Everything crosses the network readable">"No encryption"</span> }.into_any(),
        );
    };
    // A test that passed has both.
    let version = tls.version.as_deref().unwrap_or("TLS").replace("TLSv", "TLS ");
    let (class, words) = match tls.verified {
        Verified::Full => ("badge badge--ok", "verified"),
        Verified::Ca => ("badge badge--ok", "chain verified"),
        Verified::Pinned => ("badge badge--ok", "known key"),
        Verified::No => ("badge badge--warn", "not verified"),
    };
    let until = tls.not_after.map(|end| format!(", until {}", day(end))).unwrap_or_default();
    let issuer = tls.issuer.as_ref().map(|issuer| format!(", issued by {issuer}")).unwrap_or_default();
    let title = format!("{}{issuer}{until}", tls.cipher.as_deref().unwrap_or("Cipher not known"));
    Some(
        view! { <span class=class title=title><Icon name=IconName::Lock/>{version}", "{words}</span> }
            .into_any(),
    )
}

#[component]
fn Actions(detail: Detail) -> impl IntoView {
    let pending = detail.test.pending();
    let test = move |event: SubmitEvent| {
        event.prevent_default();
        if !pending.get_untracked() {
            detail.test.dispatch(());
        }
    };
    let asking = RwSignal::new(false);
    let ask = move |event: MouseEvent| {
        event.prevent_default();
        asking.set(true);
    };
    let id = detail.id;
    view! {
        <div class="page__actions connection__actions">
            <form method="post" action=format!("/connections/{id}/test") on:submit=test>
                <Button label="Test now" icon=IconName::Refresh class="btn--fill" busy=pending busy_label="Testing …"/>
            </form>
            <a class="btn" href=format!("/connections/{id}/delete") rel="external" on:click=ask>
                <Icon name=IconName::Delete/>
                "Delete"
            </a>
        </div>
        <DeleteDialog connection=detail.connection open=asking/>
    }
    .into_any()
}
