//! How a line is taken apart, and which of its parts are values by their looks alone. One pass over the bytes, and no
//! allocation but the one vector that is used again.

use std::ops::Range;

/// What stands in a template for whatever varies.
pub(super) const WILD: &str = "<*>";
/// The tokens of a line that count: a place is a bit of a `u128`.
pub(super) const MOST_TOKENS: usize = 96;
/// The bytes of a line that count.
const LONGEST_LINE: usize = 4096;
/// Of time and of size, as they are written behind numbers that were made short for people.
const UNITS: [&[u8]; 19] = [
    b"B", b"kB", b"KB", b"MB", b"GB", b"TB", b"KiB", b"MiB", b"GiB", b"TiB", b"ns", b"us", b"ms",
    b"s", b"sec", b"secs", b"min", b"mins", b"h",
];
/// A longer word is data.
const LONGEST_WORD: usize = 128;
/// A longer quotation is not looked for.
const LONGEST_QUOTATION: usize = 64;
/// The most tokens of what is repeated, where repetitions are a list.
const LONGEST_REPEAT: usize = 8;
/// So many letters of the hexadecimal digits and no other ones are a number.
const LONG_HEX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What varies.
    Value,
    /// The short name of a month or of a day of the week: a value beside a value.
    Date,
    Word,
    /// What divides: brackets, commas, dashes.
    Mark,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) hash: u64,
    start: u32,
    end: u32,
    pub(super) kind: Kind,
    /// Blanks stand before it.
    pub(super) spaced: bool,
}

impl Token {
    pub(super) fn text<'a>(&self, line: &'a str) -> &'a str {
        match self.kind {
            Kind::Value => WILD,
            Kind::Date | Kind::Word | Kind::Mark => &line[self.start as usize..self.end as usize],
        }
    }
}

/// The same bytes have the same hash in every version: forms are compared by it.
pub(super) fn hash_of(bytes: &[u8]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight"));
        hash = mixed(hash ^ word);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let word = rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = mixed(hash ^ word);
    }
    mixed(hash)
}

/// The finish of splitmix64: every bit of the input moves every bit of the output.
pub(super) const fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// What stands between values that are one.
const DIVIDERS: [u64; 3] = [mark_hash(b','), mark_hash(b':'), mark_hash(b'|')];

/// No bytes of a word have it, as far as 64 bits can promise that.
pub(super) const WILD_HASH: u64 = mixed(0x0077_696c_6400);

/// What a token weighs in the hash of its line, place by place.
pub(super) const WEIGHTS: [u64; MOST_TOKENS] = weights();

const fn weights() -> [u64; MOST_TOKENS] {
    let mut table = [0; MOST_TOKENS];
    let mut at = 0;
    while at < MOST_TOKENS {
        table[at] = mixed(0x1234_5678_9abc_def0 ^ at as u64) | 1;
        at += 1;
    }
    table
}

/// The hash of a line: a weighted sum, so that the hash with another token in one place follows from it.
pub(super) fn form_of(hashes: impl ExactSizeIterator<Item = u64>) -> u64 {
    let start = mixed(hashes.len() as u64);
    hashes.zip(WEIGHTS).fold(start, |sum, (hash, weight)| {
        sum.wrapping_add(hash.wrapping_mul(weight))
    })
}

/// Bits of what a byte is.
mod class {
    pub(super) const HEX_LETTER: u8 = 1;
    pub(super) const LETTER: u8 = 2;
    pub(super) const DIGIT: u8 = 4;
    pub(super) const LOW_LINE: u8 = 8;
    pub(super) const DOT: u8 = 16;
    pub(super) const SLASH: u8 = 32;
    /// Any other one of a word, the at sign among them.
    pub(super) const OTHER: u8 = 64;
    pub(super) const SPACE: u8 = 128;
    /// Neither: it stands for itself.
    pub(super) const MARK: u8 = 0;

    pub(super) const TABLE: [u8; 256] = table();

    const fn table() -> [u8; 256] {
        let mut table = [MARK; 256];
        let mut at = 0;
        while at < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "below 256")]
            let byte = at as u8;
            table[at] = match byte {
                0..=b' ' | 127 => SPACE,
                b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
                b'g'..=b'z' | b'G'..=b'Z' => LETTER,
                b'0'..=b'9' => DIGIT,
                b'_' => LOW_LINE,
                b'.' => DOT,
                b'/' | b'\\' => SLASH,
                128.. => OTHER | LETTER,
                b'-' | b'$' | b'@' | b'*' | b'+' | b'#' | b'%' | b'~' | b'!' | b'?' | b'&'
                | b'^' | b'`' => OTHER,
                _ => MARK,
            };
            at += 1;
        }
        table
    }

    pub(super) fn of(byte: u8) -> u8 {
        TABLE[usize::from(byte)]
    }

    pub(super) fn is_word(byte: u8) -> bool {
        of(byte) & !SPACE != 0
    }
}

