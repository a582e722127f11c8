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
    clean_as(text, max_chars, text.len())
}

/// [`clean`] of a text that is `bytes` long, of which only the beginning is there: the note says `bytes`.
pub fn clean_beginning(beginning: &str, max_chars: usize, bytes: usize) -> String {
    let shown = clean_as(beginning, max_chars, bytes);
    // What was cut here has its note already.
    if shown.ends_with(&cut_note(bytes)) { shown } else { shown + &cut_note(bytes) }
}

fn cut_note(bytes: usize) -> String {
    format!("… (cut; {bytes} bytes in all)")
}

fn clean_as(text: &str, max_chars: usize, bytes: usize) -> String {
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
            line.push_str(&cut_note(bytes));
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

/// Words of our own where there is little room: cut at the end of a word, with `…` and nothing else. Names in them
/// that come from elsewhere are cleaned as in [`clean`].
pub fn shorten(text: &str, max_chars: usize) -> String {
    let line = clean(text, text.len());
    let Some((end, _)) = line.char_indices().nth(max_chars) else {
        return line;
    };
    // One character less, for the ellipsis; a word that ends just there stays.
    let last = line[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    let room = &line[..last];
    let whole_words = match line[last..].starts_with(' ') {
        true => room,
        false => room.rsplit_once(' ').map_or(room, |(words, _)| words),
    };
    format!("{}…", whole_words.trim_end_matches([' ', ',', ';', ':', '.']))
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
            out.push_str(&cut_note(text.len()));
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
    fn the_beginning_of_a_long_text_is_noted_once_with_the_length_of_all() {
        let note = "… (cut; 9000 bytes in all)";
        assert_eq!(clean_beginning(&"x".repeat(700), 600, 9000), format!("{}{note}", "x".repeat(600)));
        assert_eq!(clean_beginning("x", 600, 9000), format!("x{note}"));
    }

    #[test]
    fn our_own_words_end_with_a_whole_word() {
        assert_eq!(shorten("Connections: 90 of 100 are used.", 40), "Connections: 90 of 100 are used.");
        assert_eq!(shorten("At the limit, new connections are refused", 19), "At the limit, new…");
        assert_eq!(shorten("At the limit, new connections are refused", 18), "At the limit, new…");
        assert_eq!(shorten("At the limit, new connections are refused", 16), "At the limit…");
        assert_eq!(shorten(&"ä".repeat(50), 10), format!("{}…", "ä".repeat(9)));
        assert_eq!(shorten("a\u{202E}b\nc", 10), "a\u{FFFD}b c");
    }

    #[test]
    fn statements_keep_their_lines() {
        assert_eq!(clean_sql("select 1\n\tfrom t\u{202E}", 100), "select 1\n\tfrom t\u{FFFD}");
    }
}
