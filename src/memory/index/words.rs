//! The words of a text, as both what is remembered and what is asked for is cut into them.
//!
//! A token is what people write without a space: a word, an identifier, a path, a version. Of a token every part counts
//! (`cmd/initCmd.go`: cmd, init, cmd, go) and so do the token as a whole and the names between its slashes. English is
//! brought to its stem, and stems of one family are one; case counts nowhere; `read-only`, `readOnly` and `readonly` are
//! the same as a whole.

use snowball_stemmers_rs::{Algorithm, Stemmer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Term;
use super::families::family;

/// Words and what is matched exactly never meet.
const WORD: u64 = 1;
/// A longer token is cut: no name is so long.
const LONGEST_TOKEN: usize = 128;
const MOST_PARTS: usize = 16;
/// Shorter ones are stems already.
const SHORTEST_STEMMED: usize = 3;
const LONGEST_STEMMED: usize = 32;

/// What is matched as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Id = 2,
    Agent,
    Kind,
    /// One of the `extra_terms`.
    Extra,
}

pub(super) fn exact(field: Field, value: &str) -> Term {
    xxh3_64_with_seed(value.as_bytes(), field as u64)
}

/// A token in which no letter stands is a term as it is: a number, a date, an address.
pub(super) fn as_it_is(token: &str) -> Option<Term> {
    let lettered = |it: u8| it.is_ascii_alphabetic() || !it.is_ascii();
    (!token.bytes().any(lettered)).then(|| plain(token))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    /// Between two word characters it belongs to the token.
    Joiner,
    /// Chinese and Japanese stand without spaces.
    Packed,
    Space,
}

/// Of the letters of ASCII, which most texts are made of.
const ASCII: [Class; 128] = {
    let mut classes = [Class::Space; 128];
    let mut letter = 0_u8;
    while letter < 128 {
        classes[letter as usize] = classified(letter as char);
        letter += 1;
    }
    classes
};

fn class(letter: char) -> Class {
    match ASCII.get(letter as usize) {
        Some(&class) => class,
        None if letter.is_alphanumeric() && classified(letter) == Class::Space => Class::Word,
        None => classified(letter),
    }
}

/// A combining mark belongs to the letter before it. A letter beyond ASCII of which nothing special is known is told as
/// a space.
const fn classified(letter: char) -> Class {
    match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '\u{300}'..='\u{36f}' => Class::Word,
        '_' | '.' | '/' | ':' | '@' | '#' | '+' | '-' | '\'' | '\\' | '\u{2019}' => Class::Joiner,
        '\u{3041}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Class::Packed,
        _ => Class::Space,
    }
}

/// The tokens of a text.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

pub(super) fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let packed = loop {
            let letter = letter_at(self.text, bytes, at)?;
            match class(letter) {
                Class::Word => break false,
                Class::Packed => break true,
                Class::Joiner | Class::Space => at += letter.len_utf8(),
            }
        };
        let start = at;
        // Behind the last word character.
        let mut end = at;
        while let Some(letter) = letter_at(self.text, bytes, at)
            && at - start < LONGEST_TOKEN
        {
            at += letter.len_utf8();
            match class(letter) {
                Class::Word if !packed => end = at,
                Class::Packed if packed => end = at,
                // One joiner between two characters of a word.
                Class::Joiner if !packed && at - letter.len_utf8() == end => {}
                _ => break,
            }
        }
        self.at = end;
        Some(&self.text[start..end])
    }
}

fn letter_at(text: &str, bytes: &[u8], at: usize) -> Option<char> {
    let &byte = bytes.get(at)?;
    if byte.is_ascii() {
        return Some(char::from(byte));
    }
    text[at..].chars().next()
}

/// What one token stands for.
#[derive(Default)]
pub(super) struct Split {
    /// In their order.
    pub(super) parts: Vec<Term>,
    /// The token as a whole, and the names in it, where they have several parts.
    pub(super) wholes: Vec<Term>,
}

