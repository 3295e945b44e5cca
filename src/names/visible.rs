//! Text of strangers, made harmless for whoever looks at it on a terminal or a page.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Control characters, escape sequences and bidirectional overrides shown as `\x1b` or `\u{202e}`. Line breaks
/// and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_hidden(c) {
            shown.push(c);
        } else if c.is_ascii() {
            write!(shown, "\\x{:02x}", u32::from(c)).expect("a string grows");
        } else {
            write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("a string grows");
        }
    }
    Cow::Owned(shown)
}

/// What a terminal obeys and does not draw.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // Unicode's bidirectional marks, embeddings, overrides and isolates, and its own line breaks.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_drive_a_terminal_is_shown_instead() {
        assert_eq!(
            visible("\u{1b}[2Jhi\u{7}\r\n\tx"),
            "\\x1b[2Jhi\\x07\\x0d\n\tx"
        );
        assert_eq!(visible("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
        assert!(matches!(visible("plain — text\n"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_passes(text in any::<String>()) {
            let shown = visible(&text);
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        }
    }
}
