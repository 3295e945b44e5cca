//! Whether a file can be what its name says: what is opened is closed.

use super::language::Language;
use super::lex::word;
use super::tokens::Tokens;

/// Where brackets need not be in pairs: `a)` of a shell's `case`, `?(` of Ruby, the page around PHP, any text.
const LOOSE: &[&str] = &["shell", "ruby", "php", "text"];
/// Of a preprocessor: each of two branches may open what only one closes.
const BRANCHES: &[&str] = &["if", "ifdef", "ifndef", "elif", "else", "define"];

/// The line, and what is wrong there.
pub(super) fn fault(tokens: &Tokens, language: &Language) -> Option<(u32, String)> {
    if language.name == "text" {
        return None;
    }
    if let Some((line, what)) = tokens.open {
        return Some((line, format!("{what} is not closed")));
    }
    if LOOSE.contains(&language.name) || language.habits.preprocessor && has_branches(tokens) {
        return None;
    }
    let mut open: Vec<(u8, u32)> = Vec::new();
    for (at, found) in tokens.words.iter().enumerate() {
        let Ok(byte) = u8::try_from(*found) else {
            continue;
        };
        match byte {
            b'(' | b'[' | b'{' => open.push((byte, tokens.lines[at])),
            b')' | b']' | b'}' => match open.pop() {
                None => {
                    let what = format!("`{}` closes nothing", char::from(byte));
                    return Some((tokens.lines[at], what));
                }
                Some((bracket, line)) if closing(bracket) != byte => {
                    return Some((line, unclosed(bracket)));
                }
                Some(_) => {}
            },
            _ => {}
        }
    }
    // What was opened first holds all that is open.
    open.first()
        .map(|(bracket, line)| (*line, unclosed(*bracket)))
}

fn unclosed(bracket: u8) -> String {
    format!("`{}` is not closed", char::from(bracket))
}

const fn closing(bracket: u8) -> u8 {
    match bracket {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

fn has_branches(tokens: &Tokens) -> bool {
    let branches: Vec<u32> = BRANCHES.iter().map(|it| word(it.as_bytes())).collect();
    let pairs = tokens.words.windows(2);
    pairs
        .into_iter()
        .any(|it| it[0] == u32::from(b'#') && branches.contains(&it[1]))
}
