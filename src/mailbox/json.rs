//! JSON that other programs and people wrote, read without losing anything: order, unknown fields and numbers
//! stay as they were written, every fault has a line and a column.
//!
//! Nothing here recurses on the depth of its input, and every function is total: any bytes give a value or a
//! [`Fault`]. Does not know what a message is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Deeper nesting than this is a fault: `serde_json` refuses to build values beyond it.
pub const MAX_DEPTH: usize = 128;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why bytes are not what they should be, and where. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Fault {
    pub line: usize,
    pub column: usize,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("not UTF-8 text")]
    NotUtf8,
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// What the parser says.
    #[error("{0}")]
    Syntax(String),
    #[error("an array was expected here")]
    NotAnArray,
    #[error("an object was expected here")]
    NotAnObject,
}

impl Fault {
    fn at(bytes: &[u8], offset: usize, why: Why) -> Self {
        let (line, column) = place(bytes, offset);
        Self { line, column, why }
    }

    /// `at` is where the text that was given to the parser begins within `bytes`.
    fn syntax(bytes: &[u8], at: usize, error: &serde_json::Error) -> Self {
        let offset = at + offset_of(&bytes[at..], error);
        Self::at(bytes, offset, Why::Syntax(words(error)))
    }

    /// The place of a fault within a part that begins at `line` and `column`.
    fn below(self, line: usize, column: usize) -> Self {
        let first = self.line == 1;
        Self {
            line: self.line + line - 1,
            column: self.column + if first { column - 1 } else { 0 },
            why: self.why,
        }
    }
}

/// The line and the column of a byte, both from 1; the column counts characters.
pub fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset.min(bytes.len())];
    advance((1, 1), before)
}

/// Where one stands after `passed`, having stood at `from`.
pub(super) fn advance((line, column): (usize, usize), passed: &[u8]) -> (usize, usize) {
    let passed = match (line, column) {
        (1, 1) => passed.strip_prefix(BOM).unwrap_or(passed),
        _ => passed,
    };
    let breaks = passed.split(|&b| b == b'\n').count() - 1;
    let last = passed.rsplit(|&b| b == b'\n').next().unwrap_or_default();
    let characters = last.iter().filter(|&&b| b & 0xC0 != 0x80).count();
    match breaks {
        0 => (line, column + characters),
        _ => (line + breaks, 1 + characters),
    }
}

/// What the parser says, without its own idea of the place.
pub(super) fn words(error: &serde_json::Error) -> String {
    let all = error.to_string();
    let end = all.rfind(" at line ").unwrap_or(all.len());
    all[..end].into()
}

/// `serde_json` counts columns in bytes, and the newline itself as column 0 of the next line.
pub(super) fn offset_of(bytes: &[u8], error: &serde_json::Error) -> usize {
    let before = error.line().saturating_sub(1);
    let start: usize = bytes
        .split_inclusive(|&b| b == b'\n')
        .take(before)
        .map(<[u8]>::len)
        .sum();
    (start + error.column().saturating_sub(1)).min(bytes.len())
}

/// The text, without one byte order mark.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    std::str::from_utf8(body).map_err(|error| {
        let at = bytes.len() - body.len() + error.valid_up_to();
        Fault::at(bytes, at, Why::NotUtf8)
    })
}

/// The deepest nesting of brackets outside strings; a fault where it exceeds [`MAX_DEPTH`].
pub fn depth(bytes: &[u8]) -> Result<usize, Fault> {
    let (mut now, mut deepest) = (0usize, 0);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
                if now > MAX_DEPTH {
                    return Err(Fault::at(bytes, at, Why::TooDeep));
                }
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(deepest)
}

