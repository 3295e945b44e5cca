//! A message that nobody has accepted yet.

use serde_json::{Map, Value};

use super::{AgentId, MessageId, Mode, Origin};
use crate::time::Timestamp;

/// The fields of a message that say where its text came from, and by whose text it, or what it answers, was touched.
pub const ORIGIN: &str = "origin";
pub const TAINT: &str = "taint";

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
    /// How many answers lead to it, itself included; 0: it answers nobody, or it is a person's. In anybody else's answer 0
    /// means that nobody has looked yet: the desk does when it sends.
    pub hops: u32,
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
            hops: 0,
            not_before: None,
            expires_at: None,
            metadata: Map::new(),
            extra: Map::new(),
        }
    }

    /// Its text is of somebody outside.
    pub fn comes_from(&mut self, origin: &Origin) {
        self.extra.insert(ORIGIN.into(), origin.as_str().into());
        self.taint(origin);
    }

    /// Text from outside had to do with it: no ground for what needs a right of its own. The first one stays.
    pub fn taint(&mut self, by: &Origin) {
        self.extra
            .entry(TAINT)
            .or_insert_with(|| by.as_str().into());
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
