//! Text into tokens. Any text has some: what no rule takes is a sign of one character.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

use super::language::{Blocks, Ends, LANGUAGES, Language, Quote};
use super::tokens::{Sort, Tokens, WORDS};

#[cfg(test)]
mod tests;

/// `'\u{10ffff}'`, between its quotes.
const LONGEST_CHARACTER: usize = 12;

/// So long is no regular expression: each `/` of a line would be looked after to its end.
const LONGEST_REGEX: usize = 2_000;

/// Of the signs that are longer than a byte.
const SIGNS: &[&[u8]] = &[
    b">>>", b"===", b"!==", b"...", b"..=", b"<<=", b">>=", b"**=", b"//=", b"=>", b"->", b"::",
    b"&&", b"||", b"==", b"!=", b"<=", b">=", b"+=", b"-=", b"*=", b"/=", b"%=", b"&=", b"|=",
    b"^=", b":=", b"<-", b"<<", b">>", b"++", b"--", b"**", b"??", b"?.",
];

/// What their second byte may be.
const SECOND: &[u8] = b">=.<&|*:-+/?";

pub(super) fn word(text: &[u8]) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    let hash = xxh3_64(text) as u32;
    hash | WORDS
}

pub(super) fn sign(text: &[u8]) -> u32 {
    text.iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u32::from(*byte))
}

/// The words of each language, in its place of the table.
static KEYWORDS: LazyLock<Vec<Vec<u32>>> = LazyLock::new(|| {
    let sorted = |language: &Language| {
        let mut words: Vec<u32> = language
            .keywords
            .split_whitespace()
            .map(|it| word(it.as_bytes()))
            .collect();
        words.sort_unstable();
        words
    };
    LANGUAGES.iter().map(sorted).collect()
});

fn keywords(language: &Language) -> &'static [u32] {
    let at = LANGUAGES.iter().position(|it| it.name == language.name);
    &KEYWORDS[at.expect("every language is of the table")]
}

pub(super) fn lex(text: &[u8], language: &'static Language) -> Tokens {
    let mut lexer = Lexer {
        text,
        language,
        keywords: keywords(language),
        at: 0,
        line: 1,
        line_start: 0,
        is_line_head: true,
        open: 0,
        statement: 0,
        tokens: Tokens::default(),
        heredocs: Vec::new(),
    };
    let tokens = text.len() / 5;
    lexer.tokens.words.reserve(tokens);
    lexer.tokens.sorts.reserve(tokens);
    lexer.tokens.lines.reserve(tokens);
    lexer.run();
    lexer.tokens
}

