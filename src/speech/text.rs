//! What of a text is said aloud, and in which pieces. Pure.

/// More is not listened to.
const MOST: usize = 1500;

/// As it is heard: no code, no addresses, no marks of Markdown, one space between words; the beginning of what is too long.
pub fn spoken(text: &str) -> String {
    let mut said = String::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            if in_code {
                push(&mut said, "code.");
            }
            continue;
        }
        if in_code {
            continue;
        }
        let line = line.trim_start_matches(['#', '>', '-', '*', ' ', '|', '\t']);
        for word in line.split_whitespace() {
            push(&mut said, &heard(word));
        }
        if said.ends_with(char::is_alphanumeric) {
            said.push('.');
        }
    }
    shortened(said)
}

fn push(said: &mut String, word: &str) {
    if word.is_empty() {
        return;
    }
    if !said.is_empty() {
        said.push(' ');
    }
    said.push_str(word);
}

fn heard(word: &str) -> String {
    if word.contains("://") {
        return "a link".into();
    }
    // <@17>, <#17>, <:smile:17>: numbers of Discord's.
    if word.starts_with('<') && word.contains('>') {
        return String::new();
    }
    word.chars()
        .filter(|it| !matches!(it, '*' | '_' | '`' | '~' | '|') && !it.is_control())
        .collect()
}

fn shortened(said: String) -> String {
    let Some((end, _)) = said.char_indices().nth(MOST) else {
        return said;
    };
    let head = &said[..end];
    let head = head.rsplit_once(' ').map_or(head, |it| it.0);
    format!("{head} and more.")
}

/// Pieces of at most so many characters each, cut behind a sentence, else behind a comma, else between words.
pub(super) fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some((end, _)) = rest.char_indices().nth(most) else {
            pieces.push(rest);
            break;
        };
        let head = &rest[..end];
        let behind = |marks: &[char]| {
            let found = head.rmatch_indices(marks);
            let mut ends = found.map(|(at, mark)| at + mark.len());
            ends.find(|at| head[*at..].starts_with(char::is_whitespace) || *at == end)
        };
        let cut = behind(&['.', '!', '?', ';', ':'])
            .or_else(|| behind(&[',']))
            .or_else(|| head.rfind(char::is_whitespace))
            .unwrap_or(end);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece.trim_end());
        rest = after.trim_start();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_code_and_addresses_are_not_said() {
        for (text, said) in [
            ("## Done\n**all** of `it`", "Done. all of it."),
            (
                "see\n```rust\nfn main() {}\n```\nthere",
                "see. code. there.",
            ),
            ("at https://example.org/a?b now", "at a link now."),
            ("<@17> hello <:wave:18>!", "hello."),
            ("- one\n- two", "one. two."),
            ("bell\u{7} rings", "bell rings."),
            ("```\nonly code", "code."),
            (" \n\n", ""),
        ] {
            assert_eq!(spoken(text), said, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_said_in_part() {
        let said = spoken(&"word ".repeat(1000));
        assert!(said.chars().count() <= MOST + 10);
        assert!(said.ends_with(" word and more."), "{said}");
    }

    #[test]
    fn pieces_hold_all_of_a_text_and_none_is_too_long() {
        let text = "One. Two, three! Fourandahalfandmore five 6.5 six";
        for most in 4..60 {
            let pieces = pieces(text, most);
            assert!(
                pieces
                    .iter()
                    .all(|it| (1..=most).contains(&it.chars().count()))
            );
            let without = |it: &str| it.replace(' ', "");
            assert_eq!(without(&pieces.concat()), without(text), "{most}");
        }
        assert_eq!(pieces("One. Two, three", 12), ["One.", "Two, three"]);
        assert_eq!(pieces("ä".repeat(5).as_str(), 2).len(), 3);
        assert_eq!(pieces("  ", 5), Vec::<&str>::new());
    }
}
