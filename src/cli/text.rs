//! Text of strangers, made harmless for a terminal, a table cell or a shell.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::names::is_hidden;
pub use crate::names::visible;

/// A JSON document that means the same and has nothing in it that a terminal obeys.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|c| c.is_ascii_control() || is_hidden(c)) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            // Between two values: in a text none may stand.
            '\0'..='\x1f' => shown.push(' '),
            c if is_hidden(c) => write!(shown, "\\u{:04x}", u32::from(c)).expect("a string grows"),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The first line that has something on it, at most `width` characters, with `…` where more was there.
pub fn first_line(text: &str, width: usize) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or("").trim_end();
    let more = lines.next().is_some();
    let long = first.chars().count() > width;
    if !more && !long {
        return first.to_owned();
    }
    let room = width.saturating_sub(1);
    let kept: String = first.chars().take(room).collect();
    format!("{}…", kept.trim_end())
}

/// All of a text on one line, as `visible` with line breaks and tabs shown too; at most `most` of its characters, with `…`
/// where more was there.
pub fn in_one_line(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map(|(end, _)| end);
    let shown = visible(&text[..end.unwrap_or(text.len())]);
    let mut line = shown.replace('\n', "\\n").replace('\t', "\\t");
    if end.is_some() {
        line.push('…');
    }
    line
}

/// One word of a POSIX shell, whatever is in it. A shell variable cannot hold NUL.
pub fn quoted(text: &str) -> String {
    format!(
        "'{}'",
        text.replace('\0', "\u{fffd}").replace('\'', r"'\''")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_or_second_line_leaves_an_ellipsis() {
        assert_eq!(first_line("short", 10), "short");
        assert_eq!(first_line("\n\n  two\nlines\n", 10), "  two…");
        assert_eq!(first_line("one\n\n", 10), "one");
        assert_eq!(first_line("0123456789a", 10), "012345678…");
        assert_eq!(first_line("", 10), "");
    }

    #[test]
    fn a_document_without_what_a_terminal_obeys_is_the_same() {
        let text = "a\u{7f}\u{9b}\u{202e}é\n";
        let json = format!("{{\t\"a\":\r{}}}", serde_json::to_string(text).unwrap());
        let shown = visible_json(&json);
        assert!(
            !shown.chars().any(|c| c.is_control() || is_hidden(c)),
            "{shown}"
        );
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["a"], text);
    }

    #[test]
    fn one_line_shows_what_would_have_begun_another() {
        assert_eq!(
            in_one_line("a\n\tb\r\u{2028}", 10),
            "a\\n\\tb\\x0d\\u{2028}"
        );
        assert_eq!(in_one_line("éé", 2), "éé");
        assert_eq!(in_one_line("ééé", 2), "éé…");
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\0]{0,40}") {
            let shell = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(&text))])
                .output()
                .unwrap();
            prop_assert_eq!(String::from_utf8(shell.stdout).unwrap(), text);
        }
    }
}
