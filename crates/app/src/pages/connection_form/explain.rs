//! What happens after saving, beside the form: the five steps of a test in words, in the colours that the result has.

use common::Phase;
use leptos::prelude::*;

fn what_it_shows(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "The host name becomes an address. Skipped for addresses and sockets.",
        Phase::Tcp => "A connection to that address and port: shows firewalls and wrong ports.",
        Phase::Tls => "Encryption as chosen: shows what certificate the server has.",
        Phase::Auth => "Signing in: shows a wrong password, user or database.",
        Phase::Query => "The first answer: from here on the round trip is what you see in lists.",
    }
}

/// The side column of the form.
#[component]
pub(super) fn AfterSaving() -> impl IntoView {
    let steps = Phase::ALL.map(|phase| {
        view! {
            <li class="steps__item">
                <i class=format!("swatch phase--{}", phase.as_str()) aria-hidden="true"></i>
                <strong>{phase.label()}</strong>
                <span>{what_it_shows(phase)}</span>
            </li>
        }
        .into_any()
    });
    view! {
        <aside class="panel" aria-labelledby="after-heading">
            <div class="panel__head"><h2 id="after-heading">"After saving"</h2></div>
            <div class="panel__body stack">
                <p class="small">
                    "The connection is tested at once, step by step, and each step is timed. A step that fails says why, and what to do."
                </p>
                <ol class="steps">{steps.collect_view()}</ol>
            </div>
            <p class="panel__foot">
                "It is saved whether or not the test passes: a database that cannot be reached stays in the list, with the reason."
            </p>
        </aside>
    }
    .into_any()
}
