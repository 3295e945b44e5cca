//! What a button says when it is pressed: its `custom_id`, of at most 100 characters. Pure.

use std::fmt;

use crate::names::AgentId;
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Press {
    /// The list of agents anew.
    Agents,
    /// The same, of those that are not well.
    Problems,
    /// Whether it is to be stopped: nothing is stopped by one press.
    AskStop {
        agent: AgentId,
    },
    /// Stop it; shown to be confirmed until then.
    Stop {
        agent: AgentId,
        until: Timestamp,
    },
    /// Send what was shown to all; by the name under which it waits.
    Broadcast {
        waiting: u64,
    },
    /// Nothing after all.
    Cancel,
    /// Somebody looks after that incident.
    Ack {
        incident: String,
    },
    /// No word of that incident for an hour.
    Silence {
        incident: String,
    },
    /// What a person was asked for: whether it may be done.
    Approve {
        id: String,
    },
    Decline {
        id: String,
    },
}

impl Press {
    pub(super) fn parse(id: &str) -> Option<Self> {
        let (what, of) = id.split_once(' ').unwrap_or((id, ""));
        let is_name = |text: &str| {
            let fits = |it: u8| it.is_ascii_alphanumeric() || b"._:/-".contains(&it);
            !text.is_empty() && text.bytes().all(fits)
        };
        let name = || is_name(of).then(|| of.to_owned());
        Some(match what {
            "agents" => Self::Agents,
            "problems" => Self::Problems,
            "stop" => {
                let (agent, until) = of.split_once(' ')?;
                Self::Stop {
                    agent: AgentId::parse(agent).ok()?,
                    until: Timestamp::parse(until)?,
                }
            }
            "broadcast" => Self::Broadcast {
                waiting: of.parse().ok()?,
            },
            "cancel" => Self::Cancel,
            "ack" => Self::Ack { incident: name()? },
            "ask-stop" => Self::AskStop {
                agent: AgentId::parse(of).ok()?,
            },
            "silence" => Self::Silence { incident: name()? },
            "approve" => Self::Approve { id: name()? },
            "decline" => Self::Decline { id: name()? },
            _ => return None,
        })
    }

    /// As the record of who did what spells it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Problems => "problems",
            Self::AskStop { .. } => "ask-stop",
            Self::Stop { .. } => "stop",
            Self::Broadcast { .. } => "broadcast",
            Self::Cancel => "cancel",
            Self::Ack { .. } => "ack",
            Self::Silence { .. } => "silence",
            Self::Approve { .. } => "approve",
            Self::Decline { .. } => "decline",
        }
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Agents | Self::Problems | Self::Cancel => f.write_str(name),
            Self::Stop { agent, until } => write!(f, "{name} {agent} {until}"),
            Self::Broadcast { waiting } => write!(f, "{name} {waiting}"),
            Self::AskStop { agent } => write!(f, "{name} {agent}"),
            Self::Ack { incident: id }
            | Self::Silence { incident: id }
            | Self::Approve { id }
            | Self::Decline { id } => {
                write!(f, "{name} {id}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_what_it_was_made_for() {
        let longest = AgentId::parse(&"a".repeat(64)).unwrap();
        let until = Timestamp::parse("2026-11-22T12:00:00.000Z").unwrap();
        for press in [
            Press::Agents,
            Press::Problems,
            Press::Stop {
                agent: longest,
                until,
            },
            Press::Broadcast { waiting: u64::MAX },
            Press::Cancel,
            Press::Ack {
                incident: "task.failed:t5".into(),
            },
            Press::AskStop {
                agent: AgentId::captain(),
            },
            Press::Silence {
                incident: "agent.fatal:agent-1".into(),
            },
            Press::Approve { id: "3f2a".into() },
            Press::Decline { id: "3f2a".into() },
        ] {
            let id = press.to_string();
            assert!((1..=100).contains(&id.len()), "{id}");
            assert_eq!(Press::parse(&id), Some(press));
        }
    }

    #[test]
    fn what_nobody_made_is_no_button() {
        for id in [
            "",
            "stop",
            "stop agent-1",
            "stop ../x 2026-11-22T12:00:00.000Z",
            "ack",
            "approve",
            "approve a b",
            "rm",
        ] {
            assert_eq!(Press::parse(id), None, "{id}");
        }
    }
}
