//! What happened, as plain values: rooms return them, `desk` writes them down.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{AgentId, Draft, MessageId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    System,
    Agents,
    Tasks,
    Messages,
    Captain,
    Devlog,
    Bridge,
    Security,
}

impl Channel {
    pub const ALL: [Self; 8] = [
        Self::System,
        Self::Agents,
        Self::Tasks,
        Self::Messages,
        Self::Captain,
        Self::Devlog,
        Self::Bridge,
        Self::Security,
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Agents => "agents",
            Self::Tasks => "tasks",
            Self::Messages => "messages",
            Self::Captain => "captain",
            Self::Devlog => "devlog",
            Self::Bridge => "bridge",
            Self::Security => "security",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// One line of `runtime/logs/<channel>.log`. `event` is `room.verb` of the closed list in `runtime/README.md`, or what a
/// script calls it.
#[derive(Clone, Debug)]
pub struct Event {
    pub channel: Channel,
    pub level: Level,
    pub event: Cow<'static, str>,
    pub msg: String,
    pub agent: Option<AgentId>,
    pub id: Option<MessageId>,
    /// What else is to be said, in this order.
    pub fields: Vec<(Cow<'static, str>, Value)>,
}

/// What should follow a change. `desk` carries it out.
#[derive(Clone, Debug)]
pub enum Effect {
    Event(Event),
    Mail(Box<Draft>),
}
