//! Why the form was not saved, above the form: the fields to correct, what changed in the meantime, or what went
//! wrong with the request.

use common::{Connection, ConnectionDraft, Problem, ProblemCode};
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, MouseEvent};

use super::rules;
use crate::components::{Icon, IconName, Shape, Tone};

/// A refused form.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub problem: Problem,
    /// What was typed.
    pub mine: ConnectionDraft,
    /// After a conflict: what is stored now.
    pub stored: Option<Connection>,
}

impl Refusal {
    /// The stored connection that somebody else's change made, when that is what stands in the way.
    pub(super) fn conflict(&self) -> Option<&Connection> {
        (self.problem.code == ProblemCode::Conflict).then_some(self.stored.as_ref()).flatten()
    }
}

/// The notice. It takes the focus when it appears, so that it is read and is the next thing that Tab leaves.
#[component]
pub(super) fn RefusalNotice(
    refusal: Refusal,
    notice: NodeRef<html::Div>,
    /// Puts the stored values into the form.
    #[prop(into)]
    load_stored: Callback<MouseEvent>,
    edit_path: String,
) -> impl IntoView {
    let body = if let Some(stored) = refusal.conflict() {
        view! { <Conflict mine=refusal.mine.clone() stored=stored.clone() load_stored edit_path/> }.into_any()
    } else if refusal.problem.fields.is_empty() {
        let Problem { title, detail, hint, request_id, code, .. } = refusal.problem;
        // Where the server was not heard, its hint is to load the page again: that would lose what was typed.
        let hint = hint.filter(|_| code != ProblemCode::Internal);
        view! {
            <strong>"Not saved: "{title}</strong>
            <span>{detail}</span>
            {hint.map(|hint| view! { <span>{hint}</span> }.into_any())}
            <span>"What you typed is kept."{request_id.map(|id| format!(" The log has the cause under {id}."))}</span>
            <button class="btn btn--small" type="submit">
                <Icon name=IconName::Refresh/>
                "Try again"
            </button>
        }
        .into_any()
    } else {
        view! { <FieldList problem=refusal.problem/> }.into_any()
    };
    view! {
        <div class="notice notice--crit" role="alert" tabindex="-1" node_ref=notice>
            <Shape tone=Tone::Crit/>
            {body}
        </div>
    }
    .into_any()
}

/// The fields that need a correction, each a link to where it is.
#[component]
fn FieldList(problem: Problem) -> impl IntoView {
    let count = match problem.fields.len() {
        1 => "one field needs a correction".to_owned(),
        2 => "two fields need a correction".to_owned(),
        3 => "three fields need a correction".to_owned(),
        many => format!("{many} fields need a correction"),
    };
    let last = problem.fields.len().saturating_sub(1);
    let links = problem.fields.into_iter().enumerate().map(move |(at, error)| {
        let separator = match at {
            0 => "",
            at if at == last => " and ",
            _ => ", ",
        };
        let label = rules::label(&error.field).to_owned();
        let href = format!("#{}", error.field);
        view! {
            {separator}
            <a class="link" href=href rel="external" on:click=move |event| go_to(&event, &error.field)>{label}</a>
        }
        .into_any()
    });
    view! {
        <strong>"Not saved: "{count}</strong>
        <span>{links.collect_view()}". What you typed is kept."</span>
    }
}

/// Opens what hides a field and puts the focus into it.
fn go_to(event: &MouseEvent, field: &str) {
    let Some(element) = document().get_element_by_id(field) else { return };
    event.prevent_default();
    if let Ok(Some(details)) = element.closest("details") {
        let _ = details.set_attribute("open", "");
    }
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Somebody else saved first: what differs, and the two ways on.
#[component]
fn Conflict(
    mine: ConnectionDraft,
    stored: Connection,
    load_stored: Callback<MouseEvent>,
    edit_path: String,
) -> impl IntoView {
    let rows = differences(&ConnectionDraft::from_connection(&stored), &mine);
    let has_rows = !rows.is_empty();
    let rows = rows
        .into_iter()
        .map(|(field, stored, mine)| {
            view! {
                <tr>
                    <th scope="row">{rules::label(field).to_owned()}</th>
                    <td><bdi>{stored}</bdi></td>
                    <td><bdi>{mine}</bdi></td>
                </tr>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <strong>"Not saved: somebody changed this connection in the meantime"</strong>
        <span>
            "What you typed still stands below. Save again to replace the stored values with yours, or load the stored ones."
        </span>
        {has_rows
            .then(|| {
                view! {
                    <div class="conflict">
                        <table class="conflict__table">
                            <thead>
                                <tr><th scope="col">"Field"</th><th scope="col">"Stored now"</th><th scope="col">"Yours"</th></tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                }
                .into_any()
            })}
        <span class="row row--wrap">
            <a class="btn btn--small" href=edit_path rel="external" on:click=move |event| load_stored.run(event)>
                <Icon name=IconName::Refresh/>
                "Load the stored values"
            </a>
        </span>
    }
}

/// Fields whose text differs: which, what is stored, what was typed. An empty text reads as “–”.
fn differences(stored: &ConnectionDraft, mine: &ConnectionDraft) -> Vec<(&'static str, String, String)> {
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let all = [
        ("name", stored.name.clone(), mine.name.clone()),
        ("host", stored.host.clone(), mine.host.clone()),
        ("port", stored.port.clone(), mine.port.clone()),
        ("database_name", stored.database_name.clone(), mine.database_name.clone()),
        ("username", stored.username.clone(), mine.username.clone()),
        ("ssl_mode", stored.ssl_mode.clone(), mine.ssl_mode.clone()),
        ("ssl_root_cert", stored.ssl_root_cert.clone(), mine.ssl_root_cert.clone()),
        ("region", stored.region.clone(), mine.region.clone()),
        ("cloud_provider", stored.cloud_provider.clone(), mine.cloud_provider.clone()),
        ("latitude", stored.latitude.clone(), mine.latitude.clone()),
        ("longitude", stored.longitude.clone(), mine.longitude.clone()),
        ("tags", stored.tags.clone(), mine.tags.clone()),
        ("notes", stored.notes.clone(), mine.notes.clone()),
        ("check_interval_s", stored.check_interval_s.clone(), mine.check_interval_s.clone()),
        ("paused", yes_no(stored.paused), yes_no(mine.paused)),
        ("let_sleep", yes_no(stored.let_sleep), yes_no(mine.let_sleep)),
        ("allow_statements", yes_no(stored.allow_statements), yes_no(mine.allow_statements)),
    ];
    let shown =
        |text: String| if text.is_empty() { "–".to_owned() } else { common::text::clean(&text, 120) };
    all.into_iter()
        .filter(|(_, stored, mine)| stored.trim() != mine.trim())
        .map(|(field, stored, mine)| (field, shown(stored), shown(mine)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_compared() {
        let stored =
            ConnectionDraft { port: "5433".to_owned(), tags: "prod".to_owned(), ..Default::default() };
        let mine = ConnectionDraft { paused: true, port: "5433 ".to_owned(), ..Default::default() };
        assert_eq!(
            differences(&stored, &mine),
            [("tags", "prod".to_owned(), "–".to_owned()), ("paused", "no".to_owned(), "yes".to_owned())]
        );
    }
}