/// Just behind the string that opens at `at`, or the end of the input.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// An object as it was written. Of equal keys the last value counts, at the place of the first.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub fn parse(object: &'a str) -> Result<Self, Fault> {
        let bytes = object.as_bytes();
        if !object.trim_start().starts_with('{') {
            let at = bytes.len() - object.trim_start().len();
            return Err(Fault::at(bytes, at, Why::NotAnObject));
        }
        serde_json::from_str(object).map_err(|error| Fault::syntax(bytes, 0, &error))
    }

    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find_map(|(key, raw)| (key == name).then_some(*raw))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, raw)| (key.as_ref(), *raw))
    }

    /// The field as a string, if it is one.
    pub fn str(&self, name: &str) -> Option<Cow<'a, str>> {
        string(self.get(name)?.get())
    }

    /// Gives a field another value; one that is not there is not added.
    pub(super) fn replace(&mut self, name: &str, value: &'a RawValue) {
        if let Some((_, raw)) = self.0.iter_mut().find(|(key, _)| key == name) {
            *raw = value;
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn keep_last_of_equals(&mut self) {
        // Comparing all with all is cheapest for what occurs, and quadratic for what an attacker writes.
        let few = self.0.len() <= 32;
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        let mut kept: Vec<(Cow<'a, str>, &'a RawValue)> = Vec::with_capacity(self.0.len());
        for (key, raw) in self.0.drain(..) {
            let known = if few {
                kept.iter().position(|(other, _)| *other == key)
            } else {
                places.get(&key).copied()
            };
            if let Some(at) = known {
                kept[at].1 = raw;
                continue;
            }
            if !few {
                places.insert(key.clone(), kept.len());
            }
            kept.push((key, raw));
        }
        self.0 = kept;
    }
}

/// A key that borrows where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.into())))
            }
        }
        from.deserialize_str(Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Fields::default();
                while let Some((Key(key), raw)) = map.next_entry()? {
                    fields.0.push((key, raw));
                }
                fields.keep_last_of_equals();
                Ok(fields)
            }
        }
        from.deserialize_map(Object)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

/// One object of an array, and where it begins.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub fields: Fields<'a>,
    pub raw: &'a str,
    pub line: usize,
    pub column: usize,
}

/// An array of objects, split. Anything else is a fault, the first one of the file.
pub fn items(bytes: &[u8]) -> Result<Vec<Item<'_>>, Fault> {
    let body = text(bytes)?;
    let base = bytes.len() - body.len();
    depth(bytes)?;
    let start = body.len() - body.trim_start().len();
    if !body[start..].starts_with('[') {
        return Err(Fault::at(bytes, base + start, Why::NotAnArray));
    }
    let raws: Vec<&RawValue> =
        serde_json::from_str(body).map_err(|error| Fault::syntax(bytes, base, &error))?;
    let (mut passed, mut here) = (0, (1, 1));
    raws.into_iter()
        .map(|raw| {
            let raw = raw.get();
            let at = base + (raw.as_ptr().addr() - body.as_ptr().addr());
            here = advance(here, &bytes[passed..at]);
            passed = at;
            let (line, column) = here;
            let fields = Fields::parse(raw).map_err(|fault| fault.below(line, column))?;
            Ok(Item {
                fields,
                raw,
                line,
                column,
            })
        })
        .collect()
}

/// An object with a name that the parser keeps for itself makes no value: then its text stands for it.
pub(super) fn value(raw: &RawValue) -> serde_json::Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())
}

/// A JSON string, unescaped. Half of a surrogate pair, which Python writes and Rust cannot hold, becomes U+FFFD.
pub fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.trim().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    unescape(inner, |piece| match piece {
        Piece::Text(part) => text.push_str(part),
        Piece::Char(c) => text.push(c),
        Piece::Half(_) => text.push(char::REPLACEMENT_CHARACTER),
    });
    Some(Cow::Owned(text))
}

enum Piece<'a> {
    Text(&'a str),
    Char(char),
    /// A surrogate without its other half.
    Half(u16),
}

fn unescape<'a>(inner: &'a str, mut each: impl FnMut(Piece<'a>)) {
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        if at > 0 {
            each(Piece::Text(&rest[..at]));
        }
        let escape = &rest[at + 1..];
        let Some(kind) = escape.chars().next() else {
            return;
        };
        let mut used = kind.len_utf8();
        each(match kind {
            'b' => Piece::Char('\u{8}'),
            'f' => Piece::Char('\u{c}'),
            'n' => Piece::Char('\n'),
            'r' => Piece::Char('\r'),
            't' => Piece::Char('\t'),
            'u' => match hex(&escape[1..]) {
                Some(unit) => {
                    used += 4;
                    let second = escape[5..].strip_prefix("\\u").and_then(hex);
                    match char::decode_utf16([unit].into_iter().chain(second)).next() {
                        Some(Ok(c)) => {
                            if c.len_utf16() == 2 {
                                used += 6;
                            }
                            Piece::Char(c)
                        }
                        _ => Piece::Half(unit),
                    }
                }
                None => Piece::Char('u'),
            },
            other => Piece::Char(other),
        });
        rest = &escape[used..];
    }
    if !rest.is_empty() {
        each(Piece::Text(rest));
    }
}

