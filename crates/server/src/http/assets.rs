//! The files of the pages, and what an address answers that is neither a route nor a file.

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use common::{ProblemCode, text};
use http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use leptos::config::LeptosOptions;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::{AppState, audience::is_for_programs, forms::is_our_own, pages::PageRequest, problem::Refusal};

/// Names with a hash of their content never mean anything else.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file of the site root; else, for a program, a problem, and for a person the page that says so.
pub(super) async fn fallback(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if is_for_programs(&path) {
        let detail = format!("There is nothing at {}.", text::clean(&path, 120));
        return Refusal::new(ProblemCode::NotFound, detail).into_response();
    }
    let (mut parts, _) = request.into_parts();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    match file(&state.leptos, &parts).await {
        Some(file) if is_read => return file,
        Some(_) => return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD")]).into_response(),
        None => {}
    }
    if is_read && let Some(target) = without_slash(&parts.uri) {
        return Redirect::permanent(&target).into_response();
    }
    let uri = parts.uri.clone();
    match PageRequest::from_request_parts(&mut parts, &state).await {
        Ok(page) => page.render(&uri, None, StatusCode::NOT_FOUND).await,
        Err(impossible) => match impossible {},
    }
}

/// Where a page is whose address was given with a slash at its end. It stays on this server: `//evil.example/` does not
/// lead there.
fn without_slash(uri: &Uri) -> Option<String> {
    let page = uri.path().strip_suffix('/')?.trim_end_matches('/');
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{page}{query}")).filter(|target| is_our_own(target))
}

/// The file, compressed beforehand where it is and the browser takes it. Its `ETag` saves sending it again. To any method
/// but GET only its head: that there is such a file.
async fn file(options: &LeptosOptions, request: &Parts) -> Option<Response> {
    let mut asked = Request::new(Body::empty());
    *asked.method_mut() = if request.method == Method::GET { Method::GET } else { Method::HEAD };
    *asked.uri_mut() = request.uri.clone();
    *asked.headers_mut() = request.headers.clone();
    let files = ServeDir::new(&*options.site_root)
        .append_index_html_on_directories(false)
        .redirect_to_trailing_slash(false)
        .precompressed_br()
        .precompressed_gzip();
    let mut response = files.oneshot(asked).await.ok()?.map(Body::new);
    if response.status() == StatusCode::NOT_FOUND {
        return None;
    }
    if options.hash_files && request.uri.path().starts_with(&options.site_pkg_dir_route_base()) {
        response.headers_mut().insert(header::CACHE_CONTROL, FOREVER);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_too_many_leads_to_the_page_and_never_away() {
        let of = |address: &'static str| without_slash(&Uri::from_static(address));
        assert_eq!(of("/connections/new/").as_deref(), Some("/connections/new"));
        assert_eq!(of("/connections/7//?created=1").as_deref(), Some("/connections/7?created=1"));
        for none in ["/", "/connections/new", "//evil.example/", "//"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
