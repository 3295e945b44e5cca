//! The lines of `journal.jsonl`. Each is one JSON object whose last member is its checksum; the first of a
//! generation says how to read the rest. History of the format: 1 is the first.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::names::{AgentId, Draft, MessageId, Mode};
use crate::store;
use crate::time::Timestamp;

/// Why a message is a dead letter, as its record says.
pub(super) const EXPIRED: &str = "expired";
pub(super) const ATTEMPTS: &str = "attempts";
/// As `Held::over` says; the record says what was unfit about it.
pub(super) const UNFIT: &str = "unfit";

/// The field of a letter.
pub(super) const HOPS: &str = "hops";

/// What this program writes. A higher one is read, never written to.
pub(super) const VERSION: u32 = 1;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tag {
    Open,
    Send,
    Again,
    Lease,
    Nack,
    Ack,
    Discard,
    Dead,
    Edit,
    Announced,
    Read,
    Replied,
    Noticed,
    Void,
    Key,
    Linked,
    /// Written by a newer program: skipped, kept.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One line, flat. Which fields are there follows from the tag; see `runtime/README.md`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Record<'a> {
    pub(super) t: Tag,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// Who did it; the owner of a lease.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<Cow<'a, str>>,
    /// The run of the agent that did it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) inc: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uid: Option<u32>,

    // open
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) v: Option<u32>,
    #[serde(default, rename = "gen", skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) salt: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) mailbox: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_id: Option<MessageId>,
    /// How many bytes the generation had when it began.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) born: Option<Cow<'a, str>>,

    // send, again, key
    /// The sender's key, if one was given; the message's id serves as well.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Cow<'a, str>>,
    /// It was found in the face: the key of its content there.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) adopted: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) msg: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<MessageId>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Cow<'a, str>>,
    /// How a message ended of which only the key is left.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<Cow<'a, str>>,

    // lease
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub(super) n: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) boot: Option<Cow<'a, str>>,
    /// Milliseconds of that boot's clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) until: u64,
    /// The same on the wall clock, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lapses_at: Option<Timestamp>,

    // dead, discard
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Cow<'a, str>>,

    // edit
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) fields: Option<&'a RawValue>,
    /// Hashes of the versions before this one: a stale copy of one of them is no edit.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) was: Vec<Cow<'a, str>>,

    // replied
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<MessageId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde calls")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde calls")]
const fn is_zero_u32(n: &u32) -> bool {
    *n == 0
}

impl<'a> Record<'a> {
    pub(super) fn new(t: Tag, seq: u64, at: Timestamp) -> Self {
        Self {
            t,
            seq,
            at: Some(at),
            ..Self::default()
        }
    }

    #[must_use]
    pub(super) fn by(mut self, who: &'a Who) -> Self {
        self.by = Some(who.agent.as_str().into());
        self.inc = who.incarnation.as_deref().map(Cow::Borrowed);
        self.uid = who.uid;
        self
    }

    /// `line` has no newline; its checksum has been verified.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Whose message it is, in a `send` or `key`.
    pub(super) fn sender(&self) -> Option<Cow<'_, str>> {
        #[derive(Deserialize)]
        struct From<'a> {
            #[serde(borrow)]
            from: Cow<'a, str>,
        }
        let from = self.from.as_deref().map(Cow::Borrowed);
        from.or_else(|| {
            serde_json::from_str::<From<'_>>(self.msg?.get())
                .ok()
                .map(|it| it.from)
        })
    }

    /// Appends the line, sealed.
    pub(super) fn write(&self, out: &mut Vec<u8>, salt: u64) {
        let start = out.len();
        serde_json::to_writer(&mut *out, self).expect("plain values into memory");
        // The brace that `seal` writes anew behind the checksum.
        out.pop();
        store::seal(out, start, salt);
    }
}

/// Who does something to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) agent: AgentId,
    pub(super) incarnation: Option<String>,
    pub(super) uid: Option<u32>,
}

/// A message as it was sent: what of it never changes, and its first version of the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Letter {
    pub(super) seq: u64,
    pub(super) id: MessageId,
    pub(super) from: AgentId,
    pub(super) to: AgentId,
    pub(super) mode: Mode,
    pub(super) content: String,
    pub(super) timestamp: Timestamp,
    pub(super) reply_to: Option<MessageId>,
    pub(super) thread: Option<MessageId>,
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub(super) hops: u32,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) metadata: Map<String, Value>,
    #[serde(flatten)]
    pub(super) extra: Map<String, Value>,
}

impl Letter {
    pub(super) fn new(mut draft: Draft, seq: u64, id: MessageId, at: Timestamp) -> Self {
        // They are counted, whatever somebody says.
        draft.extra.shift_remove(HOPS);
        Self {
            seq,
            id,
            from: draft.from,
            to: draft.to,
            mode: draft.mode,
            content: draft.content,
            timestamp: at,
            reply_to: draft.reply_to,
            thread: Some(draft.thread.or(draft.reply_to).unwrap_or(id)),
            hops: draft.hops,
            not_before: draft.not_before,
            expires_at: draft.expires_at,
            metadata: draft.metadata,
            extra: draft.extra,
        }
    }
}

/// What accompanies the letter in its `send`.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) adopted: Option<&'a str>,
    pub(super) inc: Option<&'a str>,
    pub(super) uid: Option<u32>,
}

