//! Who asks at an address: programs, which want problems as JSON, or people, who want a page.

pub(super) fn is_for_programs(path: &str) -> bool {
    path == "/api"
        || ["/api/", "/rpc/"].iter().any(|prefix| path.starts_with(prefix))
        || ["/healthz", "/readyz", "/openapi.json"].contains(&path)
}
