//! Names in SQL that a person is shown to run.

/// A quoted identifier, whatever it holds.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted string constant (with `standard_conforming_strings`, the default).
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What lets a role read everybody's activity and statements.
pub(crate) fn grant_monitor(role: &str) -> String {
    format!("GRANT pg_monitor TO {};", identifier(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_name_breaks_out_of_its_quotes() {
        assert_eq!(grant_monitor("app"), "GRANT pg_monitor TO \"app\";");
        assert_eq!(
            grant_monitor("x\"; drop table t; --"),
            "GRANT pg_monitor TO \"x\"\"; drop table t; --\";"
        );
        assert_eq!(literal("it's"), "'it''s'");
    }
}
