//! A message as it stands now: what was sent, what was edited since, and what the index says of its state. Raw
//! JSON stays raw, so that unknown fields and big numbers survive as they were written.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize as _;
use serde::de::value::MapDeserializer;
use serde_json::value::RawValue;

use super::error::Error;
use super::fold::Head;
use super::journal::Journal;
use super::json::{self, Fields};
use super::message::{Message, Status};
use super::record::{self, Letter, Record};
use super::slot::{Slot, Span, State};
use crate::names::{AgentId, MessageId, Mode};
use crate::store;
use crate::time::Timestamp;

/// What nobody can change by editing: who, when, which, and what follows from the journal.
const FIXED: [&str; 9] = [
    "seq",
    "id",
    "from",
    "to",
    "timestamp",
    "status",
    "attempts",
    "rev",
    TRUNCATED,
];
pub(super) const TRUNCATED: &str = "content_truncated";
/// A longer content is shown by its beginning.
pub(super) const SHOWN_WHOLE: usize = 64 << 10;
pub(super) const SHOWN_PART: usize = 1 << 10;

/// How the names begin that `serde_json` keeps for itself: values are not what they seem there.
const RESERVED: &str = "$serde_json";

/// The same for two versions that differ only in what cannot be edited, and in spelling.
pub(super) type Version = u64;

pub(super) fn is_editable(field: &str) -> bool {
    !FIXED.contains(&field)
}

/// The fields that an edit may change, as one object.
pub(super) fn editable(fields: &Fields<'_>) -> String {
    let mut text = vec![b'{'];
    for (name, raw) in fields.iter().filter(|(name, _)| is_editable(name)) {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
        text.push(b':');
        // An editor's line breaks would end the record.
        json::compact(&mut text, raw.get());
    }
    text.push(b'}');
    String::from_utf8(text).expect("made of text")
}

pub(super) fn version(editable: &str) -> Version {
    store::sum(&json::canonical(editable), 0)
}

pub(super) struct View {
    pub(super) slot: Slot,
    line: Vec<u8>,
    /// Where in `line` the letter stands.
    letter: Range<usize>,
    edit: Option<Vec<u8>>,
}

/// `None` where the journal does not hold what the slot says.
pub(super) fn read(journal: &Journal, slot: &Slot) -> Result<Option<View>, Error> {
    read_by(|span| journal.line(span), slot)
}

/// As `read`, from somebody who knows the lines of the journal.
pub(super) fn read_by(
    mut line_at: impl FnMut(Span) -> Result<Option<Vec<u8>>, Error>,
    slot: &Slot,
) -> Result<Option<View>, Error> {
    let Some(line) = line_at(slot.send)? else {
        return Ok(None);
    };
    let edit = match slot.edit.len {
        0 => None,
        _ => match line_at(slot.edit)? {
            None => return Ok(None),
            edit => edit,
        },
    };
    let view = View::new(*slot, line, edit);
    Ok(view.is_of(slot.seq).then_some(view))
}

/// Where the letter stands in a `send`; nowhere in anything else.
fn letter_in(line: &[u8]) -> Range<usize> {
    let record = Record::parse(line).ok();
    record.and_then(|record| record.msg).map_or(0..0, |msg| {
        let begin = msg.get().as_ptr().addr() - line.as_ptr().addr();
        begin..begin + msg.get().len()
    })
}

fn may_be_reserved(raw: &str) -> bool {
    raw.contains('$') && raw.contains(RESERVED)
}

impl View {
    pub(super) fn new(slot: Slot, line: Vec<u8>, edit: Option<Vec<u8>>) -> Self {
        Self {
            slot,
            letter: letter_in(&line),
            line,
            edit,
        }
    }

    fn is_of(&self, seq: u64) -> bool {
        self.letter_seq() == Some(seq)
            && self
                .edit_record()
                .is_none_or(|r| r.seq == seq && r.fields.is_some())
    }

    fn letter_seq(&self) -> Option<u64> {
        // As we write it. Anything else is parsed.
        let first = self.raw().strip_prefix("{\"seq\":");
        if let Some(seq) = first.and_then(|rest| rest.split_once(',')?.0.parse().ok()) {
            return Some(seq);
        }
        let head: Head = serde_json::from_str(self.raw()).ok()?;
        Some(head.seq)
    }

    pub(super) fn send_line(&self) -> &[u8] {
        &self.line
    }

