//! A message that nobody has accepted yet.

use serde_json::{Map, Value};

use super::{AgentId, MessageId, Mode};
use crate::time::Timestamp;

/// The field of a message whose content only its recipient can read, and what it says: how that was sealed.
pub const SEALED: &str = "sealed";
const AGE: &str = "age";
/// What readers are told of such a one: whether its content is what was sealed, in plain text, and if not, why.
pub const OPENED: &str = "opened";
pub const UNOPENED_WHY: &str = "unopened_why";

#[derive(Clone, Debug)]
pub struct Draft {
    pub from: AgentId,
    /// Other names that the sender had: with the same key it is the same message under those as well.
    pub formerly: Vec<AgentId>,
    pub to: AgentId,
    pub mode: Mode,
    pub content: String,
    /// The same key from the same sender within 7 days is the same message.
    pub key: Option<String>,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub metadata: Map<String, Value>,
    /// Fields that this version does not know: kept beside the known ones.
    pub extra: Map<String, Value>,
}

impl Draft {
    pub fn new(from: AgentId, to: AgentId, content: impl Into<String>) -> Self {
        Self {
            from,
            formerly: Vec::new(),
            to,
            mode: Mode::Normal,
            content: content.into(),
            key: None,
            reply_to: None,
            thread: None,
            not_before: None,
            expires_at: None,
            metadata: Map::new(),
            extra: Map::new(),
        }
    }

    /// Its content is this from now on: what it said, sealed.
    pub fn seal(&mut self, sealed: String) {
        self.content = sealed;
        self.extra.insert(SEALED.into(), AGE.into());
    }

    pub fn is_sealed(&self) -> bool {
        self.extra.contains_key(SEALED)
    }
}