impl<'r> Envelope<'r> {
    /// As far as it is filed by.
    pub(super) fn of(record: &'r Record<'_>) -> Self {
        Self {
            key: record.key.as_deref(),
            adopted: record.adopted.as_deref(),
            ..Self::default()
        }
    }
}

/// Appends a `send` without making a value of the whole message first.
pub(super) fn write_send(out: &mut Vec<u8>, envelope: &Envelope<'_>, letter: &Letter, salt: u64) {
    let start = out.len();
    out.extend_from_slice(br#"{"t":"send""#);
    for (name, value) in [
        ("key", envelope.key),
        ("adopted", envelope.adopted),
        ("inc", envelope.inc),
    ] {
        if let Some(value) = value {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            serde_json::to_writer(&mut *out, value).expect("a string into memory");
        }
    }
    if let Some(uid) = envelope.uid {
        out.extend_from_slice(format!(",\"uid\":{uid}").as_bytes());
    }
    out.extend_from_slice(b",\"msg\":");
    serde_json::to_writer(&mut *out, letter).expect("plain values into memory");
    store::seal(out, start, salt);
}

/// Appends a record of another generation, re-sealed.
pub(super) fn copy(out: &mut Vec<u8>, line: &[u8], salt: u64) {
    let start = out.len();
    out.extend_from_slice(store::unsealed(line));
    store::seal(out, start, salt);
}

pub(super) fn hex(value: u64) -> String {
    format!("{value:016x}")
}

pub(super) fn parse_hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// The first line of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) version: u32,
    pub(super) generation: u64,
    pub(super) salt: u64,
    pub(super) mailbox: AgentId,
    /// The highest number of the generations before.
    pub(super) base_seq: u64,
    pub(super) last_id: Option<MessageId>,
    /// How many bytes the generation had when it began.
    pub(super) born: u64,
    /// Bytes of this line, newline included.
    pub(super) len: u64,
}

impl Opening {
    /// Appends the line and remembers its length.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, at: Timestamp) {
        let start = out.len();
        let salt = hex(self.salt);
        let born = hex(self.born);
        let record = Record {
            t: Tag::Open,
            at: Some(at),
            v: Some(self.version),
            generation: Some(self.generation),
            salt: Some(salt.as_str().into()),
            mailbox: Some(self.mailbox.as_str().into()),
            base_seq: Some(self.base_seq),
            last_id: self.last_id,
            born: Some(born.as_str().into()),
            ..Record::default()
        };
        record.write(out, self.salt);
        self.len = (out.len() - start) as u64;
    }

    /// `None` where it is no opening line, or broken.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let record = Record::parse(line).ok()?;
        if record.t != Tag::Open {
            return None;
        }
        let salt = parse_hex(record.salt.as_deref()?)?;
        if !store::verify(line, salt) {
            return None;
        }
        Some(Self {
            version: record.v?,
            generation: record.generation?,
            salt,
            mailbox: AgentId::parse(record.mailbox.as_deref()?).ok()?,
            base_seq: record.base_seq?,
            last_id: record.last_id,
            born: record.born.as_deref().and_then(parse_hex).unwrap_or(0),
            len: line.len() as u64 + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        let id = MessageId::next(None, 1_700_000_000_000, || 5);
        let agent = AgentId::parse("agent-1").unwrap();
        let mut draft = Draft::new(AgentId::user(), agent, "hello \"you\"\n");
        draft
            .extra
            .insert("x".into(), serde_json::from_str("1e400").unwrap());
        Letter::new(draft, 17, id, Timestamp::from_unix_ms(1_700_000_000_123))
    }

    #[test]
    fn a_letter_comes_back_as_it_was_sent() {
        let sent = letter();
        let mut line = Vec::new();
        let envelope = Envelope {
            key: Some("k\"1"),
            uid: Some(1000),
            ..Envelope::default()
        };
        write_send(&mut line, &envelope, &sent, 9);
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(store::verify(&line, 9));
        let record = Record::parse(&line).unwrap();
        assert_eq!((record.t, record.key.as_deref()), (Tag::Send, Some("k\"1")));
        let read: Value = serde_json::from_str(record.msg.unwrap().get()).unwrap();
        assert_eq!(read, serde_json::to_value(&sent).unwrap());
        assert_eq!(read["thread"], read["id"]);

        let mut copied = Vec::new();
        copy(&mut copied, &line, 10);
        copied.pop();
        assert!(store::verify(&copied, 10) && !store::verify(&copied, 9));
    }

    #[test]
    fn an_opening_line_needs_its_own_salt() {
        let mut opening = Opening {
            version: VERSION,
            generation: 3,
            salt: 77,
            mailbox: AgentId::captain(),
            base_seq: 12,
            last_id: None,
            born: 0,
            len: 0,
        };
        let mut line = Vec::new();
        opening.write(&mut line, Timestamp::default());
        line.pop();
        assert_eq!(Opening::parse(&line), Some(opening));
        let broken = String::from_utf8(line).unwrap().replace("12", "13");
        assert_eq!(Opening::parse(broken.as_bytes()), None);
    }

    #[test]
    fn what_a_newer_program_writes_is_recognised_as_unknown() {
        let record = Record::parse(br#"{"t":"pinned","seq":4,"colour":"red"}"#).unwrap();
        assert_eq!((record.t, record.seq), (Tag::Unknown, 4));
    }
}
