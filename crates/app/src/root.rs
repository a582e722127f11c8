//! The root of the interface: the frame that stays (rail, top bar, messages) and the routes inside it.

use leptos::{html, prelude::*};
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    Lazy, SsrMode,
    components::{FlatRoutes, Route, Router},
    hooks::use_location,
    path,
};

use crate::{
    clock::provide_clock,
    components::{Icon, IconName, Logo, ToastRegion, Toasts},
    live::{LiveStatus, provide_live},
    pages::{
        activity::ActivityPage,
        connection::{ChangesPage, ConnectionPage, HealthPage, LatencyPage, LoadPage, QueriesPage},
        connection_form::{EditConnectionPage, NewConnectionPage},
        delete::DeletePage,
        not_found::NotFoundPage,
        overview::OverviewPage,
        queries::AllQueriesPage,
    },
    raw_text::raw_text,
    theme::ThemeSwitch,
};

/// The whole interface. Pages are rendered completely before they are sent: without JavaScript a page must be whole, and
/// its status (404, 503) is known only once its data is there.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_clock();
    provide_live();
    Toasts::provide();
    view! {
        <Title formatter=document_title/>
        <Router>
            // `external`: the browser itself moves the focus; the router would only scroll.
            <a class="skip" href="#main" rel="external">"Skip to content"</a>
            <Rail/>
            <TopBar/>
            <Main>
                <FlatRoutes fallback=NotFoundPage>
                    <Route path=path!("/") view=OverviewPage ssr=SsrMode::Async/>
                    <Route path=path!("/connections/new") view={Lazy::<NewConnectionPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id") view={Lazy::<ConnectionPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/latency") view={Lazy::<LatencyPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/health") view={Lazy::<HealthPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/queries") view={Lazy::<QueriesPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/load") view={Lazy::<LoadPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/changes") view={Lazy::<ChangesPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/edit") view={Lazy::<EditConnectionPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/connections/:id/delete") view={Lazy::<DeletePage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/queries") view={Lazy::<AllQueriesPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/activity") view={Lazy::<ActivityPage>::new()} ssr=SsrMode::Async/>
                </FlatRoutes>
            </Main>
        </Router>
        <ToastRegion/>
    }
}

/// The title of the document, which may hold a connection's name.
fn document_title(page: String) -> String {
    raw_text(&format!("{page} · pg-dashboard")).into_owned()
}

/// At the left; on a phone at the bottom.
#[component]
fn Rail() -> impl IntoView {
    let path = use_location().pathname;
    // Not the router's `<A>`: what it can do beside this would be 1 % of the first page's script.
    let here = move |href: &'static str| path.with(|path| path == href).then_some("page");
    let item = move |href: &'static str, label: &'static str, name: IconName| {
        view! {
            <li>
                <a class="rail__item" href=href title=label aria-current=move || here(href)>
                    <Icon name/>
                    <span class="rail__text">{label}</span>
                </a>
            </li>
        }
        .into_any()
    };
    view! {
        <nav class="rail" aria-label="Main">
            <a class="rail__brand" href="/" aria-current=move || here("/")>
                <Logo/>
                <span class="rail__text">"pg-dashboard"</span>
            </a>
            <ul class="rail__list">
                {item("/", "Overview", IconName::Overview)}
                {item("/queries", "Queries", IconName::Queries)}
                {item("/activity", "Activity", IconName::Activity)}
            </ul>
            <ul class="rail__list rail__list--end">
                <li>
                    <a class="rail__item" href="/docs" rel="external" title="API">
                        <Icon name=IconName::Book/>
                        <span class="rail__text">"API"</span>
                    </a>
                </li>
            </ul>
        </nav>
    }
}

#[component]
fn TopBar() -> impl IntoView {
    view! {
        <header class="top">
            <a class="top__brand" href="/">
                <Logo/>
                <span>"pg-dashboard"</span>
            </a>
            <div class="top__end">
                <LiveStatus/>
                <a class="btn btn--quiet only-s" href="/docs" rel="external">"API"</a>
                <ThemeSwitch/>
            </div>
        </header>
    }
}

/// Where pages appear. Going to another page moves the focus here, so that a keyboard or a screen reader starts there.
#[component]
fn Main(children: Children) -> impl IntoView {
    let main = NodeRef::<html::Main>::new();
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if before.is_some_and(|before| before != now)
            && let Some(main) = main.get_untracked()
        {
            let _ = main.focus();
        }
        now
    });
    view! { <main class="page" id="main" tabindex="-1" node_ref=main>{children()}</main> }
}
