//! The event log, channel by channel, through rotation and packing.

use serde_json::{Map, Value};

use super::found::{Found, made_id};
use super::source::{Skip, Source};
use crate::logs::{self, Entry, Place, Raw, Reader};
use crate::memory::error::Error;
use crate::names::Channel;
use crate::root::Home;
use crate::time::Timestamp;

/// What an event says with a name of its own there, and how a memory calls it.
const CONTEXT: [(&str, &str); 6] = [
    ("task", "task_id"),
    ("id", "message_id"),
    ("run", "run"),
    ("thread", "thread"),
    ("reply_to", "reply_to"),
    ("level", "level"),
];

pub(super) struct Events {
    channel: Channel,
    reader: Reader,
    /// Of the event before: what has no time of its own has that, or that of this look.
    last: Timestamp,
}

impl Events {
    pub(super) fn open(
        home: &Home,
        channel: Channel,
        place: &dyn Fn(&str) -> Option<Value>,
        now: Timestamp,
    ) -> Self {
        let place = place(&name(channel)).and_then(|it| serde_json::from_value::<Place>(it).ok());
        Self {
            channel,
            reader: Reader::new(home, channel, place.unwrap_or_default()),
            last: now,
        }
    }
}

fn name(channel: Channel) -> String {
    format!("events/{}", channel.as_str())
}

impl Source for Events {
    fn name(&self) -> String {
        name(self.channel)
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        loop {
            let line = match self.reader.next() {
                Ok(None) => return Ok(None),
                Ok(Some(Raw::Whole(line))) => line,
                Ok(Some(Raw::Torn(_))) => {
                    skip(Skip {
                        at: self.name(),
                        why: "an event that was cut off".into(),
                    });
                    continue;
                }
                // The reader goes on behind it.
                Err(error @ logs::Error::Unreadable { .. }) => {
                    skip(Skip {
                        at: self.name(),
                        why: error.to_string(),
                    });
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if let Some(found) = event(self.channel, line) {
                self.last = found.at;
                return Ok(Some(found));
            }
            let text = String::from_utf8_lossy(line);
            if text.trim().is_empty() || text.contains('\0') {
                skip(Skip {
                    at: self.name(),
                    why: "a line without text".into(),
                });
                continue;
            }
            return Ok(Some(foreign(self.channel, line, self.last)));
        }
    }

    fn place(&self) -> Value {
        serde_json::to_value(self.reader.place()).expect("every key is text")
    }
}

fn event(channel: Channel, line: &[u8]) -> Option<Found> {
    let entry = Entry::parse(line)?;
    let at = entry.ts();
    let event = entry.event.as_ref().to_owned();
    let mut fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    // Who did it; where nobody says so, whom it happened to.
    let mut whose = |name: &str| match fields.shift_remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let (who, agent, msg) = (whose("who"), whose("agent"), whose("msg"));
    let speaker = who.as_deref().or(agent.as_deref());
    let text = match msg {
        Some(msg) => format!("{event}: {msg}"),
        None => event.clone(),
    };
    let id = made_id("e-", &[channel.as_str().as_bytes(), line]);
    let mut found = Found::new(id, at, speaker.unwrap_or("system"), "event", text);
    found.note("event", event);
    found.note("channel_log", channel.as_str());
    if let (Some(agent), Some(who)) = (&agent, &who)
        && agent != who
    {
        found.note("about", agent.clone());
    }
    for (theirs, ours) in CONTEXT {
        if let Some(value) = fields.shift_remove(theirs)
            && !value.is_null()
        {
            found.note(ours, value);
        }
    }
    Some(found)
}

/// What a script wrote there.
fn foreign(channel: Channel, line: &[u8], at: Timestamp) -> Found {
    let id = made_id("e-", &[channel.as_str().as_bytes(), line]);
    let text = String::from_utf8_lossy(line).into_owned();
    let mut found = Found::new(id, at, "unknown", "log", text);
    found.note("channel_log", channel.as_str());
    found.note("undated", true);
    found
}
