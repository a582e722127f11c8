//! Addresses within the interface: query strings, and going somewhere without a reload.

use leptos_router::params::ParamsMap;

/// `?a=1&b=2`, or nothing where there is no parameter.
pub fn query_string(query: &ParamsMap) -> String {
    query.to_query_string()
}
