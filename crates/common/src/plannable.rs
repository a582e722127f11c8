//! Which texts are statements with a plan: those that read and change rows. Others (`prepare`, `lock`, `do`, `commit`) do
//! what no rollback takes back.

/// As a person is told it.
pub const PLANNABLE: &str = "SELECT, TABLE, VALUES, WITH, INSERT, UPDATE, DELETE and MERGE";

/// Whether a text begins like a statement that has a plan, behind its comments. It may still be several.
pub fn has_plan(query: &str) -> bool {
    let word: String = behind_comments(query)
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
        .collect::<String>()
        .to_ascii_lowercase();
    matches!(word.as_str(), "select" | "table" | "values" | "with" | "insert" | "update" | "delete" | "merge")
}

fn behind_comments(query: &str) -> &str {
    let mut rest = query.trim_start();
    loop {
        rest = if let Some(line) = rest.strip_prefix("--") {
            // PostgreSQL ends a line with either.
            line.split_once(['\n', '\r']).map_or("", |(_, rest)| rest).trim_start()
        } else if rest.starts_with("/*") {
            behind_block(rest).trim_start()
        } else if let Some(inner) = rest.strip_prefix('(') {
            inner.trim_start()
        } else {
            return rest;
        }
    }
}

/// Block comments nest.
fn behind_block(text: &str) -> &str {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return &text[at..];
            }
        } else {
            match rest.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => break,
            }
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_plan_is_told_by_its_first_word() {
        for query in [
            "select $1",
            "  /* a /* nested */ comment */ -- and a line\n SELECT 1",
            "WITH x AS (select $1) delete from t",
            "(select 1) union (select 2)",
            "merge into t using s on true when matched then delete",
            "values ($1)",
            "table t",
            "select(1)",
            "-- a line of an old Mac\rselect 1",
        ] {
            assert!(has_plan(query), "{query}");
        }
        for query in [
            "",
            "/* open select",
            "create table t()",
            "analyze t",
            "execute p",
            "selects 1",
            "select_1",
            "; select 1",
            "do $$x$$",
            "-- select 1",
            "--\rprepare p as\nselect 1",
            "prepare transaction 'x'",
            "lock table t",
            "commit",
            "set role postgres",
            "explain analyze select 1",
        ] {
            assert!(!has_plan(query), "{query}");
        }
    }
}
