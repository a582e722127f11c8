//! Text from elsewhere (server errors, certificates, names) made safe to show, keep and log.

/// The most characters of a server's own words that are kept.
pub const MAX_SERVER_TEXT: usize = 600;

/// Whether a character can change how the text around it is shown, or cannot be seen at all: control
/// characters, direction marks and overrides (Unicode UAX #9), invisible joiners and tags.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Text from a server as one line that can be shown and logged: white space folded, deceptive characters
/// replaced by `�`, and cut after `max_chars` with a note that says how long it was.
pub fn clean(text: &str, max_chars: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max_chars * 2));
    let mut kept = 0;
    let mut space_due = false;
    let mut rest = text.chars();
    for c in rest.by_ref() {
        if c.is_whitespace() {
            space_due = !line.is_empty();
            continue;
        }
        if kept >= max_chars {
            line.push_str(&format!("… (cut; {} bytes in all)", text.len()));
            break;
        }
        if space_due {
            line.push(' ');
            kept += 1;
            space_due = false;
        }
        line.push(if is_deceptive(c) { '\u{FFFD}' } else { c });
        kept += 1;
    }
    line
}

/// [`clean`] with the length that is kept of a server's words.
pub fn clean_server_text(text: &str) -> String {
    clean(text, MAX_SERVER_TEXT)
}

/// A statement's text: line breaks and indentation stay, everything else as in [`clean`].
pub fn clean_sql(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    for (kept, c) in text.chars().enumerate() {
        if kept >= max_chars {
            out.push_str(&format!("… (cut; {} bytes in all)", text.len()));
            break;
        }
        out.push(if c == '\n' || c == '\t' || !is_deceptive(c) { c } else { '\u{FFFD}' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_direction_marks_become_visible() {
        assert_eq!(clean("a\u{202E}b\u{7}c\u{200F}", 100), "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
    }

    #[test]
    fn html_stays_as_it_is_because_pages_escape_it() {
        assert_eq!(clean("<b onclick=x>hi</b>", 100), "<b onclick=x>hi</b>");
    }

    #[test]
    fn white_space_and_line_breaks_fold_to_one_space() {
        assert_eq!(clean("  FATAL:  no\r\n\tentry \n", 100), "FATAL: no entry");
    }

    #[test]
    fn ten_megabytes_are_cut_with_a_note() {
        let cut = clean(&"x".repeat(10_000_000), 600);
        assert_eq!(cut, format!("{}… (cut; 10000000 bytes in all)", "x".repeat(600)));
    }

    #[test]
    fn text_of_just_the_length_is_not_cut() {
        assert_eq!(clean(&"x".repeat(600), 600), "x".repeat(600));
        assert_eq!(clean(&format!("{}  \n", "x".repeat(600)), 600), "x".repeat(600));
    }

    #[test]
    fn statements_keep_their_lines() {
        assert_eq!(clean_sql("select 1\n\tfrom t\u{202E}", 100), "select 1\n\tfrom t\u{FFFD}");
    }
}
