//! Leave to see remembered mail and to take memories away, and the event that tells of it. What is remembered is derived
//! and another room's: the desk knows only who may.

use serde_json::json;

use super::{Desk, Done};
use crate::mailbox;
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
    /// Whether the caller may see a message that is remembered of this mailbox, by who sent it: as in the mailbox itself,
    /// whoever may read that may, and everybody what he sent. What he may not is left out, and nothing is logged.
    pub fn may_see_mail(&self, mailbox: &AgentId, from: Option<&AgentId>) -> Done<bool> {
        // A memory knows the names of its time.
        let moved = mailbox::moved(&self.home.mailboxes())?;
        if self
            .permit_unlogged(Verb::MailRead, &now_of(mailbox, &moved))
            .is_ok()
        {
            return Ok(true);
        }
        let is_own = from.is_some_and(|from| now_of(from, &moved) == self.caller.agent);
        // Who says that he is the sender must be believed to be.
        Ok(is_own && self.permit_unlogged(Verb::MailFollow, mailbox).is_ok())
    }

    /// As to read the mailbox: a refusal is logged.
    pub fn must_read_mail_of(&self, mailbox: &AgentId) -> Done<()> {
        let moved = mailbox::moved(&self.home.mailboxes())?;
        self.permit(Verb::MailRead, &now_of(mailbox, &moved))
            .map(drop)
    }

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

/// Whose mailbox it is by now.
fn now_of(mailbox: &AgentId, moved: &[(AgentId, AgentId)]) -> AgentId {
    let now = moved.iter().find(|(name, _)| name == mailbox);
    now.map_or(mailbox, |(_, now)| now).clone()
}
