//! Texts as a line of something larger: on one line, cut between characters, and alike where only numbers differ.

use xxhash_rust::xxh3::xxh3_64;

use super::signal::words;
use crate::memory::Fragment;
use crate::time::Timestamp;

/// What is compared of a long text.
const COMPARED: usize = 512;

/// On one line, without what moves a terminal's cursor.
fn on_one_line(text: &str) -> impl Iterator<Item = char> {
    let mut space = true;
    text.chars().filter_map(move |c| {
        let blank = c.is_whitespace() || c.is_control() || is_invisible(c);
        let told = match (blank, space) {
            (true, true) => None,
            (true, false) => Some(' '),
            (false, _) => Some(c),
        };
        space = blank;
        told
    })
}

/// Marks that turn the direction of a text or hide in it: with them a line would read other than it is.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// On one line and at most so many characters, with `…` where something was cut off: after a word, if that is near.
pub(super) fn clip(text: &str, most: usize) -> String {
    let mut line: String = on_one_line(text).take(most + 1).collect();
    if line.ends_with(' ') {
        line.pop();
    }
    if line.chars().count() <= most {
        return line;
    }
    let Some((cut, _)) = line.char_indices().nth(most.saturating_sub(1)) else {
        return String::new();
    };
    if most == 0 {
        return String::new();
    }
    let at_word = line[..cut].rfind(' ').filter(|at| *at * 3 >= cut * 2);
    line.truncate(at_word.unwrap_or(cut));
    line.push('…');
    line
}

/// Equal where two texts say the same but for their numbers, ids, case and signs.
pub(super) fn likeness(fragment: &Fragment) -> u64 {
    match &fragment.template {
        Some(template) => xxh3_64(template.as_bytes()),
        None => same_words(&fragment.content),
    }
}

pub(super) fn same_words(text: &str) -> u64 {
    let mut end = text.len().min(COMPARED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut plain = String::with_capacity(end);
    for word in words(&text[..end]).filter(|word| !varies(word.text)) {
        plain.extend(word.text.chars().flat_map(char::to_lowercase));
        plain.push(' ');
    }
    // Of a text without words only the text itself says whether it is the same.
    let told = if plain.is_empty() { text } else { &plain };
    xxh3_64(told.as_bytes())
}

/// A number, an id, a hash: another each time.
pub(super) fn varies(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit())
}

pub(super) fn day(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d").to_string()
}

pub(super) fn clock(at: Timestamp) -> String {
    at.to_utc().format("%H:%M").to_string()
}

pub(super) fn minute(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M").to_string()
}

/// `one task`, `3 tasks`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{} {}", grouped(count), plural(what)),
    }
}

fn plural(what: &str) -> String {
    match what.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{what}s"),
    }
}

/// `12,345`.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut told = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_after_a_word_and_says_so() {
        assert_eq!(clip("one two three four", 18), "one two three four");
        assert_eq!(clip("one two three four", 17), "one two three…");
        assert_eq!(clip("abcdefghij", 5), "abcd…");
        assert_eq!(clip("a\tb\r\n\u{1b}[31m c\u{202e}d", 40), "a b [31m c d");
        assert_eq!(clip("äöü€𝄞", 3), "äö…");
        assert_eq!(clip("", 3), "");
        assert_eq!(clip("abc", 0), "");
    }

    #[test]
    fn numbers_make_no_difference_and_words_do() {
        let same = [
            "Retry 3 of job-17 failed!",
            "retry 4 of job-18 failed",
            "retry 4, of job 9: failed",
        ];
        assert!(same.iter().all(|it| same_words(it) == same_words(same[0])));
        assert_ne!(same_words("build failed"), same_words("build passed"));
        assert_ne!(same_words("17"), same_words("18"));
    }

    #[test]
    fn counts_are_read_easily() {
        assert_eq!(counted(1, "memory"), "1 memory");
        assert_eq!(counted(1_234_567, "memory"), "1,234,567 memories");
        assert_eq!(counted(0, "day"), "0 days");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_never_longer_than_asked(text in "\\PC{0,40}", most in 0_usize..50) {
            let cut = clip(&text, most);
            prop_assert!(cut.chars().count() <= most);
            prop_assert!(!cut.contains('\n'));
        }
    }
}
