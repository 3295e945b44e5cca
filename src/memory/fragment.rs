//! One memory, and how it stands in its line.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tell::Insight;
use crate::time::Timestamp;

/// What happened, as somebody told it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fragment {
    /// The caller's own, or made of where it was found; once in a home.
    pub memory_id: String,
    /// When it happened.
    pub timestamp: Timestamp,
    pub ingested_at: Timestamp,
    pub agent_id: String,
    /// `message`, `task`, `event`, `log`, `devlog`, `summary`, or whatever the caller says.
    #[serde(rename = "type")]
    pub kind: String,
    pub content: String,
    /// `task_id`, `thread`, `reply_to`, `message_id`, `channel` and whatever else its source knows.
    pub context: Map<String, Value>,
    pub insights: Vec<Insight>,
    /// To older fragments, best first.
    pub connections: Vec<Connection>,
    pub narrative_weight: f64,
    /// The template of its text, if it is a line like others.
    pub template: Option<String>,
    /// What a newer program or a person wrote beside, kept as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Why two fragments belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// The older one.
    pub id: String,
    pub reason: Reason,
    /// 0 to 1.
    pub score: f64,
}

/// In the order of their strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Both name the same task.
    Task,
    /// Both are of the same thread of mail.
    Thread,
    /// It answers the other.
    Reply,
    /// Both name something that few others name: a commit, a branch, a file, an id.
    Identifier,
    /// One addresses the other's agent, or both the same one.
    Addressed,
    /// The agent goes on with what it said itself a moment before.
    OwnTurn,
    /// Both speak of the same, and not long after one another.
    Similar,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFragment(pub String);

impl Fragment {
    /// A text of the context, if it is there and not empty.
    pub fn context_text(&self, key: &str) -> Option<&str> {
        said(&self.context, key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }
}

/// What a context says by that key. To compare a few keys takes less than to make a sum of one.
pub(super) fn said<'c>(context: &'c Map<String, Value>, key: &str) -> Option<&'c Value> {
    const FEW: usize = 12;
    if context.len() > FEW {
        return context.get(key);
    }
    let mut all = context.iter();
    all.find(|(it, _)| *it == key).map(|(_, value)| value)
}
