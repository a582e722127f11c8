//! Asking for a load test.

use common::{
    FieldError, LoadDraft,
    load::{MAX_CONNECTIONS, MAX_DURATION_S},
};
use leptos::{ev::SubmitEvent, html, prelude::*};
use web_sys::FormData;

use super::Load;
use crate::{
    components::{Button, Field, IconName, Panel, error_id, hint_id},
    raw_text::raw_text,
};

#[component]
pub(super) fn LoadForm(load: Load) -> impl IntoView {
    let form = NodeRef::<html::Form>::new();
    let errors = RwSignal::new(load.refused.with_untracked(|refused| {
        refused.as_ref().map(|problem| problem.fields.clone()).unwrap_or_default()
    }));
    // What only the server can refuse, such as more sessions than it has free.
    Effect::new(move |_| {
        let refused = load.refused.get().map(|problem| problem.fields).unwrap_or_default();
        if !refused.is_empty() {
            errors.set(refused);
            focus_first_error();
        }
    });
    let starting = load.start.pending();
    let busy = Signal::derive(move || starting.get() || load.is_running());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(draft) = form.get_untracked().and_then(|form| read(&form)) else { return };
        if busy.get_untracked() {
            return;
        }
        match draft.parse() {
            Ok(request) => {
                errors.set(Vec::new());
                load.start.dispatch(request);
            }
            Err(found) => {
                errors.set(found);
                focus_first_error();
            }
        }
    };
    let LoadDraft { connections, duration_s, rate_per_s, ramp_s, statement } = load.typed.get_value();
    let allowed = load.detail.connection.with_untracked(|connection| connection.allow_statements);
    let statement = if allowed {
        view! { <StatementField errors value=statement/> }.into_any()
    } else {
        view! {
            <p class="small muted load__statement">
                "It asks "<code>"select 1"</code>". Statements of your own have to be allowed for this connection first, under "
                <a href=format!("/connections/{}/edit", load.detail.id)>"Settings"</a>"."
            </p>
        }
        .into_any()
    };
    let most = format!("at most {MAX_CONNECTIONS}");
    let longest = format!("1 to {MAX_DURATION_S}");
    view! {
        <Panel id="load-form" title="Load test" note=|| "how much it takes, and how long answers take then">
            <form class="panel__body stack" method="post" action=format!("/connections/{}/load", load.detail.id)
                novalidate=true node_ref=form on:submit=submit>
                <div class="fields">
                    <NumberField errors field="connections" label="Connections" value=connections hint=most/>
                    <NumberField errors field="duration_s" label="Seconds" value=duration_s hint=longest/>
                    <NumberField errors field="rate_per_s" label="Requests a second" value=rate_per_s
                        hint="empty: as fast as answers come".to_owned()/>
                    <NumberField errors field="ramp_s" label="Ramp-up" value=ramp_s
                        hint="seconds until all connections are open".to_owned()/>
                </div>
                {statement}
                <div class="row row--wrap">
                    <Button label="Start" icon=IconName::Gauge class="btn--fill" busy=busy busy_label="Running …"/>
                    <span class="small muted load__polite">
                        "Never more than the server’s free slots less 5. Cancelling leaves no session behind."
                    </span>
                </div>
            </form>
        </Panel>
    }
    .into_any()
}

#[component]
fn NumberField(
    errors: RwSignal<Vec<FieldError>>,
    field: &'static str,
    label: &'static str,
    value: String,
    hint: String,
) -> impl IntoView {
    view! {
        <Field name=field label=label hint=Some(hint) error=Signal::derive(move || message(errors, field)) class="w3">
            <input class="input" id=field name=field type="text" inputmode="decimal" autocomplete="off" value=value
                aria-invalid=move || message(errors, field).is_some().then_some("true")
                aria-describedby=move || described_by(errors, field)/>
        </Field>
    }
    .into_any()
}

#[component]
fn StatementField(errors: RwSignal<Vec<FieldError>>, value: String) -> impl IntoView {
    let area = html::textarea()
        .class("input mono")
        .id("statement")
        .name("statement")
        .rows("3")
        .placeholder("select 1")
        .spellcheck("false")
        .aria_invalid(move || message(errors, "statement").is_some().then_some("true"))
        .aria_describedby(move || described_by(errors, "statement"));
    // An empty child would be rendered as a blank, which a text area shows as one.
    let area =
        if value.is_empty() { area.into_any() } else { area.child(raw_text(&value).into_owned()).into_any() };
    let hint = "One statement; it runs read-only and is rolled back.".to_owned();
    view! {
        <Field name="statement" label="Statement" hint=Some(hint) error=Signal::derive(move || message(errors, "statement"))>
            {area}
        </Field>
    }
    .into_any()
}

fn message(errors: RwSignal<Vec<FieldError>>, field: &str) -> Option<String> {
    errors.with(|errors| errors.iter().find(|error| error.field == field).map(|error| error.message.clone()))
}

fn described_by(errors: RwSignal<Vec<FieldError>>, field: &str) -> String {
    match message(errors, field) {
        Some(_) => format!("{} {}", error_id(field), hint_id(field)),
        None => hint_id(field),
    }
}

fn read(form: &web_sys::HtmlFormElement) -> Option<LoadDraft> {
    let entries = FormData::new_with_form(form).ok()?;
    let text = |field: &str| entries.get(field).as_string().unwrap_or_default();
    Some(LoadDraft {
        connections: text("connections"),
        duration_s: text("duration_s"),
        rate_per_s: text("rate_per_s"),
        ramp_s: text("ramp_s"),
        statement: text("statement"),
    })
}

/// After the messages are drawn.
fn focus_first_error() {
    request_animation_frame(|| {
        use wasm_bindgen::JsCast;
        let wrong = document().query_selector("#load-form [aria-invalid]").ok().flatten();
        if let Some(wrong) = wrong.and_then(|wrong| wrong.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = wrong.focus();
        }
    });
}
