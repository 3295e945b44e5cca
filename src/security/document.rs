//! A JSON object of ours that may hold secrets: members that we do not know survive, and what it held is wiped. Pure.
//!
//! Not wiped: what the parser copies aside to resolve an escape in a string.

use std::io::{self, Write};

use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

/// Of all documents of this room.
const VERSION: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it is no JSON object")]
    NoObject,
    #[error("it is of format {0}, newer than this program")]
    Newer(u64),
    #[error("its {0:?} is missing or not what it should be")]
    Member(&'static str),
}

/// Its `Debug` shows nothing: there is none.
pub(super) struct Document(Map<String, Value>);

impl Document {
    pub(super) fn new() -> Self {
        Self(Map::from_iter([("version".into(), VERSION.into())]))
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, Unfit> {
        // What the parser says may quote what it read.
        let document = serde_json::from_slice(text).map_err(|_| Unfit::NoObject)?;
        let document = Self(document);
        match document.0.get("version").and_then(Value::as_u64) {
            Some(VERSION) => Ok(document),
            Some(version) if version > VERSION => Err(Unfit::Newer(version)),
            _ => Err(Unfit::Member("version")),
        }
    }

    pub(super) const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(super) const fn members_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    pub(super) fn str(&self, member: &'static str) -> Result<&str, Unfit> {
        let value = self.0.get(member).and_then(Value::as_str);
        value.ok_or(Unfit::Member(member))
    }

    /// A member that may be null or absent.
    pub(super) fn str_if_any(&self, member: &'static str) -> Result<Option<&str>, Unfit> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Unfit::Member(member)),
        }
    }

    pub(super) fn spell(&self) -> Zeroizing<Vec<u8>> {
        // Its length first: a buffer that grows leaves copies behind that nobody wipes.
        let mut length = Counted(0);
        self.write(&mut length);
        let mut text = Zeroizing::new(Vec::with_capacity(length.0));
        self.write(&mut *text);
        text
    }

    fn write(&self, mut to: impl Write) {
        serde_json::to_writer_pretty(&mut to, &self.0)
            .and_then(|()| to.write_all(b"\n").map_err(serde_json::Error::io))
            .expect("strings and numbers always spell, and memory takes them");
    }
}

/// Puts a member in; what stood there is wiped.
pub(super) fn put(members: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(mut old) = members.insert(name.into(), value) {
        wipe(&mut old);
    }
}

pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(all) => all.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfit(text: &str) -> Option<Unfit> {
        Document::parse(text.as_bytes()).err()
    }

    #[test]
    fn only_objects_of_our_own_format_are_read() {
        assert_eq!(unfit(r#"{"version":1,"x":[]}"#), None);
        assert_eq!(unfit(r#"{"version":2}"#), Some(Unfit::Newer(2)));
        for text in ["{}", r#"{"version":0}"#, r#"{"version":"1"}"#] {
            assert_eq!(unfit(text), Some(Unfit::Member("version")), "{text}");
        }
        for text in [
            "",
            "[]",
            "{\"version\":1",
            "\u{feff}{}",
            &"[".repeat(100_000),
        ] {
            assert_eq!(unfit(text), Some(Unfit::NoObject));
        }
    }

    #[test]
    fn what_is_not_known_survives_and_the_buffer_never_grows() {
        let text = "{\n  \"version\": 1,\n  \"later\": {\n    \"n\": 1e+400,\n    \"é\": \"\\u0001\"\n  }\n}\n";
        let spelled = Document::parse(text.as_bytes()).unwrap().spell();
        assert_eq!(**spelled, *text.as_bytes());
        assert_eq!(spelled.capacity(), spelled.len());
    }

    #[test]
    fn every_string_is_wiped() {
        let mut value = serde_json::json!({"a": ["x", {"b": "y"}], "c": 1});
        wipe(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["", {"b": ""}], "c": 1}));
    }
}
