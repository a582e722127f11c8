//! What goes wrong, in the form of RFC 9457 (`application/problem+json`).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What kind of problem it is. The code decides the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ProblemCode {
    /// The body is not JSON, or the request is not understood at all.
    Malformed,
    Validation,
    NotFound,
    Unauthenticated,
    Forbidden,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    MethodNotAllowed,
    RateLimited,
    Busy,
    StoreUnavailable,
    Disabled,
    Internal,
}

impl ProblemCode {
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Validation => 422,
            Self::NotFound | Self::Disabled => 404,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::Conflict | Self::Busy => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::MethodNotAllowed => 405,
            Self::RateLimited => 429,
            Self::StoreUnavailable => 503,
            Self::Internal => 500,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Validation => "validation",
            Self::NotFound => "not_found",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::StoreUnavailable => "store_unavailable",
            Self::Disabled => "disabled",
            Self::Internal => "internal",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request cannot be read",
            Self::Validation => "Some fields need a correction",
            Self::NotFound => "Not found",
            Self::Unauthenticated => "Sign in first",
            Self::Forbidden => "Not allowed",
            Self::Conflict => "It has changed in the meantime",
            Self::TooLarge => "The request is too large",
            Self::UnsupportedMediaType => "This content type is not understood",
            Self::MethodNotAllowed => "This method is not allowed here",
            Self::RateLimited => "Too many requests",
            Self::Busy => "Already at work",
            Self::StoreUnavailable => "The dashboard's own database cannot be reached",
            Self::Disabled => "Switched off",
            Self::Internal => "Something went wrong in the dashboard",
        }
    }
}

/// One field that needs a correction. `code` is a slug for programs, `message` a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    pub field: String,
    pub code: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), message: message.into() }
    }
}

/// A refused or failed request: what happened, why, and what to do next. It never carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI reference of the kind of problem: `/docs#<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: ProblemCode,
    pub detail: String,
    pub hint: Option<String>,
    pub fields: Vec<FieldError>,
    /// Seconds after which a try may succeed (also sent as `Retry-After`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_s: Option<u64>,
    /// The id under which the log has the cause of an `internal` problem.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
}

impl Problem {
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs#{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: detail.into(),
            hint: None,
            fields: Vec::new(),
            retry_after_s: None,
            request_id: None,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A 422 that names each field. `fields` must not be empty.
    pub fn validation(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            // What is wrong with the request as a whole names no field.
            [one] if one.field.is_empty() => one.message.clone(),
            [one] => format!("{}: {}", one.field, one.message),
            many => format!("{} fields need a correction. Nothing was stored.", many.len()),
        };
        Self { fields, ..Self::new(ProblemCode::Validation, detail) }
    }

    /// A 422 on one field.
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self::validation(vec![FieldError::new(field, code, message)])
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::NotFound, detail)
    }

    /// The message of one field, if it is among those that need a correction.
    pub fn message_of(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

/// Server functions carry their error as text: the same JSON as from REST.
impl FromStr for Problem {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}
