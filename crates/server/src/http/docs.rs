//! The OpenAPI document's frame, and the page at `/docs` that shows it. All of it comes from this binary.

use std::sync::Arc;

use axum::{Router, routing::get};
use common::{
    ConnectionStatus, Problem, SslMode, connection::Sort, health::Severity, statements::StatementOrder,
};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::{
    OpenApi, ToSchema,
    openapi::{self, HeaderBuilder, Object, Ref, RefOr, Type},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::query::Query;

/// What the document says beside the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "PostgreSQL Connection Dashboard",
        description = "Connections to PostgreSQL databases: can they be reached, how fast, are they healthy, what to do.\n\n\
            JSON in snake_case. Times are RFC 3339 in UTC; durations end in `_ms` or `_s`, sizes in `_bytes`, fractions \
            in `_ratio`. A value that is not known is null, and `unavailable` of the same object says why. Errors are \
            `application/problem+json`. Every answer has an `X-Request-Id`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This dashboard.")),
    components(schemas(ConnectionStatus, Problem, Severity, Sort, StatementOrder)),
    tags(
        (name = "Connections", description = "What is watched."),
        (name = "Tests", description = "Ask targets now."),
        (name = "Jobs", description = "Work that takes longer than a request."),
        (name = "Health", description = "How databases are, and what needs a person."),
        (name = "History", description = "What was measured over time."),
        (name = "Dashboard", description = "The dashboard itself."),
    ),
)]
pub(super) struct Frame;

// Requests are read field by field in `common::ConnectionInput::from_json`; this is only their description.
/// A connection as a request carries it. Fields that are null count as missing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConnectionInput)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct NewConnection {
    /// Unique without regard to case. Without it: `database@host`.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// A host name, an IP address or the folder of a Unix socket.
    #[schema(example = "db.example.com")]
    host: String,
    #[schema(minimum = 1, maximum = 65535, default = 5432)]
    port: Option<u16>,
    #[schema(example = "orders")]
    database_name: String,
    #[schema(example = "app")]
    username: String,
    /// On replacing: missing keeps the stored one, `""` removes it.
    #[schema(format = Password, write_only)]
    password: Option<String>,
    /// This release offers `auto`, `disable`, `require` and `verify-full`.
    #[schema(default = "auto")]
    ssl_mode: Option<SslMode>,
    /// PEM; one or more certificates of the authority that signed the server's.
    ssl_root_cert: Option<String>,
    /// Any text that says where it is.
    region: Option<String>,
    cloud_provider: Option<String>,
    #[schema(minimum = -90, maximum = 90)]
    latitude: Option<f64>,
    #[schema(minimum = -180, maximum = 180)]
    longitude: Option<f64>,
    tags: Option<Vec<String>>,
    notes: Option<String>,
    /// Seconds between two checks.
    #[schema(minimum = 5, maximum = 3600, default = 60)]
    check_interval_s: Option<i32>,
    /// Not checked, and not part of any total.
    #[schema(default = false)]
    paused: Option<bool>,
    /// For databases that scale to zero: do not keep it awake.
    #[schema(default = false)]
    let_sleep: Option<bool>,
    /// Whether EXPLAIN and custom load statements may be sent there. Planning runs code: leave it off for logins that
    /// can write.
    #[schema(default = false)]
    allow_statements: Option<bool>,
    /// On replacing: the version that the change was made from.
    #[schema(minimum = 1)]
    version: Option<i32>,
    /// On adding: whether to test at once.
    #[schema(default = true)]
    test: Option<bool>,
}

// Read by `common::LoadRequest::from_json`; this is only its description.
/// A load test as a request carries it. Fields that are null count as missing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoadRequest)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct NewLoad {
    /// Sessions at the same time.
    #[schema(minimum = 1, maximum = 200, default = 10)]
    connections: Option<u32>,
    #[schema(minimum = 1, maximum = 300, default = 10)]
    duration_s: Option<f64>,
    /// Requests that fall due each second, over all sessions. Without it each session asks again as soon as it has its
    /// answer.
    #[schema(minimum = 0.1, maximum = 100_000)]
    rate_per_s: Option<f64>,
    /// Over how many seconds the sessions (and the rate) grow to their full number; at most `duration_s`.
    #[schema(minimum = 0, default = 0)]
    ramp_s: Option<f64>,
    /// One statement instead of `select 1`, only where the connection has `allow_statements`. It runs read only for at
    /// most 5 s at a time, and is rolled back.
    #[schema(max_length = 10_000)]
    statement: Option<String>,
}

/// The document in the words of its readers: a map of reasons is called what the API calls it, and what links to our
/// own code in doc comments is plain text.
pub(super) fn for_readers(mut document: openapi::OpenApi) -> openapi::OpenApi {
    tell_headers(&mut document);
    let renamed = document
        .to_json()
        .unwrap_or_default()
        .replace("\"BTreeMap\":", "\"Unavailable\":")
        .replace("/schemas/BTreeMap\"", "/schemas/Unavailable\"")
        .replace("[`", "`")
        .replace("`]", "`");
    serde_json::from_str(&renamed).unwrap_or(document)
}

const REQUEST_ID: &str = "X-Request-Id";
const RETRY_AFTER: &str = "Retry-After";

/// The headers that layers give to every answer and problems to theirs: no handler knows of them.
fn tell_headers(document: &mut openapi::OpenApi) {
    let header = |schema: Type, description: &str| {
        let header = HeaderBuilder::new().schema(Some(Object::with_type(schema)));
        RefOr::T(header.description(Some(description)).build())
    };
    let components = document.components.get_or_insert_default();
    let id = header(Type::String, "The id of the request, as the log has it.");
    let seconds = header(Type::Integer, "After as many seconds a try may succeed.");
    components.headers.extend([(REQUEST_ID.to_owned(), id), (RETRY_AFTER.to_owned(), seconds)]);

    let operations = document.paths.paths.values_mut().flat_map(|item| {
        [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
    });
    for (status, response) in operations.flat_map(|operation| &mut operation.responses.responses) {
        let RefOr::T(response) = response else { continue };
        let says_when = ["429", "503"].contains(&status.as_str()).then_some(RETRY_AFTER);
        for name in [REQUEST_ID].into_iter().chain(says_when) {
            let header = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
            response.headers.insert(name.to_owned(), header);
        }
    }
}

/// `/openapi.json` and `/docs`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(document: &openapi::OpenApi) -> Router<S> {
    // Written once: it never changes while the server runs.
    let json: Arc<str> = document.to_json().unwrap_or_default().into();
    let answer = move |Query(()): Query<()>| {
        let json = json.clone();
        async move { ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json.to_string()) }
    };
    // "none": Swagger UI would otherwise ask a validator in the internet.
    let config = Config::new(["/openapi.json"]).validator_url("none").use_base_layout().doc_expansion("list");
    Router::new().route("/openapi.json", get(answer)).merge(SwaggerUi::new("/docs").config(config))
}
