//! The controls of the form: each keeps its own value, is checked when it is left, and says what is wrong with it.

use common::FieldError;
use leptos::{ev, html, prelude::*};

use super::rules;
use crate::{
    components::{Field, error_id, hint_id},
    raw_text::raw_text,
};

/// What is wrong with which field. Shared by all fields of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errors(RwSignal<Vec<FieldError>>);

impl Errors {
    pub(super) fn new(errors: Vec<FieldError>) -> Self {
        Self(RwSignal::new(errors))
    }

    pub(super) fn set(self, errors: Vec<FieldError>) {
        self.0.set(errors);
    }

    /// The message of a field that needs a correction.
    pub(super) fn of(self, field: &str) -> Option<String> {
        self.0.with(|errors| {
            errors.iter().find(|error| error.field == field).map(|error| error.message.clone())
        })
    }

    /// Checks a field that is left. An empty one that nobody has complained about yet is not complained about:
    /// who walks through the form by Tab has done nothing wrong.
    fn left(self, field: &str, typed: &str) {
        if !typed.is_empty() {
            self.check(field, typed);
        }
    }

    /// Checks a field that is being corrected, so that its message goes as soon as it is mended.
    fn corrected(self, field: &str, typed: &str) {
        if self.0.with_untracked(|errors| errors.iter().any(|error| error.field == field)) {
            self.check(field, typed);
        }
    }

    fn check(self, field: &str, typed: &str) {
        let found = rules::fault(field, typed);
        let shown = self.0.with_untracked(|errors| errors.iter().find(|error| error.field == field).cloned());
        if found != shown {
            self.0.update(|errors| {
                errors.retain(|error| error.field != field);
                errors.extend(found);
            });
        }
    }
}

fn described_by(errors: Errors, field: &'static str, has_hint: bool) -> Option<String> {
    match (errors.of(field).is_some(), has_hint) {
        (true, true) => Some(format!("{} {}", error_id(field), hint_id(field))),
        (true, false) => Some(error_id(field)),
        (false, true) => Some(hint_id(field)),
        (false, false) => None,
    }
}

/// One line of text. `value` is what it starts with.
#[component]
pub(super) fn TextField(
    errors: Errors,
    field: &'static str,
    value: String,
    /// Its width in the grid: `w3`, `w6`, `w9`, or the whole row.
    #[prop(optional)]
    width: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] placeholder: MaybeProp<String>,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional)] inputmode: Option<&'static str>,
    /// The id of a `<datalist>`.
    #[prop(optional)]
    list: Option<&'static str>,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] required: bool,
    /// Called with every change, for what else depends on it.
    #[prop(optional, into)]
    on_input: Option<Callback<String>>,
) -> impl IntoView {
    let has_hint = hint.is_some();
    let typed = move |event| {
        let typed = event_target_value(&event);
        errors.corrected(field, &typed);
        if let Some(on_input) = on_input {
            on_input.run(typed);
        }
    };
    view! {
        <Field name=field label=rules::label(field) hint=hint error=Signal::derive(move || errors.of(field)) class=width>
            <input
                class="input"
                id=field
                name=field
                type=kind
                value=value
                placeholder=move || placeholder.get()
                inputmode=inputmode
                list=list
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                aria-required=required.then_some("true")
                aria-invalid=move || errors.of(field).is_some().then_some("true")
                aria-describedby=move || described_by(errors, field, has_hint)
                on:input=typed
                on:blur=move |event| errors.left(field, &event_target_value(&event))
            />
        </Field>
    }
    .into_any()
}

/// Several lines of text.
#[component]
pub(super) fn AreaField(
    errors: Errors,
    field: &'static str,
    value: String,
    rows: u32,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional)] placeholder: Option<&'static str>,
    /// Set in the fixed-width face.
    #[prop(optional)]
    mono: bool,
) -> impl IntoView {
    let has_hint = hint.is_some();
    let area = html::textarea()
        .class(if mono { "input mono" } else { "input" })
        .id(field)
        .name(field)
        .rows(rows.to_string())
        .placeholder(placeholder)
        .spellcheck(if mono { "false" } else { "true" })
        .aria_invalid(move || errors.of(field).is_some().then_some("true"))
        .aria_describedby(move || described_by(errors, field, has_hint))
        .on(ev::input, move |event| errors.corrected(field, &event_target_value(&event)))
        .on(ev::blur, move |event| errors.left(field, &event_target_value(&event)));
    // An empty child would be rendered as a blank, which a text area shows as one.
    let area =
        if value.is_empty() { area.into_any() } else { area.child(raw_text(&value).into_owned()).into_any() };
    view! {
        <Field name=field label=rules::label(field) hint=hint error=Signal::derive(move || errors.of(field))>
            {area}
        </Field>
    }
    .into_any()
}

/// A yes or no with a sentence that says what it does.
#[component]
pub(super) fn CheckField(
    field: &'static str,
    checked: bool,
    label: &'static str,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" id=field name=field value="true" checked=checked/>
            <span>{label}</span>
            <small>{hint}</small>
        </label>
    }
    .into_any()
}
