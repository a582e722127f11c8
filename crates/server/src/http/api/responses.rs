//! The problems that handlers answer, as the OpenAPI document lists them.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

fn problems(told: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let response = |description: &str| {
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        RefOr::T(
            ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content)
                .build(),
        )
    };
    told.iter().map(|(status, description)| ((*status).to_owned(), response(description))).collect()
}

/// What every endpoint may answer before it does anything.
pub(super) struct Guarded;

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("403", "The `Host` is not ours, or a page of another site asked for a change."),
            ("422", "Parameters or fields need a correction; each is named. Nothing was stored."),
        ])
    }
}

/// What every endpoint that asks somebody may answer.
pub(super) struct Failed;

impl IntoResponses for Failed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "500",
            "It failed inside the dashboard. Only the request's id is told; the log has the cause.",
        )])
    }
}

/// What every endpoint under `/api` may answer.
pub(super) struct Always;

impl IntoResponses for Always {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = problems(&[(
            "503",
            "The dashboard cannot reach its own database. `Retry-After` says when to try again.",
        )]);
        responses.extend(Guarded::responses());
        responses.extend(Failed::responses());
        responses
    }
}

/// Endpoints that name a connection.
pub(super) struct NoSuchConnection;

impl IntoResponses for NoSuchConnection {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("404", "There is no such connection, or it was deleted.")])
    }
}

/// Endpoints that name a job.
pub(super) struct NoSuchJob;

impl IntoResponses for NoSuchJob {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("404", "There is no such job, or it ended more than an hour ago.")])
    }
}

/// Endpoints that read a JSON body.
pub(super) struct UnreadableBody;

impl IntoResponses for UnreadableBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "The body is not JSON."),
            ("413", "The body is larger than 1 MB."),
            ("415", "The body is of another content type than JSON."),
        ])
    }
}

/// Endpoints that take no body, when one comes.
pub(super) struct UnwantedBody;

impl IntoResponses for UnwantedBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "There is a body, and it is not even JSON. None is taken."),
            ("413", "There is a body, and it is larger than 1 MB. None is taken."),
        ])
    }
}

/// Endpoints that change what somebody may have changed in the meantime.
pub(super) struct ChangedMeanwhile;

impl IntoResponses for ChangedMeanwhile {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("409", "The version that the request names is old: somebody changed it.")])
    }
}

/// Endpoints that ask a target.
pub(super) struct TooOften;

impl IntoResponses for TooOften {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("429", "The target was asked too often. `Retry-After` says when it may be asked again.")])
    }
}

/// Load tests: what may not be run, and what not now. Other 403 of [`Guarded`] are told in the same words.
pub(super) struct LoadRefused;

impl IntoResponses for LoadRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "403",
                "The `Host` is not ours, or a page of another site asked for a change; or a statement of one's own is not \
                 allowed for this connection, or not for its user.",
            ),
            ("409", "A load test of the same server is under way."),
        ])
    }
}