/// Cuts tokens; its buffers are used again.
pub(super) struct Words {
    stemmer: Stemmer,
    folded: String,
    pieces: Vec<(usize, usize)>,
    pub(super) split: Split,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            stemmer: english(),
            folded: String::new(),
            pieces: Vec::new(),
            split: Split::default(),
        }
    }

    /// Fills `split`.
    pub(super) fn cut(&mut self, token: &str) {
        self.split.parts.clear();
        self.split.wholes.clear();
        if token.bytes().all(|it| it.is_ascii_lowercase()) {
            let term = stemmed(&self.stemmer, token);
            self.split.parts.push(term);
            return;
        }
        if token
            .chars()
            .next()
            .is_some_and(|it| class(it) == Class::Packed)
        {
            return self.cut_packed(token);
        }
        if let Some(term) = as_it_is(token) {
            self.split.parts.push(term);
            return;
        }
        self.cut_pieces(token);
    }

    /// Every two that stand together are a word.
    fn cut_packed(&mut self, token: &str) {
        let mut before = None;
        for (at, letter) in token.char_indices() {
            if let Some(before) = before {
                let pair = &token[before..at + letter.len_utf8()];
                self.split.parts.push(plain(pair));
            }
            before = Some(at);
        }
        if self.split.parts.is_empty() {
            self.split.parts.push(plain(token));
        }
    }

    fn cut_pieces(&mut self, token: &str) {
        let is_outer = |it: char| matches!(it, '/' | '\\' | ':' | '@' | '#' | '+');
        let mut names = 0;
        for name in token.split(is_outer).filter(|it| !it.is_empty()) {
            names += 1;
            self.cut_name(name);
        }
        if names > 1 {
            self.fold_whole(token);
            self.split.wholes.push(plain(&self.folded));
        }
    }

    /// What stands between two slashes.
    fn cut_name(&mut self, name: &str) {
        self.pieces.clear();
        let mut start = 0;
        let (mut before, mut last) = ('.', '.');
        let letters = name.char_indices().chain([(name.len(), '.')]);
        for (at, letter) in letters {
            let parts = matches!(letter, '.' | '-' | '_');
            // fooBar is cut before B, HTTPServer before S.
            let hump = letter.is_uppercase() && last.is_lowercase();
            if parts || hump {
                if at > start {
                    self.pieces.push((start, at));
                }
                start = if parts { at + letter.len_utf8() } else { at };
            } else if letter.is_lowercase() && last.is_uppercase() && before.is_uppercase() {
                let hump_at = at - last.len_utf8();
                if hump_at > start {
                    self.pieces.push((start, hump_at));
                    start = hump_at;
                }
            }
            (before, last) = (last, letter);
        }
        let room = MOST_PARTS.saturating_sub(self.split.parts.len());
        self.pieces.truncate(room);
        for &(start, end) in &self.pieces {
            fold(&name[start..end], &mut self.folded);
            let term = stemmed(&self.stemmer, &self.folded);
            self.split.parts.push(term);
        }
        if self.pieces.len() > 1 {
            self.fold_whole(name);
            let whole = stemmed(&self.stemmer, &self.folded);
            self.split.wholes.push(whole);
        }
    }

    fn fold_whole(&mut self, name: &str) {
        fold(name, &mut self.folded);
        self.folded.retain(|it| !matches!(it, '-' | '_'));
    }
}

fn fold(word: &str, out: &mut String) {
    out.clear();
    if word.is_ascii() {
        out.push_str(word);
        out.make_ascii_lowercase();
        return;
    }
    for letter in word.chars() {
        match letter {
            '\u{2019}' => out.push('\''),
            // As it stands in the middle of a word: otherwise a word in capitals would be another one.
            'ς' => out.push('σ'),
            _ => out.extend(letter.to_lowercase()),
        }
    }
}

fn plain(word: &str) -> Term {
    xxh3_64_with_seed(word.as_bytes(), WORD)
}

