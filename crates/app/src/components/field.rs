//! One field of a form: label, control, hint, and what is wrong with it.
//!
//! Controls are not driven by signals: what a person types before the page is awake stays, and the form's own values
//! are read when it is sent. A field's `name` is also its id; the hint has `<name>-hint`, the error `<name>-error`.

use leptos::prelude::*;

use super::{Icon, IconName};

pub fn hint_id(name: &str) -> String {
    format!("{name}-hint")
}

pub fn error_id(name: &str) -> String {
    format!("{name}-error")
}

/// What a control is described by, for `aria-describedby`.
fn described_by(name: &'static str, has_hint: bool, error: MaybeProp<String>) -> impl Fn() -> Option<String> {
    move || {
        let hint = has_hint.then(|| hint_id(name));
        let error = error.get().map(|_| error_id(name));
        match (hint, error) {
            (Some(hint), Some(error)) => Some(format!("{error} {hint}")),
            (hint, error) => error.or(hint),
        }
    }
}

/// Label, hint and error around a control of one's own. The control needs `id=name`, and `aria-describedby` with
/// [`hint_id`] and [`error_id`].
#[component]
pub fn Field(
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(optional_no_strip)] hint: Option<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
    /// Its width in the grid: `w3`, `w6`, `w9`.
    #[prop(optional)]
    class: &'static str,
    children: Children,
) -> impl IntoView {
    let error_line = move || {
        error.get().map(|message| {
            view! {
                <p class="field__error" id=error_id(name)>
                    <Icon name=IconName::Info/>
                    <span>{message}</span>
                </p>
            }
        })
    };
    view! {
        <div class=format!("field {class}")>
            <label class="field__label" for=name>{label}</label>
            {children()}
            {error_line}
            {hint.map(|hint| view! { <p class="field__hint" id=hint_id(name)>{hint}</p> })}
        </div>
    }
}

/// A field of one line.
#[component]
pub fn TextField(
    name: &'static str,
    #[prop(into)] label: String,
    /// What it starts with.
    #[prop(optional, into)]
    value: String,
    /// `text`, `password`, `number`, …
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
    #[prop(optional)] required: bool,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] inputmode: Option<&'static str>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional)] class: &'static str,
    #[prop(optional, into)] on_input: Option<Callback<String>>,
) -> impl IntoView {
    let describedby = described_by(name, hint.is_some(), error);
    let typed = move |event: leptos::ev::Event| {
        if let Some(on_input) = on_input {
            on_input.run(event_target_value(&event));
        }
    };
    view! {
        <Field name label hint=hint.clone() error class>
            <input
                class="input"
                id=name
                name=name
                type=kind
                value=value
                autocomplete=autocomplete
                inputmode=inputmode
                placeholder=placeholder
                autocapitalize="none"
                spellcheck="false"
                aria-required=required.then_some("true")
                aria-invalid=move || error.get().map(|_| "true")
                aria-describedby=describedby
                on:input=typed
            />
        </Field>
    }
}

/// A field of several lines.
#[component]
pub fn TextArea(
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(optional, into)] value: String,
    #[prop(default = 3)] rows: u32,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
    #[prop(optional, into)] placeholder: Option<String>,
    /// `mono` for certificates and SQL.
    #[prop(optional)]
    input_class: &'static str,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let describedby = described_by(name, hint.is_some(), error);
    view! {
        <Field name label hint=hint.clone() error class>
            <textarea
                class=format!("input {input_class}")
                id=name
                name=name
                rows=rows
                placeholder=placeholder
                spellcheck="false"
                aria-invalid=move || error.get().map(|_| "true")
                aria-describedby=describedby
            >
                {value}
            </textarea>
        </Field>
    }
}

/// A choice from a list. `options` are value and label.
#[component]
pub fn SelectField(
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(into)] value: String,
    options: Vec<(String, String)>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let describedby = described_by(name, hint.is_some(), error);
    let options = options
        .into_iter()
        .map(|(option, label)| {
            let selected = option == value;
            view! { <option value=option selected=selected>{label}</option> }
        })
        .collect_view();
    view! {
        <Field name label hint=hint.clone() error class>
            <select
                class="input"
                id=name
                name=name
                aria-invalid=move || error.get().map(|_| "true")
                aria-describedby=describedby
            >
                {options}
            </select>
        </Field>
    }
}