/// Takes lines apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    tokens: Vec<Token>,
}

impl Reader {
    pub(super) fn read(&mut self, line: &str) -> &[Token] {
        self.tokens.clear();
        let line = &line[..line.floor_char_boundary(LONGEST_LINE)];
        let mut pass = Pass {
            bytes: line.as_bytes(),
            at: 0,
            spaced: false,
            out: &mut self.tokens,
        };
        while pass.at < pass.bytes.len() && pass.out.len() < MOST_TOKENS {
            pass.step();
        }
        &self.tokens
    }
}

struct Pass<'a> {
    bytes: &'a [u8],
    at: usize,
    spaced: bool,
    out: &'a mut Vec<Token>,
}

impl Pass<'_> {
    fn step(&mut self) {
        let byte = self.bytes[self.at];
        if class::of(byte) == class::SPACE {
            self.blanks();
            return;
        }
        if class::is_word(byte) {
            self.word();
        } else {
            self.mark(byte);
        }
        self.spaced = false;
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b' ')
    }

    fn end_of(&self, from: usize, goes_on: impl Fn(u8) -> bool) -> usize {
        self.bytes[from..]
            .iter()
            .position(|byte| !goes_on(*byte))
            .map_or(self.bytes.len(), |length| from + length)
    }

    /// Two blanks between words are a value that is empty: `user  from` was written as `user {} from`.
    fn blanks(&mut self) {
        let end = self.end_of(self.at, |byte| class::of(byte) == class::SPACE);
        let empty = end - self.at == 2
            && self.at > 0
            && self.bytes[self.at - 1].is_ascii_alphabetic()
            && (self.byte(end).is_ascii_alphabetic() || self.byte(end) == b'[');
        self.spaced = self.at > 0;
        if empty {
            self.value(self.at..self.at);
        }
        self.at = end;
    }

    fn word(&mut self) {
        let start = self.at;
        let mut end = start;
        let mut seen = 0;
        while end < self.bytes.len() {
            let byte = self.bytes[end];
            if !class::is_word(byte) || byte == b'.' && self.byte(end + 1) == b'.' {
                break;
            }
            seen |= class::of(byte);
            end += 1;
        }
        if end == start {
            // A row of dots leads from a name to its value, however long it is.
            self.at = self.end_of(start, |byte| byte == b'.');
            self.push(start..self.at, hash_of(b".."), Kind::Mark);
            return;
        }
        if self.begins_address(start, end) {
            self.at = self.end_of(end + 1, class::is_word);
            self.value(start..self.at);
            return;
        }
        self.at = end;
        let stop = end - start > 1 && self.bytes[end - 1] == b'.';
        if stop {
            end -= 1;
        }
        let word = &self.bytes[start..end];
        if is_value(word, seen, self.names_program(word)) || self.is_hex_of_address(word, seen) {
            self.value(start..end);
        } else if self.is_unit(word) {
            // Its number says more.
        } else {
            self.push(start..end, hash_of(word), kind_of(word, seen));
        }
        if stop {
            self.spaced = false;
            self.push(end..end + 1, hash_of(b"."), Kind::Mark);
        }
    }

    /// The first word, if nothing shows that it is an address.
    fn names_program(&self, word: &[u8]) -> bool {
        let dots = memchr::memchr_iter(b'.', word).count();
        let spoken_of = match self.byte(self.at) {
            b':' => self.byte(self.at + 1).is_ascii_digit(),
            byte => byte == b' ' && self.byte(self.at + 1).is_ascii_alphabetic(),
        };
        self.out.is_empty() && !(spoken_of && dots > 1)
    }

    /// `5.3 KB`, `13 ms`: the same line says `1.2 MB`, or `2 s`, another time.
    fn is_unit(&self, word: &[u8]) -> bool {
        let after_number = self.out.last().is_some_and(|before| {
            let end = before.end as usize;
            before.kind == Kind::Value
                && end > 0
                && self.bytes[end - 1].is_ascii_digit()
                && self.byte(end) == b' '
        });
        after_number && UNITS.contains(&word)
    }

    /// `https://…`, `C:\…`
    fn begins_address(&self, start: usize, end: usize) -> bool {
        let rest = &self.bytes[end..];
        rest.starts_with(b"://") || end - start == 1 && rest.starts_with(b":\\")
    }

    /// Hexadecimal digits that happen to be letters, amid those of an address: `FF:0a:…`, `…:0a:ff`.
    fn is_hex_of_address(&self, word: &[u8], seen: u8) -> bool {
        if word.len() > 4 || seen != class::HEX_LETTER {
            return false;
        }
        if let [.., before, colon] = &self.out[..]
            && !self.spaced
            && before.kind == Kind::Value
            && colon.hash == mark_hash(b':')
        {
            return true;
        }
        word.len() == 2
            && self.byte(self.at) == b':'
            && self.byte(self.at + 1).is_ascii_hexdigit()
            && self.byte(self.at + 2).is_ascii_hexdigit()
            && !class::is_word(self.byte(self.at + 3))
    }

    fn mark(&mut self, byte: u8) {
        let opens = self.spaced || self.at == 0;
        match byte {
            b'"' | b'\'' => {
                let after = self.at > 0 && b"=:([{,".contains(&self.bytes[self.at - 1]);
                if (opens || after)
                    && let Some(close) = self.quotation(byte)
                {
                    self.single(byte);
                    self.spaced = false;
                    self.value(self.at..close);
                    self.at = close;
                }
            }
            b'(' | b'[' | b'{' => {
                let close = match byte {
                    b'(' => b')',
                    b'[' => b']',
                    _ => b'}',
                };
                // `f()` is a name; `from ()` says nothing where something could have been said.
                if opens && self.byte(self.at + 1) == close && self.at + 1 < self.bytes.len() {
                    self.single(byte);
                    self.spaced = false;
                    self.value(self.at..self.at);
                    self.single(close);
                    return;
                }
            }
            // `<1 sec`: less than that is a value too.
            b'<' | b'>' if opens && self.begins_bound() => {
                self.at += 1;
                self.word();
                return;
            }
            b'=' if self.says_nothing() => {
                self.single(byte);
                self.spaced = false;
                self.value(self.at..self.at);
                return;
            }
            _ => {}
        }
        let here = self.bytes[self.at];
        self.single(here);
    }

    /// Where a quotation ends whose contents are a value: one word, or whatever is set by a key.
    fn quotation(&self, quote: u8) -> Option<usize> {
        let start = self.at + 1;
        let rest = &self.bytes[start..self.bytes.len().min(start + LONGEST_QUOTATION)];
        let length = memchr::memchr(quote, rest)?;
        let keyed = self.at > 0 && self.bytes[self.at - 1] == b'=';
        let one = !rest[..length]
            .iter()
            .any(|byte| class::of(*byte) == class::SPACE);
        (keyed || one).then_some(start + length)
    }

    /// `logname= uid=0`: the next one is a key itself, or nothing follows.
    fn says_nothing(&self) -> bool {
        if self.spaced || self.at == 0 || !class::is_word(self.bytes[self.at - 1]) {
            return false;
        }
        let next = self.at + 1;
        let key = self.end_of(next.min(self.bytes.len()), |byte| {
            class::of(byte) == class::SPACE
        });
        if key == self.bytes.len() || b",;)]}".contains(&self.byte(key)) {
            return true;
        }
        let end = self.end_of(key, class::is_word);
        key > next && end > key && self.byte(end) == b'='
    }

    fn begins_bound(&self) -> bool {
        let end = self.end_of(self.at + 1, class::is_word);
        self.byte(self.at + 1).is_ascii_digit() && !matches!(self.byte(end), b'<' | b'>')
    }

    fn single(&mut self, byte: u8) {
        self.push(self.at..self.at + 1, mark_hash(byte), Kind::Mark);
        self.at += 1;
    }

    fn value(&mut self, range: Range<usize>) {
        self.push(range, WILD_HASH, Kind::Value);
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a place in what counts of a line"
    )]
    fn push(&mut self, range: Range<usize>, hash: u64, kind: Kind) {
        if self.out.len() >= MOST_TOKENS {
            return;
        }
        self.out.push(Token {
            hash,
            start: range.start as u32,
            end: range.end as u32,
            kind,
            spaced: self.spaced && !self.out.is_empty(),
        });
        match kind {
            Kind::Value => self.join_values(),
            Kind::Date => {
                if let [.., before, _] = &self.out[..]
                    && before.kind == Kind::Value
                {
                    self.out.pop();
                }
            }
            Kind::Word | Kind::Mark => {}
        }
        self.fold_list();
    }

    /// `Jun 14 15:16:01`, `1, 2, 3`, `10.0.0.1:80`: one value each.
    fn join_values(&mut self) {
        loop {
            let length = self.out.len();
            match &self.out[..] {
                [.., before, _] if matches!(before.kind, Kind::Date | Kind::Value) => {
                    let end = self.out[length - 1].end;
                    let joined = &mut self.out[length - 2];
                    (joined.kind, joined.hash, joined.end) = (Kind::Value, WILD_HASH, end);
                    self.out.pop();
                }
                [.., value, mark, _]
                    if value.kind == Kind::Value && DIVIDERS.contains(&mark.hash) =>
                {
                    self.out[length - 3].end = self.out[length - 1].end;
                    self.out.truncate(length - 2);
                }
                _ => return,
            }
        }
    }

    /// What is the same again, a value within it, is the rest of a list: `node <*> <ok> node <*> <ok>`.
    fn fold_list(&mut self) {
        let length = self.out.len();
        let last = self.out[length - 1].hash;
        for period in 2..=LONGEST_REPEAT.min(length / 2 + 1) {
            if length < 2 * period - 1 || self.out[length - 1 - period].hash != last {
                continue;
            }
            let (before, again) = self.out.split_at(length - period);
            let divided = [b',', b';', b'|'].map(mark_hash).contains(&again[0].hash);
            let skipped = usize::from(divided);
            let repeated = &again[skipped..];
            let same = before.len() >= repeated.len()
                && before[before.len() - repeated.len()..]
                    .iter()
                    .zip(repeated)
                    .all(|(one, other)| one.hash == other.hash);
            if same && repeated.iter().any(|token| token.kind == Kind::Value) {
                self.out.truncate(length - period);
                return;
            }
        }
    }
}

