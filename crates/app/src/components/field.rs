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

/// Label, hint and error around a control. The control needs `id=name`, and `aria-describedby` with [`hint_id`] and
/// [`error_id`].
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
            .into_any()
        })
    };
    view! {
        <div class=format!("field {class}")>
            <label class="field__label" for=name>{label}</label>
            {children()}
            {move || error_line().into_any()}
            {hint.map(|hint| view! { <p class="field__hint" id=hint_id(name)>{hint}</p> }.into_any())}
        </div>
    }
}
