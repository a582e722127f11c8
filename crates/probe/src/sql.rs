//! Names in SQL that a person is shown to run.
//!
//! Some are the server's own words. A name that cannot be shown as it is, because it is overlong or looks like
//! another, is in no SQL: nobody could see what they run.

use common::{Reason, text};

/// Whether a name that the server sent may stand in SQL to run.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && text::clean_server_text(name) == name
}

/// A quoted identifier, whatever it holds.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted string constant (with `standard_conforming_strings`, the default).
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The role may not read everybody's activity and statements; with what lets it, where its name can be shown.
pub(crate) fn no_privilege(role: &str) -> Reason {
    Reason {
        reason: "no_privilege".to_owned(),
        fix_sql: is_plain(role).then(|| format!("GRANT pg_monitor TO {};", identifier(role))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_name_breaks_out_of_its_quotes() {
        let grant = |role| no_privilege(role).fix_sql;
        assert_eq!(grant("app").as_deref(), Some("GRANT pg_monitor TO \"app\";"));
        assert_eq!(
            grant("x\"; drop table t; --").as_deref(),
            Some("GRANT pg_monitor TO \"x\"\"; drop table t; --\";")
        );
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn a_name_that_cannot_be_shown_as_it_is_is_in_no_sql() {
        for role in ["", "app\u{202E}nimda", "app\u{200B}", "app\n; drop table t", "app ", &"x".repeat(601)] {
            let reason = no_privilege(role);
            assert_eq!((reason.reason.as_str(), reason.fix_sql), ("no_privilege", None), "{role:?}");
        }
    }
}
