//! A text as messages that Discord takes: cut between paragraphs, lines or words, and never so that a block of code is left
//! open. Pure.

/// Of one message, in characters as Discord counts them: Unicode scalar values.
pub(super) const LONGEST: usize = 2000;

const FENCE: &str = "```";

/// The pieces in their order, each as long as fits; none for a text that says nothing.
pub(super) fn split(text: &str, longest: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_matches('\n');
    // What opened the block that the last piece ended within, as "```rust".
    let mut open: Option<String> = None;
    while !rest.trim().is_empty() {
        let head = open
            .as_ref()
            .map_or_else(String::new, |fence| format!("{fence}\n"));
        let room = longest - head.chars().count();
        let (piece, after) = if fits(&head, rest, longest) {
            (rest, "")
        } else {
            let end = end_of(rest, room - FENCE.len() - 1);
            cut(rest, end.unwrap_or(rest.len()))
        };
        let mut whole = head + piece.trim_end();
        open = fence_left_open(&whole);
        if open.is_some() {
            whole.push('\n');
            whole.push_str(FENCE);
        }
        pieces.push(whole);
        rest = if open.is_some() {
            after.strip_prefix('\n').unwrap_or(after)
        } else {
            after.trim_start_matches('\n')
        };
    }
    pieces
}

/// Whether all the rest is one message, also if a block has to be closed behind it.
fn fits(head: &str, rest: &str, longest: usize) -> bool {
    let whole = format!("{head}{}", rest.trim_end());
    let closing = fence_left_open(&whole).map_or(0, |_| FENCE.len() + 1);
    whole.chars().count() + closing <= longest
}

/// Where the character after the first `most` begins, if there is one.
fn end_of(text: &str, most: usize) -> Option<usize> {
    text.char_indices().nth(most).map(|(at, _)| at)
}

/// At the last good place before `end`, if that is not too far from it.
fn cut(text: &str, end: usize) -> (&str, &str) {
    let head = &text[..end];
    let far = end / 2;
    let places = ["\n\n", "\n", " "];
    let good = places
        .iter()
        .find_map(|it| head.rfind(it).filter(|at| *at >= far));
    let at = good.unwrap_or(end);
    // Ticks that belong together stay together.
    let ticks = text[..at].len() - text[..at].trim_end_matches('`').len();
    let at = if text[at..].starts_with('`') && ticks < at {
        at - ticks
    } else {
        at
    };
    (
        &text[..at],
        text[at..].strip_prefix(' ').unwrap_or(&text[at..]),
    )
}

/// The line that opened the block at its end.
fn fence_left_open(text: &str) -> Option<String> {
    let mut open = None;
    for line in text.lines() {
        let Some(at) = line.find(FENCE) else { continue };
        let fences = line[at..].matches(FENCE).count();
        if fences % 2 == 0 {
            continue;
        }
        open = if open.is_some() {
            None
        } else {
            Some(opened_by(&line[at..]))
        };
    }
    open
}

/// Three ticks, and the name of a language if one follows them.
fn opened_by(line: &str) -> String {
    let language = line[FENCE.len()..].trim();
    let fits = |it: u8| it.is_ascii_alphanumeric() || it == b'+' || it == b'-';
    if language.len() <= 20 && language.bytes().all(fits) {
        format!("{FENCE}{language}")
    } else {
        FENCE.to_owned()
    }
}

/// Text that Discord shows as it is, in a block; what would end the block is broken up.
pub(super) fn block(text: &str) -> String {
    let quiet = text.replace(FENCE, "`\u{200b}`\u{200b}`");
    format!("{FENCE}\n{}\n{FENCE}", quiet.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chars(piece: &str) -> usize {
        piece.chars().count()
    }

    #[test]
    fn what_fits_stays_one() {
        assert_eq!(split("hello", LONGEST), ["hello"]);
        assert_eq!(split(&"ä".repeat(2000), LONGEST).len(), 1);
        assert_eq!(split(" \n\n ", LONGEST), [""; 0]);
    }

    #[test]
    fn it_is_cut_between_paragraphs_then_lines_then_words() {
        let text = format!("{}\n\n{}", "a".repeat(30), "b".repeat(30));
        assert_eq!(split(&text, 50), ["a".repeat(30), "b".repeat(30)]);
        let words = "word ".repeat(30);
        for piece in split(&words, 50) {
            assert!(
                piece.ends_with("word") && piece.starts_with("word"),
                "{piece}"
            );
        }
        assert_eq!(split(&"x".repeat(100), 50).concat(), "x".repeat(100));
    }

    #[test]
    fn a_block_of_code_is_closed_and_opened_again() {
        let code: Vec<String> = (0..20).map(|n| format!("line {n}\n")).collect();
        let code = code.concat();
        let pieces = split(&format!("before\n```rust\n{code}```\nafter"), 80);
        assert!(pieces.len() > 2);
        for piece in &pieces {
            assert_eq!(piece.matches(FENCE).count() % 2, 0, "{piece}");
            assert!(chars(piece) <= 80, "{piece}");
        }
        assert!(pieces[1].starts_with("```rust\n"), "{}", pieces[1]);
        let said: String = pieces.join("\n");
        for n in 0..20 {
            assert!(said.contains(&format!("line {n}\n")), "{n}: {said}");
        }
        assert!(said.ends_with("after"));
    }

    #[test]
    fn what_is_shown_in_a_block_cannot_end_it() {
        let shown = block("a\n```\n@everyone");
        assert_eq!(shown.matches(FENCE).count(), 2);
    }

    proptest! {
        #[test]
        fn no_letter_is_lost_and_no_piece_is_too_long(text in "([a-z]{1,12}|\n|`{3}[a-z]{0,4}\n| |ä){0,120}") {
            let letters = |text: &str| -> String {
                text.chars().filter(|it| it.is_alphabetic()).collect()
            };
            let pieces = split(&text, 60);
            prop_assert!(pieces.iter().all(|it| chars(it) <= 60 && !it.trim().is_empty()));
            if !text.contains('`') {
                prop_assert_eq!(letters(&pieces.concat()), letters(&text));
            }
        }
    }
}
