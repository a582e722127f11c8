//! What browsers are told about our answers: where scripts may come from, and that nobody may frame us.

use std::sync::Arc;

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use leptos::nonce::Nonce;

use super::audience::is_for_programs;

/// The nonce of one answer: in its `Content-Security-Policy` and on the scripts of its page.
#[derive(Debug, Clone)]
pub(super) struct PageNonce(Arc<str>);

impl PageNonce {
    pub(super) fn for_page(&self) -> Nonce {
        Nonce::from_value(self.0.clone())
    }
}

const FIXED: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With no-referrer browsers would send `Origin: null` from our own forms, and the guard would refuse them.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

/// Measurements are of now; no browser or proxy may keep them.
const NEVER_KEPT: HeaderValue = HeaderValue::from_static("no-store");
/// A browser may keep it, and asks whether it is still so.
const ASKED_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    let nonce = PageNonce(Nonce::new().as_inner().clone());
    let (is_docs, is_api) =
        (request.uri().path().starts_with("/docs"), is_for_programs(request.uri().path()));
    request.extensions_mut().insert(nonce.clone());
    let mut response = next.run(request).await;
    let policy = if is_docs { docs_policy() } else { page_policy(&nonce.0, live_reload()) };
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(if is_api { NEVER_KEPT } else { ASKED_AGAIN });
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The port of `cargo leptos watch`, whose script reloads the page after a change.
fn live_reload() -> Option<String> {
    std::env::var_os("LEPTOS_WATCH")?;
    Some(std::env::var("LEPTOS_RELOAD_PORT").unwrap_or_else(|_| "8001".to_owned()))
}

/// Only our own files, and of scripts only those that the page itself names or that these load.
/// `wasm-unsafe-eval` compiles WebAssembly; it does not allow `eval`.
fn page_policy(nonce: &str, live_reload: Option<String>) -> String {
    let reload =
        live_reload.map(|port| format!(" ws://127.0.0.1:{port} ws://localhost:{port}")).unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'{reload}; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

/// Swagger UI sets style attributes and draws icons from `data:`; everything still comes from here.
fn docs_policy() -> String {
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_no_script_without_its_nonce() {
        let policy = page_policy("abc", None);
        assert!(policy.contains("script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval';"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert!(!policy.contains("ws:"), "{policy}");
    }

    #[test]
    fn live_reload_may_connect_while_developing() {
        assert!(
            page_policy("abc", Some("8001".to_owned())).contains("connect-src 'self' ws://127.0.0.1:8001 ")
        );
    }
}
