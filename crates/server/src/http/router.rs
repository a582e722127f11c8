//! Every route, and what every request passes on its way there.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::post,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
    limit::RequestBodyLimitLayer,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{AppState, api, assets, docs, forms, guard, limits, pages, request_id, security_headers};

/// The whole server, ready to be served.
pub fn router(state: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let document = docs::for_readers(document);
    let passed = ServiceBuilder::new()
        // What is compressed beforehand stays so; wasm without that is a development build, large and local.
        .layer(
            CompressionLayer::new()
                .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("application/wasm"))),
        )
        .layer(from_fn(request_id::layer))
        .layer(from_fn(security_headers::layer))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn_with_state(state.origins.clone(), guard::layer))
        .layer(from_fn(limits::time))
        .layer(from_fn(limits::errors_as_problems))
        .layer(RequestBodyLimitLayer::new(limits::MAX_BODY))
        .layer(DefaultBodyLimit::max(limits::MAX_BODY));
    Router::new()
        .merge(api)
        .merge(docs::routes(&document))
        .merge(pages::routes(&state))
        .merge(forms())
        .fallback(assets::fallback)
        .layer(passed)
        .with_state(state)
}

/// The OpenAPI document of [`router`].
pub fn openapi() -> utoipa::openapi::OpenApi {
    docs::for_readers(api().into_openapi())
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(docs::Frame::openapi())
        .routes(routes!(api::connections::list, api::connections::create))
        .routes(routes!(api::connections::get, api::connections::replace, api::connections::delete))
        .routes(routes!(api::connections::restore))
        .routes(routes!(api::tests::connection))
        .routes(routes!(api::tests::latency))
        .routes(routes!(api::tests::all_regions))
        .routes(routes!(api::load::run, api::load::compare))
        .routes(routes!(api::jobs::get, api::jobs::cancel))
        .routes(routes!(api::health::all))
        .routes(routes!(api::health::one))
        .routes(routes!(api::health::setup_of))
        .routes(routes!(api::findings::list))
        .routes(routes!(api::changes::list))
        .routes(routes!(api::statements::list))
        .routes(routes!(api::statements::plan))
        .routes(routes!(api::history::latency))
        .routes(routes!(api::history::health_metrics))
        .routes(routes!(api::history::recent_checks))
        .routes(routes!(api::events::stream))
        .routes(routes!(api::database::info))
        .routes(routes!(api::database::summary))
        .routes(routes!(api::probes::alive))
        .routes(routes!(api::probes::ready))
}

/// What browsers without JavaScript post; their pages are GET on the same addresses.
fn forms() -> Router<AppState> {
    Router::new()
        .route("/connections/new", post(forms::create))
        .route("/connections/{id}/edit", post(forms::edit))
        .route("/connections/{id}/delete", post(forms::delete))
        .route("/connections/{id}/restore", post(forms::restore))
        .route("/connections/{id}/test", post(forms::test))
        .route("/connections/{id}/latency", post(forms::latency))
        .route("/connections/{id}/health", post(forms::read_health))
        .route("/connections/{id}/plan", post(forms::plan))
        .route("/connections/{id}/load", post(forms::start_load))
        .route("/connections/{id}/load/cancel", post(forms::cancel_load))
        .route("/test-all", post(forms::test_all))
        .route("/theme", post(forms::theme))
}
