//! What scripts write down, and the closing of logs by hand.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use super::batch::{BadLine, batch_lines};
use super::{Desk, Done, Error};
use crate::logs::{self, Filter, Merged, Rotated, Which};
use crate::names::{AgentId, Channel, Event, EventName, Explain as _, Kind, Level, Verb};
use crate::store::Deadline;
use crate::time::Now;

/// So long a writer waits for a rotator, who needs a moment.
const PATIENCE: Duration = Duration::from_secs(2);
/// The channel of what says no other.
const CHANNEL: Channel = Channel::System;

/// What a script has to say.
#[derive(Clone, Debug)]
pub struct Note {
    pub channel: Channel,
    pub level: Level,
    pub event: EventName,
    pub msg: String,
    /// Whom it is about.
    pub agent: Option<AgentId>,
    pub fields: Map<String, Value>,
}

impl Desk {
    /// Writes them down, those of one channel in their order, and says how many. Unlike the lines of other verbs these
    /// are what was asked for: where one cannot be written, that is an error.
    pub fn write_log(&self, notes: Vec<Note>, now: Now) -> Done<usize> {
        for note in &notes {
            let about = note.agent.as_ref().unwrap_or(&self.caller.agent);
            self.permit(Verb::LogWrite, about)?;
            if let Some(name) = note.fields.keys().find(|name| logs::is_ours(name)) {
                return Err(Error::FieldOfOurs { name: name.clone() });
            }
        }
        let count = notes.len();
        let events: Vec<Event> = notes.into_iter().map(event).collect();
        let deadline = Deadline::after(PATIENCE);
        for channel in Channel::ALL {
            let of_channel = events.iter().filter(|it| it.channel == channel);
            let of_channel: Vec<Event> = of_channel.cloned().collect();
            self.append_when_free(&of_channel, deadline, now)?;
        }
        Ok(count)
    }

    fn append_when_free(&self, events: &[Event], deadline: Deadline, now: Now) -> Done<()> {
        loop {
            match logs::append(&self.home, &self.caller, events, now.wall) {
                Err(logs::Error::Store(error))
                    if error.kind() == Kind::Busy && !deadline.is_over() =>
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // The lines are written.
                Err(error @ (logs::Error::NotClosed(_) | logs::Error::Limits { .. })) => {
                    (self.warn)(&error.to_string());
                    return Ok(());
                }
                other => return Ok(other?),
            }
        }
    }

    /// Under which names the logs tell of somebody: those that he has, and what was written. Whom nobody knows any more
    /// they may know still; 66 where they do not either.
    pub fn names_in_logs(&self, name: &str) -> Done<Vec<String>> {
        let mut names = vec![name.to_owned()];
        match self.resolve(name) {
            Ok(id) => {
                let entry = self.roster.entry(&id);
                names.extend(entry.into_iter().flat_map(|it| it.aliases.iter().cloned()));
                names.push(id.to_string());
            }
            Err(unknown) if unknown.kind() == Kind::Unknown => {
                let told = Filter {
                    agents: names.clone(),
                    ..Filter::default()
                };
                if Merged::all(&self.home, &Channel::ALL, told)?
                    .next()?
                    .is_none()
                {
                    return Err(unknown);
                }
            }
            Err(error) => return Err(error),
        }
        Ok(names)
    }

    /// Closes logs, and removes and packs what is to be; rehearsing, says what would be done.
    pub fn rotate_logs(
        &self,
        channels: &[Channel],
        which: Which,
        patience: Duration,
        now: Now,
    ) -> Done<Rotated> {
        self.permit(Verb::LogRotate, &AgentId::system())?;
        Ok(if self.rehearses {
            logs::rehearse(&self.home, channels, which, now.wall)?
        } else {
            logs::rotate(&self.home, channels, which, patience, now.wall)?
        })
    }

    /// One note a line, as JSON.
    pub fn notes(&self, lines: &str) -> Done<Vec<Note>> {
        batch_lines(lines)
            .map(|(number, line)| self.note(number, line))
            .collect()
    }

    fn note(&self, line: usize, text: &str) -> Done<Note> {
        let bad = |column: usize, why: String| BadLine { line, column, why };
        let said: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| bad(error.column(), "it is no JSON object".into()))?;
        let mut note = Note {
            channel: CHANNEL,
            level: Level::Info,
            event: EventName::parse("script.said").map_err(|error| bad(1, error.to_string()))?,
            msg: String::new(),
            agent: None,
            fields: Map::new(),
        };
        let mut is_named = false;
        for (name, value) in said {
            let text = || match &value {
                Value::String(text) => Ok(text.as_str()),
                _ => Err(bad(1, format!("{name:?} is no string"))),
            };
            match name.as_str() {
                "channel" => {
                    note.channel = Channel::parse(text()?)
                        .ok_or_else(|| bad(1, format!("{value} is no channel")))?;
                }
                "level" => {
                    note.level = Level::parse(text()?)
                        .ok_or_else(|| bad(1, format!("{value} is no level")))?;
                }
                "event" => {
                    let parsed = EventName::parse(text()?);
                    note.event = parsed.map_err(|error| bad(1, error.to_string()))?;
                    is_named = true;
                }
                "msg" => text()?.clone_into(&mut note.msg),
                "agent" if value.is_null() => {}
                "agent" => note.agent = Some(self.resolve(text()?)?),
                "task" => drop(note.fields.insert("task".into(), text()?.into())),
                "fields" => {
                    let Value::Object(fields) = value else {
                        return Err(bad(1, "\"fields\" is no object".into()).into());
                    };
                    note.fields.extend(fields);
                }
                _ => return Err(bad(1, format!("{name:?} is not known here")).into()),
            }
        }
        if let Some(name) = note.fields.keys().find(|name| logs::is_ours(name)) {
            return Err(bad(1, format!("{name:?} is for the log to say")).into());
        }
        if !is_named {
            return Err(bad(1, "it has no \"event\"".into()).into());
        }
        Ok(note)
    }
}

fn event(note: Note) -> Event {
    let fields = note.fields.into_iter();
    Event {
        channel: note.channel,
        level: note.level,
        event: Cow::Owned(note.event.into_string()),
        msg: note.msg,
        agent: note.agent,
        id: None,
        fields: fields.map(|(name, value)| (name.into(), value)).collect(),
    }
}
