//! Forms of browsers without JavaScript. Each handler calls one use case and sends the browser on (303), or renders the
//! page again with what was typed and what is wrong with it.

use app::{FormOutcome, Theme};
use axum::{
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use common::{
    ConnectionDraft, ConnectionId, LoadDraft, Problem, ProblemCode, RequestSecret,
    test_result::{DEFAULT_ROUNDS, MAX_ROUNDS},
    text,
};
use http::{HeaderValue, StatusCode, Uri, header};
use service::{
    Service,
    checks::{self, AllRegionsAnswer},
    connections, health, load, statements,
};

use super::{
    Caller,
    extract::{self, Id},
    pages::{JOB, PageRequest},
    problem::Refusal,
};

/// More characters than any number of rounds has.
const LONGEST_ROUNDS: usize = 20;
const YEAR_S: u32 = 365 * 24 * 60 * 60;

/// The fields of a posted form.
pub(super) struct Form(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| !value.starts_with("application/x-www-form-urlencoded")) {
            return Err(Refusal::new(
                ProblemCode::UnsupportedMediaType,
                "The body must be a URL-encoded form.",
            ));
        }
        let bytes = extract::bytes(request).await?;
        let fields = serde_urlencoded::from_bytes(&bytes)
            .map_err(|_| Problem::new(ProblemCode::Malformed, "The form cannot be read."))?;
        Ok(Self(fields))
    }
}

impl Form {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// What was typed into a field; `otherwise` where the form has no such field.
    fn typed(&self, name: &str, otherwise: String) -> String {
        // Browsers end lines of a text area with CR LF.
        self.text(name).map_or(otherwise, |value| value.replace("\r\n", "\n"))
    }

    /// A box that is not ticked is not sent.
    fn ticked(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value != "false")
    }

    fn version(&self) -> Option<i32> {
        self.text("version").and_then(|version| version.parse().ok())
    }

    fn load_draft(&self) -> LoadDraft {
        let text = |name: &str| self.typed(name, String::new());
        LoadDraft {
            connections: text("connections"),
            duration_s: text("duration_s"),
            rate_per_s: text("rate_per_s"),
            ramp_s: text("ramp_s"),
            statement: text("statement"),
        }
    }

    fn draft(&self) -> ConnectionDraft {
        let blank = ConnectionDraft::default();
        ConnectionDraft {
            name: self.typed("name", blank.name),
            host: self.typed("host", blank.host),
            port: self.typed("port", blank.port),
            database_name: self.typed("database_name", blank.database_name),
            username: self.typed("username", blank.username),
            ssl_mode: self.typed("ssl_mode", blank.ssl_mode),
            ssl_root_cert: self.typed("ssl_root_cert", blank.ssl_root_cert),
            region: self.typed("region", blank.region),
            cloud_provider: self.typed("cloud_provider", blank.cloud_provider),
            latitude: self.typed("latitude", blank.latitude),
            longitude: self.typed("longitude", blank.longitude),
            tags: self.typed("tags", blank.tags),
            notes: self.typed("notes", blank.notes),
            check_interval_s: self.typed("check_interval_s", blank.check_interval_s),
            password: RequestSecret::new(self.text("password").unwrap_or_default()),
            remove_password: self.ticked("remove_password"),
            paused: self.ticked("paused"),
            let_sleep: self.ticked("let_sleep"),
            allow_statements: self.ticked("allow_statements"),
            version: self.version(),
        }
    }
}

/// A page of the interface.
#[derive(Clone, Copy)]
enum Place {
    Overview,
    New,
    Connection(ConnectionId),
    Health(ConnectionId),
    Queries(ConnectionId),
    Load(ConnectionId),
    Changes(ConnectionId),
    /// The page of a connection that was just added or changed: it says what came of that.
    Created(ConnectionId),
    Saved(ConnectionId),
    Edit(ConnectionId),
    Delete(ConnectionId),
}

