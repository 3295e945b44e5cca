//! A line as it was read: an event, or what somebody else wrote there. Pure.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::names::Level;
use crate::time::Timestamp;

/// What is asked of an event without reading all of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry<'l> {
    #[serde(borrow)]
    ts: Cow<'l, str>,
    #[serde(borrow)]
    level: Cow<'l, str>,
    #[serde(borrow)]
    pub event: Cow<'l, str>,
    #[serde(borrow, default)]
    pub who: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    pub agent: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    pub task: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    pub id: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    pub run: Option<Cow<'l, str>>,
    #[serde(default)]
    pub pid: Option<u32>,
}

impl<'l> Entry<'l> {
    /// `None` of a line that is torn or of another make: it is kept and counted, and never fatal.
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        // A field that nobody asks for is passed unread: as text all of it is looked at.
        let entry: Self = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        (Timestamp::parse(&entry.ts).is_some() && Level::parse(&entry.level).is_some())
            .then_some(entry)
    }

    pub fn ts(&self) -> Timestamp {
        Timestamp::parse(&self.ts).unwrap_or_default()
    }

    pub fn level(&self) -> Level {
        Level::parse(&self.level).unwrap_or(Level::Info)
    }
}

/// All fields of a line, in their order; of a foreign one its text.
pub fn fields(line: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) if Entry::parse(line).is_some() => fields,
        _ => {
            let text = String::from_utf8_lossy(line).into_owned();
            Map::from_iter([("foreign".to_owned(), text.into())])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_event_is_foreign() {
        let line = br#"{"v":1,"ts":"2027-01-15T08:00:00.000Z","level":"warn","channel":"system","event":"mail.warned","msg":"a","who":"user","agent":null,"id":null,"pid":7,"n":1}"#;
        let entry = Entry::parse(line).unwrap();
        assert_eq!((entry.level(), &*entry.event), (Level::Warn, "mail.warned"));
        assert_eq!(entry.ts().unix_ms(), 1_800_000_000_000);
        assert_eq!((entry.agent, entry.pid), (None, Some(7)));
        assert_eq!(fields(line)["n"], 1);
        for foreign in [
            &b"plain text"[..],
            b"",
            b"{\"v\":1,\"ts\":\"2027-01-15T08:0",
            b"{\"ts\":\"yesterday\",\"level\":\"info\",\"event\":\"a\"}",
            b"{\"ts\":\"2027-01-15T08:00:00Z\",\"level\":\"loud\",\"event\":\"a\"}",
            b"\xff\xfe",
            b"{\"ts\":\"2027-01-15T08:00:00Z\",\"level\":\"info\",\"event\":\"a.b\",\"n\":\"\xff\"}",
        ] {
            assert_eq!(Entry::parse(foreign), None);
            assert_eq!(fields(foreign).len(), 1);
        }
    }
}
