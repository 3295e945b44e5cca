//! A message as readers see it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::metadata::Metadata;
use crate::names::{AgentId, MessageId, Mode, Origin, SEALED, TAINT};
use crate::time::Timestamp;

/// Where a message stands. "Sent" never means "read".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Queued,
    Announced,
    Read,
    Acked,
    Discarded,
    Expired,
    Dead,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Announced => "announced",
            Self::Read => "read",
            Self::Acked => "acked",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

    pub const fn is_pending(self) -> bool {
        match self {
            Self::Queued | Self::Announced | Self::Read => true,
            Self::Acked | Self::Discarded | Self::Expired | Self::Dead => false,
        }
    }
}

/// Field order is the order in every document that we write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub seq: u64,
    pub id: MessageId,
    pub from: AgentId,
    pub to: AgentId,
    pub mode: Mode,
    pub content: String,
    pub timestamp: Timestamp,
    pub status: Status,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    /// How many answers lead to it, itself included: 0, which is not written, where it answers nobody or is a person's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// How often it was leased.
    pub attempts: u32,
    #[serde(skip_deserializing)]
    pub metadata: Metadata,
    /// What a newer version or a foreign script wrote beside the known fields. Read apart, as metadata is: serde's
    /// `flatten` takes no number beyond 64 bits, and a map refuses what it has no value for.
    #[serde(flatten, skip_deserializing)]
    pub extra: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde calls")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Message {
    /// Whose text from outside had to do with it.
    pub fn taint(&self) -> Option<Origin> {
        let said = self.extra.get(TAINT)?.as_str().unwrap_or_default();
        // What somebody changed by hand into no origin taints all the same.
        Some(Origin::parse(said).unwrap_or_else(|_| Origin::unknown()))
    }

    /// What the letter itself says of it, beside its metadata.
    pub(super) const SENT: [&str; 11] = [
        "seq",
        "id",
        "from",
        "to",
        "mode",
        "content",
        "timestamp",
        "reply_to",
        "thread",
        "not_before",
        "expires_at",
    ];

    /// Its content is for its recipient alone, and no text that anybody else could read.
    pub fn is_sealed(&self) -> bool {
        self.extra.contains_key(SEALED)
    }
}

/// The one place where a message lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub mailbox: AgentId,
    pub seq: u64,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.mailbox, self.seq)
    }
}

/// An accepted message. What was accepted is durable.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Address,
    pub id: MessageId,
    /// Given, or the id: with it a retry never delivers twice.
    pub key: String,
    /// The key was known: this is the message of the first time.
    pub repeated: bool,
    /// How far it has come; `None` where only its key is left of it.
    pub status: Option<Status>,
    /// How many messages now wait in that mailbox.
    pub pending: u64,
    /// What went wrong beside the message itself: it was accepted all the same.
    pub warnings: Vec<String>,
}

/// A message under a lease.
#[derive(Clone, Debug)]
pub struct Taken {
    pub message: Message,
    /// `id:n`, proves that an ack belongs to this lease and not to an earlier one.
    pub token: String,
    pub lapses_at: Timestamp,
}

/// One thing that happened to a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub at: Timestamp,
    /// `queued`, `announced`, `read`, `leased`, `nacked`, `acked`, `replied`, `edited`, `discarded`, `expired`,
    /// `dead`, `noticed`.
    pub what: &'static str,
    pub by: Option<String>,
    pub detail: Option<String>,
}

/// Who has seen a message, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct History {
    pub message: Message,
    pub lease: Option<Lease>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lease {
    pub owner: AgentId,
    pub incarnation: Option<String>,
    pub token: String,
    pub lapses_at: Timestamp,
}

/// How many wait, for a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub pending: u64,
    pub urgent: u64,
    pub leased: u64,
}