    fn edit_record(&self) -> Option<Record<'_>> {
        self.edit
            .as_deref()
            .and_then(|line| Record::parse(line).ok())
    }

    /// The letter as it was sent.
    fn raw(&self) -> &str {
        let letter = &self.line[self.letter.clone()];
        std::str::from_utf8(letter).expect("JSON that was parsed is text")
    }

    /// All fields as they stand now, in the order of a message; without status, attempts and rev.
    pub(super) fn fields(&self) -> Fields<'_> {
        let sent = Fields::parse(self.raw()).unwrap_or_default();
        let edit = self.edit_record().and_then(|record| record.fields);
        // The fold passes over an edit that is none, and so does this.
        let Some(edited) = edit.and_then(|edit| Fields::parse(edit.get()).ok()) else {
            return sent;
        };
        let mut all: Vec<(Cow<'_, str>, _)> = Vec::new();
        for (name, raw) in sent.0 {
            if !is_editable(&name) {
                all.push((name, raw));
            } else if let Some(raw) = edited.get(&name) {
                all.push((name, raw));
            }
        }
        for (name, raw) in edited.0 {
            if !all.iter().any(|(known, _)| *known == name) {
                all.push((name, raw));
            }
        }
        Fields(all)
    }

    /// The version that stands now, and every one before it.
    pub(super) fn versions(&self) -> Vec<Version> {
        let sent = Fields::parse(self.raw()).unwrap_or_default();
        let mut versions = vec![version(&editable(&sent))];
        if let Some(record) = self.edit_record() {
            versions.extend(record.was.iter().filter_map(|v| record::parse_hex(v)));
            versions.extend(record.fields.map(|fields| version(fields.get())));
        }
        versions
    }

    pub(super) fn message(&self) -> Message {
        let is_plain = self.edit.is_none() && !may_be_reserved(self.raw());
        if is_plain && let Ok(letter) = Letter::parse(self.raw()) {
            return self.message_of(letter);
        }
        self.message_of_fields()
    }

    fn message_of(&self, letter: Letter) -> Message {
        let mut extra = letter.extra;
        extra.retain(|name, _| is_editable(name));
        Message {
            seq: letter.seq,
            id: letter.id,
            from: letter.from,
            to: letter.to,
            mode: letter.mode,
            content: letter.content,
            timestamp: letter.timestamp,
            status: status(&self.slot),
            reply_to: letter.reply_to,
            thread: letter.thread,
            not_before: letter.not_before,
            expires_at: letter.expires_at,
            attempts: self.slot.attempts,
            metadata: letter.metadata,
            extra,
        }
    }

    /// Of an edited one, or of one that holds more than a letter may.
    fn message_of_fields(&self) -> Message {
        let fields = self.fields();
        let raw = |text: String| RawValue::from_string(text).expect("a word or a number");
        let status = raw(format!("\"{}\"", status(&self.slot).as_str()));
        let attempts = raw(self.slot.attempts.to_string());
        let mut known = vec![("status", &*status), ("attempts", &*attempts)];
        let (mut metadata, mut extra) = (serde_json::Map::new(), serde_json::Map::new());
        for (name, raw) in fields.iter() {
            if name == "metadata" {
                let fields = Fields::parse(raw.get()).unwrap_or_default();
                metadata.extend(fields.iter().map(|(name, raw)| (name.into(), value(raw))));
            } else if Message::SENT.contains(&name) {
                known.push((name, raw));
            } else if is_editable(name) {
                extra.insert(name.into(), value(raw));
            }
        }
        let known = MapDeserializer::<_, serde_json::Error>::new(known.into_iter());
        let known = Message::deserialize(known).unwrap_or_else(|_| self.as_text());
        Message {
            metadata,
            extra,
            ..known
        }
    }

    /// A letter of another shape, such as only a newer program would write: its text stands for its content.
    fn as_text(&self) -> Message {
        let head: Option<Head> = serde_json::from_str(self.raw()).ok();
        let to = self.fields().str("to");
        Message {
            seq: self.slot.seq,
            id: MessageId::from_bits(self.slot.id),
            from: head.map_or_else(AgentId::user, |head| head.from),
            to: to
                .and_then(|to| AgentId::parse(&to).ok())
                .unwrap_or_else(AgentId::user),
            mode: Mode::Normal,
            content: self.raw().to_owned(),
            timestamp: Timestamp::default(),
            status: status(&self.slot),
            reply_to: None,
            thread: None,
            not_before: None,
            expires_at: None,
            attempts: self.slot.attempts,
            metadata: serde_json::Map::new(),
            extra: serde_json::Map::new(),
        }
    }
}

/// An object with a name that the parser keeps for itself makes no value: then its text stands for it.
fn value(raw: &RawValue) -> serde_json::Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())
}

/// What a reader is told. A leased message is one that somebody has read.
pub(super) const fn status(slot: &Slot) -> Status {
    match slot.state {
        State::Queued => Status::Queued,
        State::Announced => Status::Announced,
        State::Read => Status::Read,
        State::Acked => Status::Acked,
        State::Discarded | State::Void => Status::Discarded,
        State::Expired => Status::Expired,
        State::Dead => Status::Dead,
    }
}
