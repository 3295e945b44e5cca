//! What programs and people noted beside a content: one JSON object, as it was written.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::json::{Fields, value};

/// Read only where somebody asks for a note: most messages are passed on without.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Metadata(Box<RawValue>);

impl Metadata {
    pub(super) fn of(map: &Map<String, Value>) -> Self {
        Self(to_raw_value(map).expect("every key of a map is text"))
    }

    /// As it was written.
    pub(super) fn raw(&self) -> &str {
        self.0.get()
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.fields().get(name).map(value)
    }

    /// All notes, in the order in which they were written.
    pub fn to_map(&self) -> Map<String, Value> {
        let fields = self.fields();
        let fields = fields.iter();
        fields
            .map(|(name, raw)| (name.into(), value(raw)))
            .collect()
    }

    fn fields(&self) -> Fields<'_> {
        Fields::parse(self.0.get()).unwrap_or_default()
    }
}

/// Of text that is an object.
impl From<Box<RawValue>> for Metadata {
    fn from(object: Box<RawValue>) -> Self {
        Self(object)
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self::of(&Map::new())
    }
}

/// By what it says, in whatever spelling.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get() || self.to_map() == other.to_map()
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        if raw.get().starts_with('{') {
            Ok(Self(raw))
        } else {
            Err(D::Error::custom("metadata is no object"))
        }
    }
}
