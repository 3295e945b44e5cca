//! Who exists, as plain values: ids, aliases, roles, and how often a pair may repeat itself. Parsed by
//! `agents`, asked by everybody.

use serde::{Deserialize, Serialize};

use super::AgentId;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    pub agents: Vec<RosterEntry>,
    #[serde(default)]
    pub limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RosterEntry {
    pub id: AgentId,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub escalate_to: Option<AgentId>,
}

/// The loop breaker's settings, per pair of agents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub replies_per_message: u32,
    pub similar_window: u32,
    pub similarity: f64,
    /// Seconds that both rules look back.
    pub within: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            replies_per_message: 3,
            similar_window: 5,
            similarity: 0.9,
            within: 600,
        }
    }
}

/// Nobody, or more than one, answers to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownName {
    /// The nearest names, if any is near.
    Nobody {
        asked: String,
        nearest: Vec<AgentId>,
        highest: Option<AgentId>,
    },
    Ambiguous {
        asked: String,
        candidates: Vec<AgentId>,
    },
}
