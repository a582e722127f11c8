//! A few lines that cannot be missed: what happened, why, what to do next.

use common::Problem;
use leptos::prelude::*;

use super::{Shape, Tone};

/// A coloured box. The children come below the title.
#[component]
pub fn Notice(
    tone: Tone,
    #[prop(into)] title: String,
    /// Read out at once when it appears.
    #[prop(optional)]
    alert: bool,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let class = match tone {
        Tone::Ok => "notice notice--ok",
        Tone::Warn => "notice notice--warn",
        Tone::Crit => "notice notice--crit",
        Tone::Off | Tone::Unknown => "notice",
    };
    view! {
        <div class=class role=alert.then_some("alert")>
            <Shape tone/>
            <strong>{title}</strong>
            {children.map(|children| children())}
        </div>
    }
}

/// A problem in words: what went wrong, why, and what to do. The children are a way on, such as "Try again".
#[component]
pub fn ProblemNotice(problem: Problem, #[prop(optional)] children: Option<Children>) -> impl IntoView {
    let Problem { title, detail, hint, request_id, .. } = problem;
    view! {
        <Notice tone=Tone::Crit title alert=true>
            <p>{detail}</p>
            {hint.map(|hint| view! { <p>{hint}</p> }.into_any())}
            {request_id.map(|id| view! { <p class="small muted">"Its cause is in the log under " <code>{id}</code> "."</p> }.into_any())}
            {children.map(|children| children())}
        </Notice>
    }
}
