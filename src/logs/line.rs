//! An event as one line of JSON: bounded, without secrets, and with every field of ours. Pure.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;

use super::redact;
use crate::names::{Caller, Event};
use crate::time::Timestamp;

/// Format of a line.
const VERSION: u32 = 1;
/// A text of more bytes is cut, and says how long it was.
pub(super) const MOST_TEXT: usize = 4096;
/// A line with more is written without the fields of its own that come after.
const MOST_LINE: usize = 64 << 10;

/// What every line has; a field of the event cannot speak for it.
const OURS: [&str; 13] = [
    "v",
    "ts",
    "level",
    "channel",
    "event",
    "msg",
    "who",
    "agent",
    "id",
    "run",
    "pid",
    "waited_ms",
    "cut",
];

/// Whether a field of this name is said by us alone.
pub(crate) fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

pub(super) struct Line<'e> {
    event: &'e Event,
    caller: &'e Caller,
    now: Timestamp,
    pid: u32,
    /// For locks of others.
    waited_ms: u64,
    /// So many fields of the event.
    most: usize,
}

impl<'e> Line<'e> {
    pub(super) fn new(
        event: &'e Event,
        caller: &'e Caller,
        now: Timestamp,
        pid: u32,
        waited_ms: u64,
    ) -> Self {
        Self {
            event,
            caller,
            now,
            pid,
            waited_ms,
            most: event.fields.len(),
        }
    }

    /// With its newline. Where it becomes too long, again with half of the fields.
    pub(super) fn spell(mut self, out: &mut Vec<u8>) {
        let start = out.len();
        loop {
            serde_json::to_writer(&mut *out, &self).expect("every key of a line is text");
            if out.len() - start < MOST_LINE || self.most == 0 {
                return out.push(b'\n');
            }
            out.truncate(start);
            self.most /= 2;
        }
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self {
            event, caller, now, ..
        } = self;
        let mut line = to.serialize_map(None)?;
        line.serialize_entry("v", &VERSION)?;
        line.serialize_entry("ts", now)?;
        line.serialize_entry("level", &event.level)?;
        line.serialize_entry("channel", &event.channel)?;
        line.serialize_entry("event", &event.event)?;
        line.serialize_entry("msg", &Text(&event.msg))?;
        line.serialize_entry("who", &caller.agent)?;
        line.serialize_entry("agent", &event.agent)?;
        line.serialize_entry("id", &event.id)?;
        if let Some(run) = &caller.incarnation {
            line.serialize_entry("run", run)?;
        }
        line.serialize_entry("pid", &self.pid)?;
        for (key, value) in event.fields.iter().take(self.most) {
            if is_ours(key) {
                continue;
            }
            if redact::is_secret(key) {
                line.serialize_entry(key, redact::gone())?;
            } else {
                line.serialize_entry(key, &Bounded(value))?;
            }
        }
        if self.waited_ms > 0 {
            line.serialize_entry("waited_ms", &self.waited_ms)?;
        }
        if self.most < event.fields.len() {
            line.serialize_entry("cut", &(event.fields.len() - self.most))?;
        }
        line.end()
    }
}

struct Text<'t>(&'t str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // What may be a secret that the cut would halve goes first.
        let start = self.0.floor_char_boundary(2 * MOST_TEXT);
        let text = redact::text(&self.0[..start]);
        if self.0.len() <= MOST_TEXT {
            return to.serialize_str(&text);
        }
        let kept = &text[..text.floor_char_boundary(MOST_TEXT)];
        to.collect_str(&format_args!("{kept}… ({} bytes)", self.0.len()))
    }
}

struct Bounded<'v>(&'v Value);

impl Serialize for Bounded<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) => Text(text).serialize(to),
            Value::Array(all) => {
                let mut list = to.serialize_seq(None)?;
                for value in all {
                    list.serialize_element(&Bounded(value))?;
                }
                list.end()
            }
            Value::Object(all) => {
                let mut map = to.serialize_map(None)?;
                for (key, value) in all {
                    if redact::is_secret(key) {
                        map.serialize_entry(&Text(key), redact::gone())?;
                    } else {
                        map.serialize_entry(&Text(key), &Bounded(value))?;
                    }
                }
                map.end()
            }
            plain => plain.serialize(to),
        }
    }
}
