//! Slugs of the API as plain words, and numbers that may be missing.

use common::{Phase, Reason, Unavailable, health::CheckStatus, units};

/// Why a value is missing. Sentences stay as they are; slugs become words.
pub(in crate::pages) fn reason(reason: &str) -> String {
    let words = match reason {
        Reason::FIRST_READING => "needs a second reading",
        Reason::NOT_COLLECTED => "not collected yet",
        "no_privilege" => "the user may not read it",
        Reason::NEEDS_SUPERUSER => "only a superuser may read it",
        "not_installed" => "pg_stat_statements is not installed in this database",
        "not_preloaded" => "pg_stat_statements is not loaded by the server",
        "not_a_standby" => "only a standby has it",
        "timeout" => "it took too long to read",
        "not_in_time" => "no answer in time",
        "no_check_in_24h" => "no check in the last 24 h",
        other => {
            let is_slug = other.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            return if is_slug { other.replace(['_', '-'], " ") } else { other.to_owned() };
        }
    };
    words.to_owned()
}

/// A reason as a sentence of its own, without its full stop. Names of PostgreSQL keep their small letters.
pub(in crate::pages) fn sentence(slug: &str) -> String {
    let words = reason(slug);
    let words = words.trim_end_matches('.');
    let mut letters = words.chars();
    match letters.next() {
        Some(first) if !words.starts_with("pg_") => first.to_uppercase().chain(letters).collect(),
        _ => words.to_owned(),
    }
}

/// Why a field of an object is `None`.
pub(in crate::pages) fn why(unavailable: &Unavailable, field: &str) -> String {
    unavailable.get(field).map_or_else(|| "not known".to_owned(), |missing| reason(&missing.reason))
}

/// A span of milliseconds of any length: `840 ms`, `12.4 s`, `38 min`, `5 h 10 min`.
pub(in crate::pages) fn long_millis(ms: f64) -> String {
    if ms < 60_000.0 { units::millis(ms).to_string() } else { units::span(ms / 1000.0) }
}

/// As the pooler's makers write it.
pub(in crate::pages) fn pooler_name(kind: &str) -> &str {
    match kind {
        "pgbouncer" => "PgBouncer",
        "unknown" => "of unknown make",
        other => other,
    }
}

/// What a phase is called in a sentence about how far a test came.
pub(in crate::pages) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "DNS",
        Phase::Tcp => "TCP",
        Phase::Tls => "TLS",
        Phase::Auth => "Authentication",
        Phase::Query => "First query",
    }
}

/// What a check's verdict is called.
pub(in crate::pages) fn verdict(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Ok => "ok",
        CheckStatus::Info => "note",
        CheckStatus::Warning => "warning",
        CheckStatus::Critical => "critical",
        CheckStatus::Unavailable => "not available",
        CheckStatus::Skipped => "skipped",
    }
}

/// How many checks ended how: `2 checks: 1 ok, 1 warning`.
pub(in crate::pages) fn tally(statuses: &[CheckStatus]) -> String {
    let order = [
        CheckStatus::Critical,
        CheckStatus::Warning,
        CheckStatus::Info,
        CheckStatus::Unavailable,
        CheckStatus::Skipped,
        CheckStatus::Ok,
    ];
    let parts: Vec<String> = order
        .into_iter()
        .filter_map(|status| {
            let count = statuses.iter().filter(|other| **other == status).count();
            let plural = if count > 1 && status == CheckStatus::Warning { "s" } else { "" };
            (count > 0).then(|| format!("{count} {}{plural}", verdict(status)))
        })
        .collect();
    let noun = if statuses.len() == 1 { "check" } else { "checks" };
    if parts.is_empty() {
        "No checks.".to_owned()
    } else {
        format!("{} {noun}: {}.", statuses.len(), parts.join(", "))
    }
}

/// A reading of a check with its unit.
pub(in crate::pages) fn reading(value: f64, unit: &str) -> String {
    match unit {
        "ratio" => format!("{} %", units::percent(value)),
        "bytes" => units::bytes(value as i64).to_string(),
        "bytes_per_s" => format!("{}/s", units::bytes(value as i64)),
        "per_h" => format!("{}/h", units::figures(value)),
        "ms" => units::millis(value).to_string(),
        "s" => units::span(value),
        "count" => units::count(value as i64).to_string(),
        other => format!("{} {other}", units::figures(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_become_words_and_sentences_stay() {
        assert_eq!(reason(Reason::FIRST_READING), "needs a second reading");
        assert_eq!(reason("some_new-slug"), "some new slug");
        assert_eq!(reason("The server said no."), "The server said no.");
        assert_eq!(sentence("no_privilege"), "The user may not read it");
        assert_eq!(sentence("not_preloaded"), "pg_stat_statements is not loaded by the server");
    }

    #[test]
    fn a_value_without_a_reason_is_still_not_zero() {
        assert_eq!(why(&Unavailable::new(), "database_size_bytes"), "not known");
    }

    #[test]
    fn readings_have_units_that_people_write() {
        assert_eq!(reading(132_125.0, "bytes_per_s"), "129 kB/s");
        assert_eq!(reading(0.0, "per_h"), "0/h");
        assert_eq!(reading(0.5, "ratio"), "50.0 %");
    }

    #[test]
    fn long_times_read_like_spans() {
        assert_eq!(long_millis(0.84), "0.84 ms");
        assert_eq!(long_millis(12_400.0), "12.4 s");
        assert_eq!(long_millis(38.0 * 60_000.0), "38 min");
    }

    #[test]
    fn the_tally_leads_with_what_needs_a_person() {
        use CheckStatus::{Ok, Warning};
        assert_eq!(tally(&[Ok, Warning, Ok, Warning]), "4 checks: 2 warnings, 2 ok.");
        assert_eq!(tally(&[Ok]), "1 check: 1 ok.");
    }
}