pub(super) fn english() -> Stemmer {
    Stemmer::create(Algorithm::English)
}

fn stemmed(stemmer: &Stemmer, word: &str) -> Term {
    family(initial(word), stem(stemmer, word))
}

/// What its stem begins with as well, which has lost an apostrophe before it.
fn initial(word: &str) -> u8 {
    let mut letters = word.bytes();
    letters.find(|it| *it != b'\'').unwrap_or_default()
}

/// Of what is no English word, the word itself.
pub(super) fn stem(stemmer: &Stemmer, word: &str) -> Term {
    let english = (SHORTEST_STEMMED..=LONGEST_STEMMED).contains(&word.len())
        && word
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it == b'\'');
    if english {
        plain(&stemmer.stem(word))
    } else {
        plain(word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Vec<Term> {
        let mut words = Words::new();
        let mut parts = Vec::new();
        for token in tokens(text) {
            words.cut(token);
            parts.extend_from_slice(&words.split.parts);
        }
        parts
    }

    fn wholes(token: &str) -> Vec<Term> {
        let mut words = Words::new();
        words.cut(token);
        words.split.wholes
    }

    #[test]
    fn tokens_keep_what_people_write_without_a_space() {
        let text = "Fix `cmd/bd/initCmd.go:42`, see v1.2.3-rc1; don’t (really) a--b x.";
        let told: Vec<&str> = tokens(text).collect();
        let expected = [
            "Fix",
            "cmd/bd/initCmd.go:42",
            "see",
            "v1.2.3-rc1",
            "don’t",
            "really",
            "a",
            "b",
            "x",
        ];
        assert_eq!(told, expected);
        assert_eq!(tokens("").count() + tokens(" -- ..").count(), 0);
        assert_eq!(tokens(&"x".repeat(300)).count(), 3);
    }

    #[test]
    fn forms_of_an_english_word_are_one_and_other_languages_stay() {
        assert_eq!(parts("restarting DAEMONS"), parts("Restarted daemon"));
        assert_eq!(parts("Größe ÉTÉ ΛΌΓΟΣ"), parts("größe été λόγος"));
        assert_ne!(parts("größen"), parts("größe"));
        assert_ne!(parts("lock"), parts("locket"));
    }

    proptest! {
        #[test]
        fn a_stem_begins_as_its_word(word in "'?[a-z][a-z']{2,11}") {
            let stem = english().stem(&word).into_owned();
            prop_assert_eq!(initial(&stem), initial(&word));
        }
    }

    #[test]
    fn what_is_short_for_a_word_is_that_word() {
        assert_eq!(parts("db configs"), parts("databases configuration"));
        assert_eq!(parts("failed to_parse"), parts("failure to parser"));
        assert_ne!(parts("app"), parts("apply"));
    }

    #[test]
    fn an_identifier_is_found_by_its_parts_and_as_a_whole() {
        assert_eq!(parts("HTTPServerError"), parts("http server error"));
        assert_eq!(parts("src/read_only.rs"), parts("src read only rs"));
        assert_eq!(wholes("readOnly"), wholes("read-only"));
        assert_eq!(wholes("read_only"), parts("readonly"));
        assert!(wholes("src/main.rs").contains(&wholes("main.rs")[0]));
        assert_eq!(wholes("plain"), [0; 0]);
        assert_eq!(parts("10.0.0.1").len(), 1);
    }

    #[test]
    fn what_is_written_without_spaces_is_found_by_every_pair() {
        let sentence = parts("東京都に");
        assert_eq!(sentence.len(), 3);
        assert!(sentence.contains(&parts("京都")[0]));
        assert_eq!(parts("水").len(), 1);
    }

    #[test]
    fn what_is_exact_is_no_word() {
        assert_ne!(exact(Field::Id, "lock"), parts("lock")[0]);
        assert_ne!(exact(Field::Id, "lock"), exact(Field::Agent, "lock"));
    }
}
