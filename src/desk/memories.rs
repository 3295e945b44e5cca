//! Leave to take memories away, and the event that tells of it. What is remembered is derived and another room's: the
//! desk knows only who may.

use serde_json::json;

use super::{Desk, Done};
use crate::names::{AgentId, Channel, Event, Level, Verb};
use crate::time::Now;

/// What became of memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenAway {
    /// They never come back.
    Forgotten(u64),
    /// Into so many summaries.
    Folded { memories: u64, summaries: u64 },
}

impl Desk {
    /// Asked before it is done.
    pub fn may_take_memories_away(&self) -> Done<()> {
        self.permit(Verb::MemoryForget, &AgentId::system())
            .map(drop)
    }

    /// Told once it is.
    pub fn tell_taken_away(&self, taken: TakenAway, now: Now) {
        let who = &self.caller.agent;
        let (event, msg, fields) = match taken {
            TakenAway::Forgotten(n) => (
                "memory.forgotten",
                format!("{who} forgot {n} memories"),
                json!({"memories": n}),
            ),
            TakenAway::Folded {
                memories,
                summaries,
            } => (
                "memory.folded",
                format!("{who} folded {memories} memories into {summaries}"),
                json!({"memories": memories, "summaries": summaries}),
            ),
        };
        let serde_json::Value::Object(fields) = fields else {
            unreachable!("it was made an object");
        };
        let event = Event {
            channel: Channel::System,
            level: Level::Info,
            event: event.into(),
            msg,
            agent: None,
            id: None,
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        };
        self.log(&[event], now);
    }
}