fn hex(digits: &str) -> Option<u16> {
    let four = digits.get(..4)?;
    let all = four.bytes().all(|b| b.is_ascii_hexdigit());
    all.then(|| u16::from_str_radix(four, 16).ok()).flatten()
}

/// The same bytes for the same value: keys sorted, of equal keys the last, no insignificant white space, strings
/// in one form, numbers as they were written. `raw` is valid JSON; for other text the result is some bytes.
/// Linear for arrays and sorted objects; unsorted ones are moved once a level, so check [`depth`] before.
pub fn canonical(raw: &str) -> Vec<u8> {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => {
                at = string_end(bytes, start);
                let inner = raw[start + 1..at].strip_suffix('"');
                write_string(&mut out, inner.unwrap_or(&raw[start + 1..at]));
            }
            b'{' => {
                out.push(b'{');
                open.push(Open::object(out.len()));
            }
            b'[' => {
                out.push(b'[');
                open.push(Open::Array);
            }
            b':' => {
                if let Some(Open::Object { key_end, .. }) = open.last_mut() {
                    *key_end = out.len();
                }
                out.push(b':');
            }
            b',' => {
                if let Some(object) = open.last_mut() {
                    object.end_entry(out.len());
                }
                out.push(b',');
                if let Some(Open::Object { entry, .. }) = open.last_mut() {
                    *entry = out.len();
                }
            }
            b'}' | b']' => {
                if let Some(mut closed) = open.pop() {
                    closed.end_entry(out.len());
                    closed.sort(&mut out);
                }
                out.push(byte);
            }
            _ => out.push(byte),
        }
    }
    out
}

/// A bracket that has not been closed yet, by offsets into what was written.
enum Open {
    Array,
    Object {
        start: usize,
        entry: usize,
        key_end: usize,
        entries: Vec<Entry>,
    },
}

struct Entry {
    key: Range<usize>,
    end: usize,
}

impl Open {
    const fn object(start: usize) -> Self {
        Self::Object {
            start,
            entry: start,
            key_end: start,
            entries: Vec::new(),
        }
    }

    fn end_entry(&mut self, end: usize) {
        if let Self::Object {
            entry,
            key_end,
            entries,
            ..
        } = self
            && end > *entry
        {
            // A key without a colon occurs in text that is no JSON: the whole entry is its key then.
            let key = *entry..if *key_end > *entry { *key_end } else { end };
            entries.push(Entry { key, end });
        }
    }

    fn sort(self, out: &mut Vec<u8>) {
        let Self::Object { start, entries, .. } = self else {
            return;
        };
        if entries.is_sorted_by(|a, b| out[a.key.clone()] < out[b.key.clone()]) {
            return;
        }
        let written = out.split_off(start);
        let part = |range: Range<usize>| &written[range.start - start..range.end - start];
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort_by_key(|entry| part(entry.key.clone()));
        for (i, entry) in sorted.iter().enumerate() {
            let last_of_equals = sorted
                .get(i + 1)
                .is_none_or(|next| part(next.key.clone()) != part(entry.key.clone()));
            if last_of_equals {
                if out.len() > start {
                    out.push(b',');
                }
                out.extend_from_slice(part(entry.key.start..entry.end));
            }
        }
    }
}

/// A string from its escaped inside, in the one form: only what must be escaped is.
fn write_string(out: &mut Vec<u8>, inner: &str) {
    out.push(b'"');
    unescape(inner, |piece| match piece {
        Piece::Text(text) => write_escaped(out, text),
        Piece::Char(c) => write_escaped(out, c.encode_utf8(&mut [0; 4])),
        Piece::Half(unit) => out.extend(format!("\\u{unit:04x}").bytes()),
    });
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
}