struct Lexer<'t> {
    text: &'t [u8],
    language: &'static Language,
    keywords: &'static [u32],
    at: usize,
    line: u32,
    line_start: usize,
    is_line_head: bool,
    /// Brackets that are open, where a docstring is no statement.
    open: usize,
    /// The first token of this statement, where docstrings are looked for.
    statement: usize,
    tokens: Tokens,
    /// What ends the texts that begin on the next line.
    heredocs: Vec<Vec<u8>>,
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Lexer<'_> {
    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => self.new_line(),
                b' ' | b'\t' | b'\r' | 0x0c => self.at += 1,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' if !self.may_be_a_literal(byte) => self.name(),
                _ if self.comment() => {}
                _ if self.literal(byte) => {}
                b'0'..=b'9' => self.number(),
                _ if is_name_byte(byte) || self.language.habits.name_bytes.contains(&byte) => {
                    self.name();
                }
                _ => self.sign(),
            }
        }
        self.drop_docstring();
    }

    /// A prefix of a string of Rust; those of Python are looked for where names are.
    fn may_be_a_literal(&self, byte: u8) -> bool {
        self.language.habits.lifetimes && b"brc".contains(&byte)
    }

    fn new_line(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
        self.is_line_head = true;
        if self.open == 0 {
            self.drop_docstring();
        }
        for (at, word) in std::mem::take(&mut self.heredocs).iter().enumerate() {
            if at > 0 && self.peek(0) == b'\n' {
                self.skip_to(self.at + 1);
            }
            self.heredoc(word);
        }
    }

    /// A string that was a whole statement is a comment; here one ended.
    fn drop_docstring(&mut self) {
        if self.language.habits.docstrings
            && self.tokens.len() == self.statement + 1
            && self.tokens.sorts[self.statement] == Sort::Text as u8
        {
            self.tokens.pop();
        }
        self.statement = self.tokens.len();
    }

    fn push(&mut self, word: u32, sort: Sort, line: u32, start: usize) {
        let token = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        if self.is_line_head {
            let column = u32::try_from(start - self.line_start.min(start)).unwrap_or(u32::MAX);
            self.tokens.heads.push((token, column));
            self.is_line_head = false;
        }
        self.tokens.push(word, sort, line);
        if self.line > line {
            self.tokens.ends.push((token, self.line));
        }
    }

    /// Goes on to `end`, counting lines.
    fn skip_to(&mut self, end: usize) {
        let passed = &self.text[self.at..end];
        for at in memchr::memchr_iter(b'\n', passed) {
            self.line += 1;
            self.line_start = self.at + at + 1;
        }
        self.at = end;
    }

    fn find(&self, from: usize, what: &str) -> Option<usize> {
        memchr::memmem::find(&self.text[from..], what.as_bytes()).map(|at| from + at)
    }

    fn end_of_line(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.text[from..]).map_or(self.text.len(), |at| from + at)
    }

    fn comment(&mut self) -> bool {
        let language = self.language;
        if !b"/#=".contains(&self.peek(0)) {
            return false;
        }
        for (open, close) in language.block_comments {
            if self.rest().starts_with(open.as_bytes()) {
                let end = self.end_of_block(open, close);
                self.skip_to(end);
                self.note_comment();
                return true;
            }
        }
        let begins = |it: &&str| self.rest().starts_with(it.as_bytes());
        if !language.line_comments.iter().any(begins) {
            return false;
        }
        // `$#` and `a#b` of a shell, `#[attribute]` of PHP, `#define` of C are none.
        if self.peek(0) == b'#' && self.peek(1) == b'[' && language.name == "php"
            || language.name == "shell"
                && self.at > 0
                && !b" \t\n;(".contains(&self.text[self.at - 1])
        {
            return false;
        }
        self.at = self.end_of_line(self.at);
        self.note_comment();
        true
    }

    fn note_comment(&mut self) {
        if self.is_line_head {
            let next = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
            self.tokens.comments.push((next, self.line));
        }
    }

    /// The first of them says most.
    fn note_open(&mut self, what: &'static str) {
        self.tokens.open = self.tokens.open.or(Some((self.line, what)));
    }

    fn end_of_block(&mut self, open: &str, close: &str) -> usize {
        let mut from = self.at + open.len();
        let mut depth = 1;
        loop {
            let Some(end) = self.find(from, close) else {
                self.note_open("a comment");
                return self.text.len();
            };
            if self.language.nests {
                depth += memchr::memmem::find_iter(&self.text[from..end], open.as_bytes()).count();
            }
            depth -= 1;
            from = end + close.len();
            if depth == 0 {
                return from;
            }
        }
    }

    fn literal(&mut self, byte: u8) -> bool {
        let habits = self.language.habits;
        if habits.lifetimes && self.rust_literal(byte)
            || habits.regexes && byte == b'/' && self.regex()
        {
            return true;
        }
        if habits.heredocs && self.heredoc_word() {
            return true;
        }
        let language = self.language;
        let quote = language
            .quotes
            .iter()
            .find(|it| self.rest().starts_with(it.open.as_bytes()));
        let Some(quote) = quote else { return false };
        self.quoted(self.at, quote);
        true
    }

    /// `start` is before a prefix, if there is one; the lexer stands at the quote.
    fn quoted(&mut self, start: usize, quote: &Quote) {
        let line = self.line;
        let close = quote.close.as_bytes();
        let mut at = self.at + quote.open.len();
        let mut is_closed = false;
        while let Some(&byte) = self.text.get(at) {
            if quote.escapes && byte == b'\\' {
                at += 2;
            } else if byte == close[0] && self.text[at..].starts_with(close) {
                at += close.len();
                is_closed = true;
                break;
            } else if byte == b'\n' && !quote.spans_lines {
                break;
            } else {
                at += 1;
            }
        }
        // Elsewhere an apostrophe may stand in a text or a symbol.
        if !is_closed && (quote.spans_lines || self.language.habits.docstrings) {
            self.note_open("a text");
        }
        let end = at.min(self.text.len());
        self.text_token(start, end, line);
    }

    fn text_token(&mut self, start: usize, end: usize, line: u32) {
        let head = (self.is_line_head, self.line_start);
        self.skip_to(end);
        let word = word(&self.text[start..end]);
        // Its column is that of its first line.
        let last = std::mem::replace(&mut self.line_start, head.1);
        self.push(word, Sort::Text, line, start);
        self.line_start = last;
    }

    fn rust_literal(&mut self, byte: u8) -> bool {
        let start = self.at;
        let prefix = self
            .rest()
            .iter()
            .take(2)
            .take_while(|it| b"brc".contains(it))
            .count();
        let hashes = self.text[start + prefix..]
            .iter()
            .take_while(|it| **it == b'#')
            .count();
        let quote = self.peek(prefix + hashes);
        if byte.is_ascii_alphabetic() && quote == b'"' && prefix > 0 {
            let raw = self.text[start..start + prefix].contains(&b'r');
            if !raw && hashes > 0 {
                return false;
            }
            self.at += prefix;
            let line = self.line;
            if !raw {
                self.quoted(start, &self.language.quotes[0]);
                return true;
            }
            let close = format!("\"{}", "#".repeat(hashes));
            let end = self.find(self.at + hashes + 1, &close);
            if end.is_none() {
                self.note_open("a text");
            }
            self.text_token(
                start,
                end.map_or(self.text.len(), |it| it + close.len()),
                line,
            );
            return true;
        }
        if byte == b'b' && self.peek(1) == b'\'' || byte == b'\'' {
            let open = start + usize::from(byte == b'b');
            return self.rust_character(start, open);
        }
        false
    }

    /// A character, or else a lifetime.
    fn rust_character(&mut self, start: usize, open: usize) -> bool {
        let inner = &self.text[open + 1..];
        let close = match inner.first() {
            Some(b'\\') => {
                memchr::memchr(b'\'', inner.get(2..).unwrap_or_default()).map(|it| it + 2)
            }
            Some(first) => {
                let width = match first {
                    0..0x80 => 1,
                    0x80..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    _ => 4,
                };
                (inner.get(width) == Some(&b'\'')).then_some(width)
            }
            None => None,
        };
        if let Some(close) = close.filter(|it| *it <= LONGEST_CHARACTER) {
            self.text_token(start, open + 1 + close + 1, self.line);
        } else {
            let name = inner.iter().take_while(|it| is_name_byte(**it)).count();
            let end = open + 1 + name;
            let word = word(&self.text[start..end]);
            self.push(word, Sort::Lifetime, self.line, start);
            self.at = end;
        }
        true
    }

    /// A `/` that no value stands before begins one.
    fn regex(&mut self) -> bool {
        let before = self.tokens.len().checked_sub(1);
        let value = before.is_some_and(|it| {
            let word = self.tokens.words[it];
            let sort = self.tokens.sorts[it];
            sort != Sort::Fixed as u8
                || [b")", b"]", b"}"].iter().any(|it| word == sign(*it))
                || [&b"this"[..], b"super", b"null", b"true", b"false"]
                    .iter()
                    .any(|it| word == self::word(it))
        });
        if value {
            return false;
        }
        let mut class = false;
        let mut at = self.at + 1;
        loop {
            match self.text.get(at) {
                None | Some(b'\n') => return false,
                Some(b'\\') => at += 1,
                Some(b'[') => class = true,
                Some(b']') => class = false,
                Some(b'/') if !class => break,
                Some(_) if at - self.at > LONGEST_REGEX => return false,
                Some(_) => {}
            }
            at += 1;
        }
        at += 1;
        at += self.text[at..]
            .iter()
            .take_while(|it| it.is_ascii_alphabetic())
            .count();
        self.text_token(self.at, at, self.line);
        true
    }

    /// `<<WORD`, `<<-'WORD'`, `<<~WORD`: its text begins on the next line.
    fn heredoc_word(&mut self) -> bool {
        let Some(rest) = self.rest().strip_prefix(b"<<") else {
            return false;
        };
        let marks = rest.iter().take_while(|it| b"-~\"'".contains(it)).count();
        let name: Vec<u8> = rest[marks..]
            .iter()
            .copied()
            .take_while(|it| it.is_ascii_alphanumeric() || *it == b'_')
            .collect();
        if name
            .first()
            .is_none_or(|it| !it.is_ascii_uppercase() && *it != b'_')
        {
            return false;
        }
        let closing = usize::from(
            rest.get(marks + name.len())
                .is_some_and(|it| b"\"'".contains(it)),
        );
        let (start, line) = (self.at, self.line);
        self.at += 2 + marks + name.len() + closing;
        self.push(sign(b"<<"), Sort::Fixed, line, start);
        self.heredocs.push(name);
        true
    }

    fn heredoc(&mut self, word: &[u8]) {
        let start = self.at;
        let line = self.line;
        let mut end = self.at;
        while end < self.text.len() {
            let line_end = self.end_of_line(end);
            let is_last = self.text[end..line_end].trim_ascii() == word;
            end = (line_end + 1).min(self.text.len());
            if is_last {
                end = line_end;
                break;
            }
        }
        if end > start {
            self.text_token(start, end, line);
        }
    }

    fn number(&mut self) {
        let start = self.at;
        let mut at = self.at;
        let mut is_hex = false;
        while let Some(&byte) = self.text.get(at) {
            let after = self.text.get(at + 1).copied().unwrap_or(0);
            is_hex |= byte == b'x';
            let goes_on = byte.is_ascii_alphanumeric()
                || byte == b'_'
                || byte == b'.' && after.is_ascii_digit()
                || b"+-".contains(&byte)
                    && b"eE".contains(&self.text[at - 1])
                    && after.is_ascii_digit()
                    && !is_hex;
            if !goes_on {
                break;
            }
            at += 1;
        }
        self.push(word(&self.text[start..at]), Sort::Number, self.line, start);
        self.at = at;
    }

    fn name(&mut self) {
        let start = self.at;
        let bytes = self.language.habits.name_bytes;
        let length = self
            .rest()
            .iter()
            .take_while(|it| is_name_byte(**it) || bytes.contains(it))
            .count();
        let end = start + length;
        let text = &self.text[start..end];
        // A prefix of a string is part of it.
        if self.language.habits.docstrings
            && length <= 2
            && b"\"'".contains(&self.peek(length))
            && text.iter().all(|it| b"rbfuRBFU".contains(it))
        {
            self.at = end;
            let language = self.language;
            let quote = language
                .quotes
                .iter()
                .find(|it| self.rest().starts_with(it.open.as_bytes()));
            self.quoted(start, quote.expect("a quote stands there"));
            return;
        }
        let word = word(text);
        let sort = if self.keywords.binary_search(&word).is_ok() {
            Sort::Fixed
        } else if self.follows_a_dot() {
            Sort::Member
        } else {
            Sort::Name
        };
        self.push(word, sort, self.line, start);
        self.at = end;
    }

    fn follows_a_dot(&self) -> bool {
        let before = self.tokens.words.last();
        before.is_some_and(|it| {
            [&b"."[..], b"::", b"->", b"?."]
                .iter()
                .any(|dot| *it == sign(dot))
        })
    }

    fn sign(&mut self) {
        let text = self.text;
        let rest = &text[self.at..];
        let may_be_long = rest.get(1).is_some_and(|it| SECOND.contains(it));
        let mut long = SIGNS.iter().filter(|_| may_be_long);
        let long = long.find(|it| rest.starts_with(it));
        let length = long.map_or(1, |it| it.len());
        let text = &rest[..length];
        let start = self.at;
        match text {
            b"(" | b"[" | b"{" => self.open += 1,
            b")" | b"]" | b"}" => self.open = self.open.saturating_sub(1),
            b"\\" if self.peek(1) == b'\n' => {
                // The line goes on.
                self.at += 2;
                self.line += 1;
                return;
            }
            _ => {}
        }
        self.push(sign(text), Sort::Fixed, self.line, start);
        self.at = start + length;
    }
}

/// Of a language whose statements may end with their line.
pub(super) fn ends_by_line(language: &Language) -> bool {
    language.ends == Ends::Line || language.blocks == Blocks::Indentation
}
