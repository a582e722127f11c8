//! The three panels of the form: the server, how the way there is encrypted, where it is and how it is watched.

use common::{ConnectionDraft, SslMode};
use leptos::prelude::*;

use super::fields::{AreaField, CheckField, Errors, TextField};
use crate::components::{Icon, IconName, error_id};

/// Who runs databases for others, by the names that people use. A suggestion: any text is fine.
const CLOUD_PROVIDERS: [&str; 14] = [
    "AWS",
    "Azure",
    "Google Cloud",
    "Aiven",
    "Crunchy Bridge",
    "DigitalOcean",
    "Fly.io",
    "Heroku",
    "Hetzner",
    "Neon",
    "OVHcloud",
    "Render",
    "Supabase",
    "Timescale",
];

/// Where the server listens, and who asks.
#[component]
pub(super) fn ServerPanel(
    draft: ConnectionDraft,
    errors: Errors,
    has_password: bool,
    /// The form comes back from the server, which never sends a password back.
    retype: bool,
) -> impl IntoView {
    let host = RwSignal::new(draft.host.clone());
    let database = RwSignal::new(draft.database_name.clone());
    let default_name = Signal::derive(move || {
        let or = |text: String, other: &str| {
            if text.trim().is_empty() { other.to_owned() } else { text.trim().to_owned() }
        };
        Some(format!("{}@{}", or(database.get(), "database"), or(host.get(), "host")))
    });
    let password_hint = if retype {
        "If you had typed a password, type it again: it is never sent back to a page."
    } else if has_password {
        "Leave empty to keep the stored one. A change of host, port, user or to weaker encryption needs it again."
    } else {
        "Stored encrypted, never shown again, sent to this server only."
    };
    view! {
        <section class="panel" aria-labelledby="server-heading">
            <div class="panel__head"><h2 id="server-heading">"Server"</h2></div>
            <div class="panel__body">
                <div class="fields">
                    <TextField errors field="host" value=draft.host width="w9" required=true
                        placeholder="db.example.com" on_input=move |typed| host.set(typed)
                        hint="A host name, an IP address or the folder of a Unix socket."/>
                    <TextField errors field="port" value=draft.port width="w3" inputmode="numeric" required=true/>
                    <TextField errors field="database_name" value=draft.database_name width="w6" required=true
                        on_input=move |typed| database.set(typed)/>
                    <TextField errors field="name" value=draft.name width="w6" placeholder=default_name
                        hint="Shown in lists. Empty: database@host."/>
                    <TextField errors field="username" value=draft.username width="w6" required=true/>
                    <div class="stack stack--tight w6">
                        <TextField errors field="password" value=String::new() kind="password"
                            autocomplete="new-password" hint=password_hint
                            placeholder=if has_password { "stored, leave empty to keep" } else { "" }/>
                        {has_password.then(|| view! {
                            <CheckField field="remove_password" checked=draft.remove_password
                                label="Remove the stored password"/>
                        }.into_any())}
                    </div>
                </div>
            </div>
        </section>
    }
    .into_any()
}

/// What a mode promises, in one sentence.
fn sentence(mode: SslMode) -> (&'static str, &'static str) {
    match mode {
        SslMode::Auto => (
            "Automatic",
            "Plain on this machine, TLS everywhere else: verified where possible, otherwise encrypted and marked “not verified”.",
        ),
        SslMode::VerifyFull => ("verify-full", "TLS, certificate and host name verified. The strictest."),
        SslMode::VerifyCa => ("verify-ca", "TLS, certificate verified; the name may differ."),
        SslMode::Require => (
            "require",
            "TLS without verification, unless an own CA is given. Safe from listeners, not from impostors.",
        ),
        SslMode::Prefer => ("prefer", "TLS where the server offers it, plain otherwise."),
        SslMode::Allow => ("allow", "Plain where the server takes it, TLS otherwise."),
        SslMode::Disable => {
            ("disable", "No TLS. Everything crosses the network readable, also what signs in.")
        }
    }
}

