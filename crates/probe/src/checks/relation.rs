//! Tables, indexes and sequences as checks speak of them: names to show, names in SQL to run.

use common::{Reason, health::Evidence, text, units};

use crate::{
    rows::{Answer, Row},
    sql,
};

/// What is smaller is not worth a person's time.
pub(super) const WORTH_A_LOOK_BYTES: i64 = 10 * 1024 * 1024;

/// A relation by the names that the server gave: not cleaned, so neither is shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    schema: String,
    name: String,
}

impl Relation {
    /// `None` where a name is null or missing.
    pub(super) fn read(row: Row<'_>, schema: &str, name: &str) -> Option<Self> {
        Some(Self { schema: row.text(schema)?, name: row.text(name)? })
    }

    /// `schema.name` to show.
    pub(super) fn shown(&self) -> String {
        text::clean_server_text(&format!("{}.{}", self.schema, self.name))
    }

    /// `"schema"."name"` in SQL to run; `None` where that would not be what a person sees.
    pub(super) fn in_sql(&self) -> Option<String> {
        let plain = sql::is_plain(&self.schema) && sql::is_plain(&self.name);
        plain.then(|| format!("{}.{}", sql::identifier(&self.schema), sql::identifier(&self.name)))
    }

    /// Of a test, in the schema `public`.
    #[cfg(test)]
    pub(super) fn public(name: &str) -> Self {
        Self { schema: "public".to_owned(), name: name.to_owned() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }
}

/// The partitioned table, or TimescaleDB's hypertable, that `row` says a table is a part of; as the end of a sentence.
pub(super) fn part_of(row: Row<'_>) -> String {
    Relation::read(row, "parent_schema", "parent_name")
        .map(|parent| format!("; part of {}", parent.shown()))
        .unwrap_or_default()
}

/// `1 table`, `12 tables`.
pub(super) fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", units::thousands(count), if count == 1 { one } else { many })
}

/// The SQL of all pieces of evidence, one after the other.
pub(super) fn all_fixes(evidence: &[Evidence]) -> Option<String> {
    let fixes: Vec<&str> = evidence.iter().filter_map(|one| one.fix_sql.as_deref()).collect();
    (!fixes.is_empty()).then(|| fixes.join("\n"))
}

/// A count of the server's that every row repeats, at least what was `seen`: it may say less than it sends.
pub(super) fn total(answer: &Answer, column: &str, seen: usize) -> i64 {
    let seen = i64::try_from(seen).unwrap_or(i64::MAX);
    answer.first().and_then(|row| row.number::<i64>(column)).unwrap_or(seen).max(seen)
}

/// The reason of what a standby cannot say.
pub(super) const ASK_THE_PRIMARY: &str =
    "A standby does not count this: it replays what its primary does. Ask the primary.";

/// Only rows that are what was asked for.
pub(super) fn read_all<T>(answer: &Answer, read: impl Fn(Row<'_>) -> Option<T>) -> Result<Vec<T>, Reason> {
    let rows: Vec<T> = answer.rows().filter_map(read).collect();
    match answer.first() {
        Some(_) if rows.is_empty() => Err(Reason::new("the server's answer is not what was asked for")),
        _ => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_in_sql_and_cleaned_where_it_is_shown() {
        let odd = Relation::public("o\"dd; drop table t");
        assert_eq!(odd.in_sql().as_deref(), Some("\"public\".\"o\"\"dd; drop table t\""));
        let deceptive = Relation::public("t\u{202E}x");
        assert_eq!((deceptive.shown().as_str(), deceptive.in_sql()), ("public.t\u{FFFD}x", None));
    }

    #[test]
    fn counts_go_with_their_noun() {
        assert_eq!(counted(1, "table", "tables"), "1 table");
        assert_eq!(counted(0, "table", "tables"), "0 tables");
    }
}