pub(super) const fn mark_hash(byte: u8) -> u64 {
    mixed(0x6d61_726b_0000 | byte as u64)
}

/// The same among hashes, of which the last one is new.
pub(super) fn join_values(hashes: &mut Vec<u64>) {
    while let [.., before, last] = hashes[..]
        && last == WILD_HASH
    {
        let length = hashes.len();
        let divides = DIVIDERS.contains(&before) && length > 2 && hashes[length - 3] == WILD_HASH;
        if before == WILD_HASH {
            hashes.truncate(length - 1);
        } else if divides {
            hashes.truncate(length - 2);
        } else {
            return;
        }
    }
}

/// Of a mark that opens, the one that closes.
pub(super) fn closing_of(mark: &str) -> Option<u8> {
    match mark {
        "\"" => Some(b'"'),
        "'" => Some(b'\''),
        "(" => Some(b')'),
        "[" => Some(b']'),
        "{" => Some(b'}'),
        _ => None,
    }
}

/// What a word is that is no value, as it stands in a line or in a form.
fn kind_of(word: &[u8], seen: u8) -> Kind {
    const NAMES: &[u8] =
        b"Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    if word.len() == 3
        && word[0].is_ascii_uppercase()
        && NAMES.chunks(4).any(|name| &name[..3] == word)
    {
        Kind::Date
    } else if seen & (class::HEX_LETTER | class::LETTER) == 0 {
        Kind::Mark
    } else {
        Kind::Word
    }
}

