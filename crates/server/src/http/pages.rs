//! The pages: each is rendered here with its data in it, before the browser takes over.

use app::{FormOutcome, Theme};
use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use common::job::Job;
use http::{Extensions, HeaderMap, StatusCode, Uri, header, request::Parts};
use leptos::prelude::{AnyView, IntoAny, provide_context, use_context};
use leptos_axum::{LeptosRoutes, generate_route_list_with_exclusions_and_ssg_and_context};
use service::{Service, jobs};
use std::convert::Infallible;

use super::{AppState, caller, security_headers::PageNonce};

/// Every route of the interface, and every server function under `/rpc`.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let (context, shell) = (context(state.service.clone()), shell(state));
    let (listed, _) =
        generate_route_list_with_exclusions_and_ssg_and_context(shell.clone(), None, context.clone());
    let pages = Router::new().leptos_routes_with_context(state, listed, context, shell);
    pages.layer(from_fn_with_state(state.service.clone(), job_of_address))
}

/// The parameter of the overview's address that names a test of all connections.
pub(super) const JOB: &str = "job";

/// Hands a page the job that its address names: without JavaScript nothing else would ask for it.
async fn job_of_address(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let query = request.uri().query().filter(|_| request.uri().path() == "/").unwrap_or_default();
    let parameters = serde_urlencoded::from_str::<Vec<(String, String)>>(query).unwrap_or_default();
    if let Some((_, id)) = parameters.into_iter().find(|(name, _)| name == JOB)
        && let Ok(job) = jobs::get(&service, &caller(), &id).await
    {
        // The results stand in the list.
        let job = Some(Job { result: None, ..job });
        request.extensions_mut().insert(FormOutcome { job, ..FormOutcome::default() });
    }
    next.run(request).await
}

fn shell(state: &AppState) -> impl Fn() -> AnyView + Clone + Send + Sync + 'static {
    let options = state.leptos.clone();
    move || app::shell(options.clone()).into_any()
}

/// What `app` finds in the context of a page or a server function: the use cases, who asks, and what belongs to this
/// very request.
fn context(service: Service) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        provide_context(service.clone());
        provide_context(caller());
        // While routes are listed there is no request.
        let Some(parts) = use_context::<Parts>() else { return };
        if let Some(nonce) = parts.extensions.get::<PageNonce>() {
            provide_context(nonce.for_page());
        }
        if let Some(outcome) = parts.extensions.get::<FormOutcome>() {
            provide_context(outcome.clone());
        }
        if let Some(theme) = theme(&parts.headers) {
            provide_context(theme);
        }
    }
}

/// The theme that the visitor chose, from its cookie.
fn theme(headers: &HeaderMap) -> Option<Theme> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == Theme::COOKIE)
        .and_then(|(_, value)| Theme::parse(value))
}

/// A request whose answer is a page, whatever the request itself was: a form that was refused, an address that is none.
#[derive(Debug)]
pub(super) struct PageRequest {
    state: AppState,
    headers: HeaderMap,
    extensions: Extensions,
}

impl FromRequestParts<AppState> for PageRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let (headers, extensions) = (parts.headers.clone(), parts.extensions.clone());
        Ok(Self { state: state.clone(), headers, extensions })
    }
}

impl PageRequest {
    /// The page at `uri`, with what came of a form, and with `status` unless the page has a reason for another.
    pub(super) async fn render(
        mut self,
        uri: &Uri,
        outcome: Option<FormOutcome>,
        status: StatusCode,
    ) -> Response {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers;
        if let Some(outcome) = outcome {
            self.extensions.insert(outcome);
        }
        *request.extensions_mut() = self.extensions;
        let context = context(self.state.service.clone());
        let page = leptos_axum::render_app_async_with_context(context, shell(&self.state));
        let mut response = page(request).await;
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_is_read_from_its_cookie() {
        let of = |cookies: &'static str| {
            theme(&HeaderMap::from_iter([(header::COOKIE, cookies.parse().unwrap())]))
        };
        assert_eq!(of("a=b; theme=dark"), Some(Theme::Dark));
        assert_eq!(of("theme=light"), Some(Theme::Light));
        assert_eq!(of("theme=<script>"), None);
        assert_eq!(of("mytheme=dark"), None);
    }
}