impl Place {
    fn uri(self) -> Uri {
        let path = match self {
            Self::Overview => "/".to_owned(),
            Self::New => "/connections/new".to_owned(),
            Self::Connection(id) => format!("/connections/{id}"),
            Self::Health(id) => format!("/connections/{id}/health"),
            Self::Queries(id) => format!("/connections/{id}/queries"),
            Self::Changes(id) => format!("/connections/{id}/changes"),
            Self::Load(id) => format!("/connections/{id}/load"),
            Self::Created(id) => format!("/connections/{id}?created=1"),
            Self::Saved(id) => format!("/connections/{id}?saved=1"),
            Self::Edit(id) => format!("/connections/{id}/edit"),
            Self::Delete(id) => format!("/connections/{id}/delete"),
        };
        path.parse().unwrap_or_default()
    }

    fn redirect(self) -> Response {
        Redirect::to(&self.uri().to_string()).into_response()
    }
}

/// On to `done` when it worked; else `again` with what is wrong.
async fn answer<T>(page: PageRequest, outcome: Result<T, Problem>, done: Place, again: Place) -> Response {
    match outcome {
        Ok(_) => done.redirect(),
        Err(problem) => refused(page, ConnectionDraft::default(), problem, again).await,
    }
}

async fn refused(page: PageRequest, draft: ConnectionDraft, problem: Problem, again: Place) -> Response {
    let status = status_of(&problem);
    page.render(&again.uri(), Some(FormOutcome::refused(draft, problem)), status).await
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) async fn create(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    form: Form,
) -> Response {
    let draft = form.draft();
    let created = match draft.parse() {
        Ok(input) => connections::create(&service, &who, input, None).await,
        Err(fields) => Err(Problem::validation(fields)),
    };
    match created {
        Ok(created) => Place::Created(created.connection.id).redirect(),
        Err(problem) => refused(page, draft, problem, Place::New).await,
    }
}

pub(super) async fn edit(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    let draft = form.draft();
    let updated = match draft.parse() {
        Ok(input) => connections::update_and_test(&service, &who, id, input).await,
        Err(fields) => Err(Problem::validation(fields)),
    };
    match updated {
        // What came of the test, or that none could be made, stands on the page that follows.
        Ok(_) => Place::Saved(id).redirect(),
        Err(problem) => refused(page, draft, problem, Place::Edit(id)).await,
    }
}

/// Without JavaScript a person waits for the test, and then sees it on the page.
pub(super) async fn test(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
) -> Response {
    let tested = checks::test(&service, &who, id).await;
    answer(page, tested, Place::Connection(id), Place::Connection(id)).await
}

/// What a page carries of an answer that is kept nowhere, or of why there is none.
fn carried<T>(answer: Result<T, Problem>, shown: impl FnOnce(T) -> FormOutcome) -> (FormOutcome, StatusCode) {
    match answer {
        Ok(answer) => (shown(answer), StatusCode::OK),
        Err(problem) => {
            let status = status_of(&problem);
            (FormOutcome::refused(ConnectionDraft::default(), problem), status)
        }
    }
}

/// A latency test is not kept: its page carries it.
pub(super) async fn latency(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    let typed = form.text("rounds");
    let measured = match typed.map_or(Ok(DEFAULT_ROUNDS), |typed| typed.trim().parse()) {
        Ok(rounds) => checks::latency(&service, &who, id, rounds).await,
        Err(_) => {
            let rule = format!("Must be a whole number from 1 to {MAX_ROUNDS}.");
            Err(Problem::field("rounds", "type", rule))
        }
    };
    let (outcome, status) =
        carried(measured, |latency| FormOutcome { latency: Some(latency), ..FormOutcome::default() });
    let outcome = FormOutcome { rounds: typed.map(|typed| text::clean(typed, LONGEST_ROUNDS)), ..outcome };
    page.render(&Place::Connection(id).uri(), Some(outcome), status).await
}

pub(super) async fn read_health(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    let read = health::read(&service, &who, id, true).await;
    let place = match form.text("page") {
        Some("") => Place::Connection(id),
        Some("queries") => Place::Queries(id),
        Some("changes") => Place::Changes(id),
        _ => Place::Health(id),
    };
    answer(page, read, place, place).await
}

