//! What a source tells, before it is a memory. Pure.

use serde_json::{Map, Value};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::memory::fragment::said;
use crate::memory::tell::Summary;
use crate::time::Timestamp;

/// More of one text is not remembered: where the whole of it lies, its context says.
pub(super) const MOST_CONTENT: usize = 64 << 10;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::memory) struct Found {
    pub(in crate::memory) id: String,
    /// The same id with another text is the next version of that memory. Otherwise the id was made of the text.
    pub(in crate::memory) may_change: bool,
    pub(in crate::memory) at: Timestamp,
    pub(in crate::memory) agent: String,
    pub(in crate::memory) kind: String,
    pub(in crate::memory) content: String,
    pub(in crate::memory) context: Map<String, Value>,
    pub(in crate::memory) rest: Map<String, Value>,
}

impl Found {
    pub(super) fn new(id: String, at: Timestamp, agent: &str, kind: &str, content: String) -> Self {
        let mut found = Self {
            id,
            may_change: false,
            at,
            agent: agent.to_owned(),
            kind: kind.to_owned(),
            content,
            context: Map::new(),
            rest: Map::new(),
        };
        found.cut();
        found
    }

    /// What stands for others.
    pub(in crate::memory) fn summary(summary: Summary) -> Self {
        let Summary { of, fragment } = summary;
        let mut found = Self::new(
            fragment.memory_id,
            fragment.timestamp,
            &fragment.agent_id,
            &fragment.kind,
            fragment.content,
        );
        found.context = fragment.context;
        found.note("of", of);
        found
    }

    pub(super) fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.context.insert(key.to_owned(), value.into());
    }

    /// Leaves the beginning of a text that is too long, and says how long it was.
    pub(super) fn cut(&mut self) {
        let whole = self.content.len();
        if whole > MOST_CONTENT {
            let end = self.content.floor_char_boundary(MOST_CONTENT);
            self.content.truncate(end);
            self.note("content_bytes", whole);
        }
    }

    /// How much memory it takes, about.
    pub(in crate::memory) fn size(&self) -> usize {
        let texts = [&self.id, &self.agent, &self.kind, &self.content];
        let texts: usize = texts.iter().map(|it| it.len()).sum();
        texts + room_of_all(&self.context) + room_of_all(&self.rest)
    }

    /// The same for two tellings of the same.
    pub(in crate::memory) fn fingerprint(&self) -> u64 {
        fingerprint(
            self.at,
            &self.agent,
            &self.kind,
            &self.content,
            &self.context,
        )
    }
}

fn room_of_all(map: &Map<String, Value>) -> usize {
    map.iter().map(|(key, it)| key.len() + room_of(it)).sum()
}

fn room_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => std::mem::size_of::<Value>(),
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(room_of).sum(),
        Value::Object(map) => room_of_all(map),
    }
}

/// What of a memory makes it another version of itself. A time that it does not say itself is none of it.
pub(in crate::memory) fn fingerprint(
    at: Timestamp,
    agent: &str,
    kind: &str,
    text: &str,
    context: &Map<String, Value>,
) -> u64 {
    let is_dated = said(context, "undated").is_none();
    let at = if is_dated { at.unix_ms() } else { 0 };
    let seed = xxh3_64_with_seed(agent.as_bytes(), at.cast_unsigned());
    xxh3_64_with_seed(text.as_bytes(), xxh3_64_with_seed(kind.as_bytes(), seed))
}

/// A name made of what is named: the same text, told from the same place, is the same memory.
pub(super) fn made_id(prefix: &str, parts: &[&[u8]]) -> String {
    let mut all = Vec::with_capacity(parts.iter().map(|it| it.len() + 8).sum());
    for part in parts {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    // Eighty bits: among a thousand million memories two are called the same once in two million homes.
    let hash = xxh3_128(&all).to_be_bytes();
    let mut id = String::with_capacity(prefix.len() + 16);
    id.push_str(prefix);
    data_encoding::BASE32_DNSSEC.encode_append(&hash[..10], &mut id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_parts_apart() {
        let id = made_id("l-", &[b"ab", b"c"]);
        assert_eq!(id, made_id("l-", &[b"ab", b"c"]));
        assert_ne!(id, made_id("l-", &[b"a", b"bc"]));
        assert_eq!(id.len(), 18);
    }

    #[test]
    fn a_long_text_is_cut_between_letters_and_says_so() {
        let found = Found::new(
            "a".into(),
            Timestamp::default(),
            "x",
            "log",
            "ä".repeat(40_000),
        );
        assert_eq!(found.content.len(), MOST_CONTENT);
        assert_eq!(found.context["content_bytes"], 80_000);
    }
}
