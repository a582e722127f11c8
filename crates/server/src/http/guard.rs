//! Which requests are for us: the `Host` must be one that we serve, and a change must come from our own pages.
//!
//! A foreign page can make a browser send requests to 127.0.0.1. By a name of its own that resolves there (DNS
//! rebinding) it could even read the answers: so `Host` must be ours. Without reading them it could still change
//! something: so a changing request that carries an `Origin` must carry ours, and one that browsers mark as coming
//! from another site (`Sec-Fetch-Site`) is refused. Programs send neither header, and pass.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::{Problem, ProblemCode};
use http::{HeaderMap, HeaderName, Method, Uri, header};

use super::problem::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const HTTP_PORT: u16 = 80;

/// The values of `Host` that mean this server.
#[derive(Debug, Clone)]
pub(super) struct Origins(Arc<[String]>);

impl Origins {
    pub(super) fn of(listen: SocketAddr) -> Self {
        let own = match listen.ip() {
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        if !names.contains(&own) {
            names.push(own);
        }
        let port = listen.port();
        let hosts = names.into_iter().flat_map(|name| {
            let bare = (port == HTTP_PORT).then(|| name.clone());
            [Some(format!("{name}:{port}")), bare].into_iter().flatten()
        });
        Self(hosts.collect())
    }

    fn is_host(&self, host: &str) -> bool {
        self.0.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }

    fn is_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.is_host(host))
    }

    /// Refuses what is not meant for this server or does not come from its own pages.
    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(only), None) => only.to_str().ok(),
            // HTTP/2 names the host in the request line.
            (None, _) => uri.authority().map(http::uri::Authority::as_str),
            (Some(_), Some(_)) => None,
        };
        // A request line that names a host itself (`GET http://…`, and HTTP/2) must name ours as well.
        let targeted = uri.authority().is_none_or(|authority| self.is_host(authority.as_str()));
        if !targeted || !host.is_some_and(|host| self.is_host(host)) {
            return Err(forbidden("This server does not answer to that host name."));
        }
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        if let Some(origin) = headers.get(header::ORIGIN)
            && !origin.to_str().is_ok_and(|origin| self.is_origin(origin))
        {
            return Err(forbidden("A page of another site may not change anything here."));
        }
        if let Some(site) = headers.get(SEC_FETCH_SITE)
            && site != "same-origin"
            && site != "none"
        {
            return Err(forbidden("A page of another site may not change anything here."));
        }
        Ok(())
    }
}

const OPEN_OURS: &str = "Open the address that the dashboard printed when it started.";

fn forbidden(detail: &str) -> Refusal {
    Problem::new(ProblemCode::Forbidden, detail).with_hint(OPEN_OURS).into()
}

pub(super) async fn layer(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    match origins.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(listen: &str, method: Method, headers: &[(&'static str, &str)]) -> bool {
        passes_at("/", listen, method, headers)
    }

    fn passes_at(
        target: &'static str,
        listen: &str,
        method: Method,
        headers: &[(&'static str, &str)],
    ) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Origins::of(listen.parse().unwrap()).check(&method, &Uri::from_static(target), &map).is_ok()
    }

    const LISTEN: &str = "127.0.0.1:8000";

    #[test]
    fn every_name_of_this_machine_is_ours_with_our_port() {
        for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LocalHost:8000"] {
            assert!(passes(LISTEN, Method::GET, &[("host", host)]), "{host}");
        }
        assert!(passes("127.0.0.9:8000", Method::GET, &[("host", "127.0.0.9:8000")]));
        assert!(passes("127.0.0.1:80", Method::GET, &[("host", "localhost")]));
    }

    #[test]
    fn any_other_host_is_refused() {
        for host in [
            "evil.example:8000",
            "localhost",
            "localhost:8001",
            "localhost:8000.evil.example",
            "127.0.0.1.:8000",
            "",
        ] {
            assert!(!passes(LISTEN, Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!passes(LISTEN, Method::GET, &[]));
        assert!(!passes(LISTEN, Method::GET, &[("host", "localhost:8000"), ("host", "evil.example")]));
    }

    #[test]
    fn a_host_in_the_request_line_must_be_ours_too() {
        let host = [("host", LISTEN)];
        assert!(passes_at("http://localhost:8000/healthz", LISTEN, Method::GET, &host));
        assert!(passes_at("http://127.0.0.1:8000/healthz", LISTEN, Method::GET, &[]));
        for target in ["http://evil.example/healthz", "http://localhost/", "http://u@localhost:8000/"] {
            assert!(!passes_at(target, LISTEN, Method::GET, &host), "{target}");
        }
    }

    #[test]
    fn a_change_from_another_site_is_refused() {
        let host = ("host", "localhost:8000");
        for other in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "https://localhost:8000"),
            ("origin", "http://localhost:9000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!passes(LISTEN, Method::POST, &[host, other]), "{other:?}");
            assert!(passes(LISTEN, Method::GET, &[host, other]), "a link from elsewhere is fine: {other:?}");
        }
    }

    #[test]
    fn our_own_pages_and_programs_may_change() {
        let host = ("host", "localhost:8000");
        assert!(passes(LISTEN, Method::DELETE, &[host]));
        assert!(passes(
            LISTEN,
            Method::POST,
            &[host, ("origin", "http://localhost:8000"), ("sec-fetch-site", "same-origin")]
        ));
        assert!(passes(LISTEN, Method::POST, &[host, ("sec-fetch-site", "none")]));
    }
}
