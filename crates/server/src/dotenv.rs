//! Reads `.env` files the way people write them.
//!
//! The usual crate stops at an unquoted value with spaces and a comment behind it
//! (`TIMESCALE_CHUNK_TIME_INTERVAL=7 days   # comment`), and with it the start. This parser reads such a line, and
//! tells every line that it cannot read by its number. It expands nothing: a `$` in a password is a `$`.

use std::collections::BTreeMap;

/// A line that is not `NAME=value`. It tells the line's number, never its text: it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct UnreadableLine {
    pub(crate) line: usize,
    pub(crate) reason: &'static str,
}

/// The variables of a `.env` file and the lines that could not be read. The last of several equal names wins.
pub(crate) fn parse(text: &str) -> (BTreeMap<String, String>, Vec<UnreadableLine>) {
    let mut variables = BTreeMap::new();
    let mut unreadable = Vec::new();
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        match parse_line(line) {
            Ok(Some((name, value))) => {
                variables.insert(name, value);
            }
            Ok(None) => {}
            Err(reason) => unreadable.push(UnreadableLine { line: index + 1, reason }),
        }
    }
    (variables, unreadable)
}

fn parse_line(line: &str) -> Result<Option<(String, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let assignment = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = assignment.split_once('=').ok_or("there is no = in it")?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err("what stands before the = is not a variable's name");
    }
    Ok(Some((name.to_owned(), parse_value(value.trim_start())?)))
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn parse_value(value: &str) -> Result<String, &'static str> {
    match value.chars().next() {
        Some('\'') => quoted(&value[1..], '\''),
        Some('"') => quoted(&value[1..], '"'),
        _ => Ok(unquoted(value)),
    }
}

/// A `#` begins a comment where white space (or nothing) stands before it: `a#b` is a value.
fn unquoted(value: &str) -> String {
    let mut after_space = true;
    for (at, c) in value.char_indices() {
        if c == '#' && after_space {
            return value[..at].trim_end().to_owned();
        }
        after_space = c.is_whitespace();
    }
    value.trim_end().to_owned()
}

/// In single quotes everything stands for itself; in double quotes `\"`, `\\`, `\n`, `\r` and `\t` are escapes.
fn quoted(rest: &str, quote: char) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            let behind = chars.as_str().trim_start();
            return if behind.is_empty() || behind.starts_with('#') {
                Ok(value)
            } else {
                Err("there is text behind the closing quote")
            };
        }
        if c == '\\' && quote == '"' {
            match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                Some(other) => {
                    value.push('\\');
                    value.push(other);
                }
                None => break,
            }
            continue;
        }
        value.push(c);
    }
    Err("a quote is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(line: &str) -> String {
        let (variables, unreadable) = parse(line);
        assert_eq!(unreadable, [], "{line}");
        variables.get("A").cloned().unwrap_or_else(|| panic!("{line} has no A"))
    }

    #[test]
    fn an_unquoted_value_with_spaces_and_a_comment_behind_it_loads() {
        assert_eq!(value_of("A=7 days   # how long a chunk is"), "7 days");
    }

    #[test]
    fn a_hash_inside_a_word_or_in_quotes_belongs_to_the_value() {
        assert_eq!(value_of("A=pass#word"), "pass#word");
        assert_eq!(value_of("A=\"pass #word\" # comment"), "pass #word");
        assert_eq!(value_of("A='pass #word'"), "pass #word");
        assert_eq!(value_of("A=#nothing"), "");
    }

    #[test]
    fn export_spaces_and_windows_line_ends_are_fine() {
        assert_eq!(value_of("export A = b\r\n"), "b");
        assert_eq!(value_of("\u{FEFF}A=b\r\n\r\n# c\r\n"), "b");
        assert_eq!(value_of("export\tA=b"), "b");
    }

    #[test]
    fn nothing_is_expanded() {
        assert_eq!(value_of("A=p$HOME`x`"), "p$HOME`x`");
        assert_eq!(
            value_of("A=postgresql://u:p=w@h/d?sslmode=require"),
            "postgresql://u:p=w@h/d?sslmode=require"
        );
    }

    #[test]
    fn double_quotes_know_escapes_and_single_quotes_do_not() {
        assert_eq!(value_of(r#"A="a\n\"b\"\\""#), "a\n\"b\"\\");
        assert_eq!(value_of(r"A='a\n'"), r"a\n");
    }

    #[test]
    fn the_last_of_equal_names_wins() {
        assert_eq!(value_of("A=1\nA=2"), "2");
    }

    #[test]
    fn every_unreadable_line_is_told_by_number_and_without_its_text() {
        let (variables, unreadable) = parse("secret words\nA=1\n1B=2\nC='open\nD=\"x\" y");
        assert_eq!(variables.len(), 1);
        assert_eq!(unreadable.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 3, 4, 5]);
        assert!(unreadable.iter().all(|line| !line.to_string().contains("secret")));
    }
}