/// Writes the face: an array whose objects have each field on its own line, and nested values on that line.
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Goes on with an array whose opening bracket stands elsewhere.
    pub(super) fn below(out: &'o mut Vec<u8>, empty: bool) -> Self {
        Self { out, empty }
    }

    /// One object. Each pair is a name and a value that is JSON already.
    pub fn entry<'f>(&mut self, fields: impl IntoIterator<Item = (&'f str, &'f str)>) {
        self.out
            .extend_from_slice(if self.empty { b"\n  {" } else { b",\n  {" });
        self.empty = false;
        let mut separator: &[u8] = b"\n    ";
        for (name, raw) in fields {
            self.out.extend_from_slice(separator);
            separator = b",\n    ";
            self.out.push(b'"');
            if name.bytes().any(|b| matches!(b, b'"' | b'\\' | 0..0x20)) {
                write_escaped(self.out, name);
            } else {
                self.out.extend_from_slice(name.as_bytes());
            }
            self.out.push(b'"');
            self.out.extend_from_slice(b": ");
            compact(self.out, raw);
        }
        self.out.extend_from_slice(b"\n  }");
    }

    pub fn finish(self) {
        self.out
            .extend_from_slice(if self.empty { b"]\n" } else { b"\n]\n" });
    }
}

/// The value without white space outside its strings.
pub fn compact(out: &mut Vec<u8>, raw: &str) {
    let bytes = raw.as_bytes();
    let nested = matches!(
        bytes.first(),
        Some(b'{' | b'[' | b' ' | b'\t' | b'\n' | b'\r')
    );
    if !nested || !bytes.iter().any(u8::is_ascii_whitespace) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let end = string_end(bytes, at);
                out.extend_from_slice(&bytes[at..end]);
                at = end;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn canonical_text(raw: &str) -> String {
        String::from_utf8(canonical(raw)).unwrap()
    }

    #[test]
    fn order_unknown_fields_and_big_numbers_stay_as_written() {
        let text = r#"{"z": 1e400, "a": 123456789012345678901234567890, "n\u00e9": [1.0, 2]}"#;
        let fields = Fields::parse(text).unwrap();
        let got: Vec<_> = fields.iter().map(|(k, v)| (k, v.get())).collect();
        assert_eq!(
            got,
            [
                ("z", "1e400"),
                ("a", "123456789012345678901234567890"),
                ("né", "[1.0, 2]")
            ]
        );
    }

    #[test]
    fn of_equal_keys_the_last_counts_in_small_and_in_large_objects() {
        for size in [2, 100] {
            let pair = |n: usize| [format!(r#""x{n}": {n}"#), format!(r#""k": {n}"#)];
            let more: Vec<String> = (1..size).flat_map(pair).collect();
            let text = format!(r#"{{"k": 0, {}}}"#, more.join(", "));
            let fields = Fields::parse(&text).unwrap();
            assert_eq!(fields.len(), size);
            assert_eq!(fields.iter().next().unwrap().0, "k");
            assert_eq!(fields.get("k").unwrap().get(), (size - 1).to_string());
        }
    }

    #[test]
    fn items_know_where_they_begin() {
        let text = "\u{feff}[ {\"é\": 1}, {\"b\": 2},\n  {\"c\":\n3}]";
        let places: Vec<_> = items(text.as_bytes())
            .unwrap()
            .iter()
            .map(|item| (item.line, item.column, item.fields.len()))
            .collect();
        assert_eq!(places, [(1, 3, 1), (1, 13, 1), (2, 3, 1)]);
        assert_eq!(items(b" [] ").unwrap().len(), 0);
    }

    #[test]
    fn a_fault_says_where() {
        let deep = "[".repeat(129);
        for (bytes, line, column) in [
            (&b"[{\"a\": 1},\n {\"b\": tru}]"[..], 2, 11),
            (b"[{\"a\": 1}\n {}]", 2, 2),
            (b"[\n  {\"a\": \"\xFF\"}]", 2, 10),
            (b"[{\"a\": 1}, 7]", 1, 12),
            (b" {}", 1, 2),
            (b"[\n{\"a\": 1", 2, 7),
            (b"", 1, 1),
            (deep.as_bytes(), 1, 129),
        ] {
            let fault = items(bytes).unwrap_err();
            assert_eq!(
                (fault.line, fault.column),
                (line, column),
                "{fault} in {:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        assert_eq!(depth(br#"[{"a": "[[[[\"[["}]"#), Ok(2));
        assert_eq!(depth("[".repeat(MAX_DEPTH).as_bytes()), Ok(MAX_DEPTH));
    }

    #[test]
    fn equal_values_have_equal_bytes() {
        let one = r#"{ "b" : [1.0, {"y": null, "x": "\u00e9\/\n"}], "a": 1, "b2": 2, "a": 3 }"#;
        let two = "{\"a\":3,\"b\":[1.0,{\"x\":\"é/\\u000a\",\"y\":null}],\"b2\":2}";
        assert_eq!(canonical_text(one), two);
        assert_eq!(canonical_text(two), two);
        // A lone surrogate is not the text that spells it.
        assert_ne!(canonical(r#""\ud83d""#), canonical(r#""\\ud83d""#));
        assert_eq!(canonical_text(r#""\ud83d\ude00""#), "\"\u{1f600}\"");
        assert_eq!(canonical_text(r#"{"b":1.0}"#), r#"{"b":1.0}"#);
    }

    #[test]
    fn half_a_surrogate_pair_reads_as_a_replacement() {
        assert_eq!(string(r#""a\ud83d\n\u00e9b""#).unwrap(), "a\u{fffd}\néb");
        assert_eq!(string("7"), None);
    }

    #[test]
    fn an_entry_has_a_line_for_each_field() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.entry([("seq", "17"), ("meta\"", "{\n \"a b\": [ 1, 2 ] }")]);
        writer.entry([("content", "\"x y\"")]);
        writer.finish();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[\n  {\n    \"seq\": 17,\n    \"meta\\\"\": {\"a b\":[1,2]}\n  },\n  {\n    \
             \"content\": \"x y\"\n  }\n]\n"
        );
        let mut none = Vec::new();
        Writer::new(&mut none).finish();
        assert_eq!(none, b"[]\n");
    }

    #[test]
    fn a_million_brackets_neither_overflow_the_stack_nor_take_for_ever() {
        let deep = "[{\"a\":".repeat(500_000);
        assert!(items(deep.as_bytes()).is_err());
        assert_eq!(canonical(&deep).len(), deep.len());
    }

    /// Any JSON value, as text with white space and escapes that a person might write.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..300) {
            let _ = (items(&bytes).is_ok(), depth(&bytes).is_ok(), place(&bytes, at));
            let lossy = String::from_utf8_lossy(&bytes);
            let _ = (canonical(&lossy), string(&lossy), compact(&mut Vec::new(), &lossy));
        }

        #[test]
        fn nothing_near_json_panics(
            text in r#"([\[\]{},:"\\ \n]|\\u[dD][89abcdef]..|true|1|é|"[a-z]")*"#
        ) {
            let _ = (items(text.as_bytes()).is_ok(), depth(text.as_bytes()).is_ok());
            let _ = (canonical(&text), string(&text), compact(&mut Vec::new(), &text));
        }

        #[test]
        fn canonical_keeps_the_value_and_does_not_see_the_spelling(value in any_json()) {
            let plain = value.to_string();
            let canonical_bytes = canonical(&plain);
            prop_assert_eq!(serde_json::from_slice::<Value>(&canonical_bytes).unwrap(), value.clone());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(canonical(&pretty), canonical_bytes.clone());
            let mut compacted = Vec::new();
            compact(&mut compacted, &pretty);
            prop_assert_eq!(String::from_utf8(compacted).unwrap(), plain);
        }

        #[test]
        fn what_is_written_reads_back(objects in prop::collection::vec(
            prop::collection::vec((any::<String>(), any_json()), 0..5), 0..4))
        {
            let objects: Vec<serde_json::Map<_, _>> =
                objects.into_iter().map(|fields| fields.into_iter().collect()).collect();
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out);
            for object in &objects {
                let pairs: Vec<_> =
                    object.iter().map(|(k, v)| (k.as_str(), v.to_string())).collect();
                writer.entry(pairs.iter().map(|(k, v)| (*k, v.as_str())));
            }
            writer.finish();
            let back = items(&out).unwrap();
            prop_assert_eq!(back.len(), objects.len());
            for (item, object) in back.iter().zip(&objects) {
                let read: Vec<_> = item.fields.iter().map(|(k, v)| (k, v.get().to_string())).collect();
                let want: Vec<_> = object.iter().map(|(k, v)| (k.as_str(), v.to_string())).collect();
                prop_assert_eq!(read, want);
            }
        }
    }
}
