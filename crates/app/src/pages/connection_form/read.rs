//! What stands in the form right now, as a draft.
//!
//! The inputs keep their own values (nothing binds them to signals), so that what was typed before the page was
//! hydrated counts, and a failed request loses nothing.

use common::{ConnectionDraft, RequestSecret};
use web_sys::{FormData, HtmlFormElement};

/// Reads every field of the form. `None` if the browser cannot say what stands in it.
pub(super) fn draft(form: &HtmlFormElement) -> Option<ConnectionDraft> {
    let entries = FormData::new_with_form(form).ok()?;
    let text = |field: &str| entries.get(field).as_string().unwrap_or_default();
    Some(ConnectionDraft {
        name: text("name"),
        host: text("host"),
        port: text("port"),
        database_name: text("database_name"),
        username: text("username"),
        password: RequestSecret::new(text("password")),
        remove_password: entries.has("remove_password"),
        ssl_mode: text("ssl_mode"),
        ssl_root_cert: text("ssl_root_cert"),
        region: text("region"),
        cloud_provider: text("cloud_provider"),
        latitude: text("latitude"),
        longitude: text("longitude"),
        tags: text("tags"),
        notes: text("notes"),
        check_interval_s: text("check_interval_s"),
        paused: entries.has("paused"),
        let_sleep: entries.has("let_sleep"),
        allow_statements: entries.has("allow_statements"),
        version: text("version").parse().ok(),
    })
}