/// The page that follows shows how far the test is, and has a link that looks again.
pub(super) async fn start_load(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    let draft = form.load_draft();
    let started = match draft.parse() {
        Ok(request) => load::start(&service, &who, id, request).await,
        Err(fields) => Err(Problem::validation(fields)),
    };
    let place = Place::Load(id);
    match started {
        Ok(_) => place.redirect(),
        Err(problem) => {
            let status = status_of(&problem);
            let refused = FormOutcome::refused(ConnectionDraft::default(), problem);
            page.render(&place.uri(), Some(FormOutcome { load: Some(draft), ..refused }), status).await
        }
    }
}

pub(super) async fn cancel_load(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    let cancelled = load::cancel(&service, &who, form.text("job").unwrap_or_default()).await;
    answer(page, cancelled, Place::Load(id), Place::Load(id)).await
}

/// A plan is not kept: its page carries it, in the order and over the range that it was asked for from.
pub(super) async fn plan(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    let planned = statements::plan(&service, &who, id, form.text("query_id").unwrap_or_default()).await;
    let word = |name: &str| {
        let typed = form.text(name).unwrap_or_default();
        if typed.bytes().all(|byte| byte.is_ascii_alphanumeric()) { typed.to_owned() } else { String::new() }
    };
    let address = format!("/connections/{id}/queries?order_by={}&range={}", word("order_by"), word("range"));
    let (outcome, status) =
        carried(planned, |plan| FormOutcome { plan: Some(plan), ..FormOutcome::default() });
    page.render(&address.parse().unwrap_or_default(), Some(outcome), status).await
}

pub(super) async fn delete(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
    form: Form,
) -> Response {
    match connections::delete(&service, &who, id, form.version()).await {
        // The overview then offers to undo it.
        Ok(()) => Redirect::to(&format!("/?deleted={id}")).into_response(),
        Err(problem) => refused(page, ConnectionDraft::default(), problem, Place::Delete(id)).await,
    }
}

pub(super) async fn restore(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
    Id(id): Id,
) -> Response {
    let restored = connections::restore(&service, &who, id).await;
    answer(page, restored, Place::Overview, Place::Overview).await
}

pub(super) async fn test_all(
    State(service): State<Service>,
    Caller(who): Caller,
    page: PageRequest,
) -> Response {
    match checks::all_regions(&service, &who).await {
        // The overview then shows how far it is.
        Ok(AllRegionsAnswer::Job(job)) => Redirect::to(&format!("/?{JOB}={}", job.id)).into_response(),
        tested => answer(page, tested, Place::Overview, Place::Overview).await,
    }
}

/// Keeps the theme in a cookie and goes back to the page that it was chosen on.
pub(super) async fn theme(form: Form) -> Response {
    let back = form.text("back").filter(|back| is_our_own(back)).unwrap_or("/");
    let mut response = Redirect::to(back).into_response();
    if let Some(theme) = form.text("theme").and_then(Theme::parse) {
        let cookie = format!("{}={}; Path=/; Max-Age={YEAR_S}; SameSite=Lax", Theme::COOKIE, theme.as_str());
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// Whether an address is a path of this server: `//evil.example` and `/\evil.example` are not.
pub(super) fn is_our_own(address: &str) -> bool {
    address.starts_with('/')
        && !address[1..].starts_with(['/', '\\'])
        && address.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Form {
        Form(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_form_becomes_a_draft_as_it_was_typed() {
        let draft = form(&[
            ("host", "db.example.com"),
            ("port", "x"),
            ("notes", "a\r\nb"),
            ("paused", "on"),
            ("allow_statements", "true"),
            ("version", "3"),
            ("password", "hunter2"),
        ])
        .draft();
        assert_eq!(
            (draft.host.as_str(), draft.port.as_str(), draft.notes.as_str()),
            ("db.example.com", "x", "a\nb")
        );
        assert!(draft.paused && draft.allow_statements && !draft.let_sleep && !draft.remove_password);
        assert_eq!(draft.version, Some(3));
        assert!(!draft.password.is_empty());
    }

    #[test]
    fn the_way_back_stays_on_this_server() {
        for fine in ["/", "/connections/7?a=b"] {
            assert!(is_our_own(fine), "{fine}");
        }
        for foreign in ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nb"] {
            assert!(!is_our_own(foreign), "{foreign}");
        }
    }
}
