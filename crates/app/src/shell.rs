//! The HTML document around the interface, as the server sends it.

use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::{App, Theme};

/// The document: head, style sheet, the scripts that wake the page up (with the nonce that the Content Security Policy
/// asks for), and the theme that was chosen, so that the first paint has it.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = use_context::<Theme>().map(Theme::as_str);
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f7f8fa"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0d0f13"/>
                <link rel="stylesheet" id="leptos" href=format!("/{}/{}.css", options.site_pkg_dir, options.output_name)/>
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                <link rel="manifest" href="/manifest.webmanifest"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body class="app">
                <App/>
            </body>
        </html>
    }
}