/// `seen`: the classes of its bytes. `first`: it begins the line, where names of programs and keys stand.
fn is_value(word: &[u8], seen: u8, first: bool) -> bool {
    let letters = class::HEX_LETTER | class::LETTER;
    if word.len() > LONGEST_WORD {
        return true;
    }
    if seen & class::DIGIT != 0 {
        return seen & !(letters | class::DIGIT | class::LOW_LINE) != 0
            || !is_name_with_digit(word);
    }
    if seen == class::HEX_LETTER {
        return word.len() >= LONG_HEX;
    }
    if seen & class::SLASH != 0 && is_path(word) {
        return true;
    }
    if seen & class::DOT != 0 && is_dotted_name(word) {
        return !first;
    }
    seen & class::OTHER != 0
        && memchr::memchr(b'@', word).is_some_and(|at| at > 0 && at + 1 < word.len())
}

/// `log4shell`, `mod2_init`: one digit with letters on both sides, too long for an id.
fn is_name_with_digit(word: &[u8]) -> bool {
    let mut digits = word.iter().enumerate().filter(|(_, b)| b.is_ascii_digit());
    let (Some((at, _)), None) = (digits.next(), digits.next()) else {
        return false;
    };
    let hex = |byte: &u8| byte.is_ascii_hexdigit();
    word.len() >= 6 && at > 0 && at + 1 < word.len() && !word.iter().all(hex)
}

