//! Status as colour and shape together: nobody has to tell red from green.

use common::{
    ConnectionStatus,
    health::{CheckStatus, HealthStatus, Severity},
};
use leptos::prelude::*;

/// The few things that colour means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Ok,
    Warn,
    Crit,
    /// Paused, or not made.
    Off,
    /// Not known (yet).
    Unknown,
}

impl Tone {
    /// The class that colours a shape.
    pub fn status_class(self) -> &'static str {
        match self {
            Self::Ok => "icon status status--ok",
            Self::Warn => "icon status status--warn",
            Self::Crit => "icon status status--crit",
            Self::Off | Self::Unknown => "icon status",
        }
    }

    /// The class that colours words.
    pub fn text_class(self) -> &'static str {
        match self {
            Self::Ok => "t-ok",
            Self::Warn => "t-warn",
            Self::Crit => "t-crit",
            Self::Off | Self::Unknown => "muted",
        }
    }

    /// The class of a [`super::Badge`].
    pub fn badge_class(self) -> &'static str {
        match self {
            Self::Ok => "badge badge--ok",
            Self::Warn => "badge badge--warn",
            Self::Crit => "badge badge--crit",
            Self::Off | Self::Unknown => "badge badge--plain",
        }
    }
}

impl From<ConnectionStatus> for Tone {
    fn from(status: ConnectionStatus) -> Self {
        match status {
            ConnectionStatus::Up => Self::Ok,
            ConnectionStatus::Degraded => Self::Warn,
            ConnectionStatus::Down => Self::Crit,
            ConnectionStatus::Paused => Self::Off,
            ConnectionStatus::Unknown => Self::Unknown,
        }
    }
}

impl From<HealthStatus> for Tone {
    fn from(status: HealthStatus) -> Self {
        match status {
            HealthStatus::Ok => Self::Ok,
            HealthStatus::Warning => Self::Warn,
            HealthStatus::Critical | HealthStatus::Down => Self::Crit,
            HealthStatus::Unknown => Self::Unknown,
        }
    }
}

impl From<CheckStatus> for Tone {
    fn from(status: CheckStatus) -> Self {
        match status {
            CheckStatus::Ok => Self::Ok,
            CheckStatus::Warning => Self::Warn,
            CheckStatus::Critical => Self::Crit,
            CheckStatus::Info | CheckStatus::Unavailable | CheckStatus::Skipped => Self::Unknown,
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Crit,
            Severity::Warning => Self::Warn,
            Severity::Info => Self::Unknown,
        }
    }
}

/// A disc with a tick, a triangle, an octagon with a cross, a ring with bars, a dashed ring.
#[component]
pub fn Shape(
    tone: Tone,
    /// What a screen reader says. Leave it out where words stand beside the shape.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let hidden = label.is_none().then_some("true");
    let role = label.is_some().then_some("img");
    view! {
        <svg class=tone.status_class() viewBox="0 0 16 16" role=role aria-label=label aria-hidden=hidden inner_html=drawing(tone)>
        </svg>
    }
}

/// The shape of a connection's status, with its name for screen readers.
#[component]
pub fn StatusShape(status: ConnectionStatus) -> impl IntoView {
    view! { <Shape tone=Tone::from(status) label=status.label()/> }
}

/// Classes of the strokes: `status__cut` is cut out of the shape, `status__line` has the shape's own colour.
fn drawing(tone: Tone) -> &'static str {
    match tone {
        Tone::Ok => {
            r#"<circle cx="8" cy="8" r="6.5"/><path class="status__cut" d="m5 8.25 2.1 2.1 3.9-4.2"/>"#
        }
        Tone::Warn => {
            r#"<path d="M8 1.5c.5 0 .9.25 1.15.7l5.3 9.8c.5.9-.15 2-1.15 2H2.7c-1 0-1.65-1.1-1.15-2l5.3-9.8c.25-.45.65-.7 1.15-.7z"/><path class="status__cut" d="M8 5.75V9M8 11.4h.01"/>"#
        }
        Tone::Crit => {
            r#"<path d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z"/><path class="status__cut" d="m5.75 5.75 4.5 4.5M10.25 5.75l-4.5 4.5"/>"#
        }
        Tone::Off => {
            r#"<circle class="status__line" cx="8" cy="8" r="5.6"/><path class="status__line" d="M6.4 6v4M9.6 6v4"/>"#
        }
        Tone::Unknown => r#"<circle class="status__line" cx="8" cy="8" r="5.6" stroke-dasharray="2.2 2.2"/>"#,
    }
}