/// How the way to the server is encrypted.
#[component]
pub(super) fn EncryptionPanel(draft: ConnectionDraft, errors: Errors) -> impl IntoView {
    let choices = SslMode::OFFERED.map(|mode| {
        let (title, promise) = sentence(mode);
        view! {
            <label class="choice">
                <input type="radio" name="ssl_mode" value=mode.as_str() checked=draft.ssl_mode == mode.as_str()
                    id=(mode == SslMode::Auto).then_some("ssl_mode")/>
                <span>{title}</span>
                <small>{promise}</small>
            </label>
        }
        .into_any()
    });
    let has_ca = !draft.ssl_root_cert.is_empty();
    view! {
        <section class="panel" aria-labelledby="encryption-heading">
            <div class="panel__head"><h2 id="encryption-heading">"Encryption"</h2></div>
            <fieldset class="choices" aria-describedby=move || errors.of("ssl_mode").map(|_| error_id("ssl_mode"))>
                <legend class="sr">"TLS mode"</legend>
                {choices.collect_view()}
            </fieldset>
            {move || errors.of("ssl_mode").map(|message| view! {
                <p class="field__error choices__error" id=error_id("ssl_mode")><Icon name=IconName::Info/>{message}</p>
            }.into_any()).into_any()}
            <details class="more" open=move || has_ca || errors.of("ssl_root_cert").is_some()>
                <summary>"Own CA"<span class="muted">" for a certificate that the system does not know"</span></summary>
                <div class="more__body">
                    <AreaField errors field="ssl_root_cert" value=draft.ssl_root_cert rows=6 mono=true
                        placeholder="-----BEGIN CERTIFICATE-----"
                        hint="The certificate of the authority that signed the server's, as PEM. Several may follow one another."/>
                </div>
            </details>
        </section>
    }
    .into_any()
}

/// Where the database is, how often it is checked, and what people say of it.
#[component]
pub(super) fn PlacePanel(draft: ConnectionDraft, errors: Errors) -> impl IntoView {
    let allows_statements = draft.allow_statements;
    let has_place = !draft.latitude.is_empty() || !draft.longitude.is_empty();
    let place_is_wrong = move || errors.of("latitude").is_some() || errors.of("longitude").is_some();
    view! {
        <section class="panel" aria-labelledby="place-heading">
            <div class="panel__head"><h2 id="place-heading">"Place and watching"</h2></div>
            <div class="panel__body">
                <div class="fields">
                    <TextField errors field="region" value=draft.region width="w6" placeholder="eu-west-1"
                        hint="A region's name or code, a city, anything that groups."/>
                    <TextField errors field="cloud_provider" value=draft.cloud_provider width="w6"
                        list="cloud-providers" placeholder="Self-hosted"/>
                    <TextField errors field="check_interval_s" value=draft.check_interval_s width="w6"
                        inputmode="numeric" hint="Seconds, from 5 to 3600."/>
                    <TextField errors field="tags" value=draft.tags width="w6" placeholder="production, orders"
                        hint="Separated by commas."/>
                    <AreaField errors field="notes" value=draft.notes rows=3/>
                    <div class="checks">
                        <CheckField field="paused" checked=draft.paused label="Paused"
                            hint="Keep it in the list, but do not check it."/>
                        <CheckField field="let_sleep" checked=draft.let_sleep label="Let it sleep"
                            hint="For databases that stop when nobody asks: do not keep them awake."/>
                    </div>
                </div>
                <datalist id="cloud-providers">
                    {CLOUD_PROVIDERS.map(|name| view! { <option value=name></option> }.into_any()).collect_view()}
                </datalist>
            </div>
            <details class="more" open=move || has_place || place_is_wrong()>
                <summary>"Coordinates"<span class="muted">" where the region does not say it"</span></summary>
                <div class="more__body fields">
                    <TextField errors field="latitude" value=draft.latitude width="w6" inputmode="decimal"
                        placeholder="53.35" hint="Degrees, north is positive."/>
                    <TextField errors field="longitude" value=draft.longitude width="w6" inputmode="decimal"
                        placeholder="-6.26" hint="Degrees, east is positive."/>
                </div>
            </details>
            <details class="more" open=allows_statements>
                <summary>"Advanced"<span class="muted">" EXPLAIN and load tests with statements of yours"</span></summary>
                <div class="more__body checks">
                    <CheckField field="allow_statements" checked=allows_statements
                        label="Let the dashboard plan and run statements of yours"
                        hint="EXPLAIN and custom load statements. Planning runs code: leave it off for logins that can write."/>
                </div>
            </details>
        </section>
    }
    .into_any()
}
