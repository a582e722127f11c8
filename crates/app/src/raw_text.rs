//! Text inside `<title>` and `<textarea>`.
//!
//! Leptos writes both into the server's page as they stand: a connection's name with `</title>` in it, or a note with
//! `</textarea>`, would go on as markup. In the browser neither is markup: there both are set as text, and hydration
//! leaves them as they are.

use std::borrow::Cow;

/// The text as it must stand in the server's page; in the browser, the text.
pub(crate) fn raw_text(text: &str) -> Cow<'_, str> {
    if cfg!(feature = "ssr") { escaped(text) } else { text.into() }
}

fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(['&', '<', '>']) {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_element_that_it_stands_in() {
        assert_eq!(escaped("a </textarea><b> & c"), "a &lt;/textarea&gt;&lt;b&gt; &amp; c");
        assert_eq!(escaped("plain ✓"), "plain ✓");
    }
}
