//! Light, dark, or as the system has it. The choice is a cookie, so that the server's first paint already has it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::components::{Icon, IconName};

use crate::wire;

/// The chosen theme. Without one, the page follows the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    /// The name of the cookie that keeps the choice.
    pub const COOKIE: &str = "theme";

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The value of the cookie, or of the field `theme` of `POST /theme`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Light,
        }
    }
}

/// Switches between light and dark. It is a form: without JavaScript the server sets the cookie and sends the
/// browser back. The server cannot know the system's theme; without a choice it offers dark.
#[component]
pub(crate) fn ThemeSwitch() -> impl IntoView {
    let chosen = wire::of_the_server(use_context::<Theme>);
    let theme = RwSignal::new(chosen);
    let next = move || theme.get().map_or(Theme::Dark, Theme::other);
    let path = leptos_router::hooks::use_location();
    let back = move || format!("{}{}", path.pathname.get(), path.query.get().to_query_string());

    let switch = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let shown = theme.get_untracked().unwrap_or_else(of_the_system);
        let next = shown.other();
        show(next);
        theme.set(Some(next));
    };
    view! {
        <form action="/theme" method="post" on:submit=switch>
            <input type="hidden" name="theme" value=move || next().as_str()/>
            <input type="hidden" name="back" value=move || back()/>
            <button class="btn btn--icon btn--quiet" aria-label="Switch between light and dark">
                <Icon name=IconName::Theme/>
            </button>
        </form>
    }
}

fn of_the_system() -> Theme {
    let dark = window()
        .match_media("(prefers-color-scheme: dark)")
        .ok()
        .flatten()
        .is_some_and(|query| query.matches());
    if dark { Theme::Dark } else { Theme::Light }
}

/// Shows a theme at once and keeps it for a year.
fn show(theme: Theme) {
    if let Some(html) = document().document_element() {
        let _ = html.set_attribute("data-theme", theme.as_str());
    }
    let cookie = format!("{}={}; Path=/; Max-Age=31536000; SameSite=Lax", Theme::COOKIE, theme.as_str());
    let _ = js_sys::Reflect::set(&document(), &"cookie".into(), &cookie.into());
}