fn is_path(word: &[u8]) -> bool {
    let count = |wanted: u8| memchr::memchr_iter(wanted, word).count();
    word[0] == b'/' && word.len() > 1
        || word.starts_with(b"./")
        || word.starts_with(b"~/")
        || count(b'/') >= 2
        || count(b'\\') >= 2
}

/// A host, a file or a package: `mail.example.org`, `main.rs`. Capitals are those of classes and constants, and a single
/// letter with one dot is an abbreviation.
fn is_dotted_name(word: &[u8]) -> bool {
    let dots = memchr::memchr_iter(b'.', word).count();
    let shortest = if dots == 1 { 2 } else { 1 };
    dots > 0
        && word.split(|byte| *byte == b'.').all(|part| {
            part.len() >= shortest
                && part[0].is_ascii_lowercase()
                && part
                    .iter()
                    .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'))
        })
}

/// A form as it is kept: its tokens, each behind a byte that says whether blanks stood before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form(Box<str>);

/// No word has them: in a line they are blanks.
const CLOSE: char = '\u{1e}';
const APART: char = '\u{1f}';

impl Form {
    pub(super) fn new(tokens: &[Token], line: &str) -> Self {
        Self::of(tokens.iter().map(|token| (token.spaced, token.text(line))))
    }

    fn of<'a>(tokens: impl Iterator<Item = (bool, &'a str)>) -> Self {
        let mut text = String::new();
        for (spaced, word) in tokens {
            text.push(if spaced { APART } else { CLOSE });
            text.push_str(word);
        }
        Self(text.into_boxed_str())
    }

    /// What was written by `as_str`, if it has values at least in these places.
    pub(super) fn parse(text: &str, values: u128) -> Option<Self> {
        let (mut missing, mut length) = (values, 0);
        let form = Self(text.into());
        for (_, word) in form.tokens() {
            if word.is_empty() || length >= MOST_TOKENS {
                return None;
            }
            if word == WILD {
                missing &= !(1 << length);
            }
            length += 1;
        }
        let whole = text.is_empty() || text.starts_with([CLOSE, APART]);
        (whole && missing == 0).then_some(form)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn tokens(&self) -> impl Iterator<Item = (bool, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let spaced = rest.starts_with(APART);
            let word = rest.get(1..)?;
            let end = memchr::memchr2(CLOSE as u8, APART as u8, word.as_bytes());
            let end = end.unwrap_or(word.len());
            rest = &word[end..];
            Some((spaced, &word[..end]))
        })
    }

    /// The words, what they are, and their hashes.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (&str, Kind, u64)> {
        self.tokens().map(|(_, word)| {
            let bytes = word.as_bytes();
            let has_letter = || {
                bytes
                    .iter()
                    .any(|byte| class::of(*byte) & (class::HEX_LETTER | class::LETTER) != 0)
            };
            match bytes {
                _ if word == WILD => (word, Kind::Value, WILD_HASH),
                [byte] if !class::is_word(*byte) => (word, Kind::Mark, mark_hash(*byte)),
                [b'.', b'.', ..] if bytes.iter().all(|byte| *byte == b'.') => {
                    (word, Kind::Mark, hash_of(b".."))
                }
                _ if has_letter() => (word, Kind::Word, hash_of(bytes)),
                _ => (word, Kind::Mark, hash_of(bytes)),
            }
        })
    }

    pub(super) fn length(&self) -> usize {
        self.tokens().count()
    }

    pub(super) fn hash(&self) -> u64 {
        let hashes: Vec<u64> = self.pieces().map(|(_, _, hash)| hash).collect();
        form_of(hashes.into_iter())
    }

    /// The places that vary.
    pub(super) fn values(&self) -> u128 {
        self.pieces()
            .enumerate()
            .filter(|(_, (_, kind, _))| *kind == Kind::Value)
            .fold(0, |places, (at, _)| places | 1 << at)
    }

    /// With more places that vary.
    pub(super) fn with(&self, wild: u128) -> Self {
        Self::of(
            self.tokens().enumerate().map(|(at, (spaced, word))| {
                (spaced, if wild >> at & 1 == 1 { WILD } else { word })
            }),
        )
    }

    /// For people. Neighbours that vary are one.
    pub(super) fn template(&self, wild: u128) -> String {
        let (mut text, mut before) = (String::new(), "");
        for (at, (spaced, word)) in self.tokens().enumerate() {
            let word = if wild >> at & 1 == 1 { WILD } else { word };
            if word == WILD && before == WILD {
                continue;
            }
            if spaced {
                text.push(' ');
            }
            text.push_str(word);
            before = word;
        }
        text
    }
}
