//! The dashboard over HTTP: routes, what every request passes, and what handlers share.

pub mod api;
mod assets;
mod audience;
mod docs;
mod extract;
mod forms;
mod guard;
mod limits;
mod pages;
mod problem;
mod query;
mod request_id;
mod router;
mod security_headers;
mod tagged;

use std::{convert::Infallible, net::SocketAddr};

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use leptos::config::LeptosOptions;
use service::{Principal, Service};

pub use self::router::{openapi, router};

/// What handlers need; built once, cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    service: Service,
    leptos: LeptosOptions,
    origins: guard::Origins,
}

impl AppState {
    /// `listen`: where the server really listens, with the port that it got.
    pub fn new(service: Service, leptos: LeptosOptions, listen: SocketAddr) -> Self {
        Self { service, leptos, origins: guard::Origins::of(listen) }
    }
}

impl FromRef<AppState> for Service {
    fn from_ref(state: &AppState) -> Self {
        state.service.clone()
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

/// Who asks. Until sign-in exists that is always the person at this machine.
struct Caller(Principal);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(caller()))
    }
}

/// [`Caller`] where there is no extractor: pages and server functions.
fn caller() -> Principal {
    Principal::LocalAdmin
}
