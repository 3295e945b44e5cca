//! A message as it stands now: what was sent, what was edited since, and what the index says of its state. Raw
//! JSON stays raw, so that unknown fields and big numbers survive as they were written.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde_json::value::{RawValue, to_raw_value};

use super::attach;
use super::error::Error;
use super::fold::Head;
use super::journal::Journal;
use super::json::{self, Fields};
use super::message::{Message, Status};
use super::metadata::Metadata;
use super::record::{self, HOPS, Record};
use super::slot::{Slot, State};
use crate::names::{AgentId, MessageId, Mode};
use crate::store::{self, Dir};
use crate::time::Timestamp;

/// What nobody can change by editing: who, when, which, and what follows from the journal.
const FIXED: [&str; 10] = [
    "seq",
    "id",
    "from",
    "to",
    "timestamp",
    HOPS,
    "status",
    "attempts",
    "rev",
    TRUNCATED,
];
pub(super) const TRUNCATED: &str = "content_truncated";
/// A longer content is shown by its beginning.
pub(super) const SHOWN_WHOLE: usize = 64 << 10;
pub(super) const SHOWN_PART: usize = 1 << 10;

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

/// Where a mailbox lies and whose it is. A letter names what was so when it came; the mailbox may have got another
/// name since.
#[derive(Debug)]
pub(super) struct Place {
    agent: AgentId,
    /// The same as JSON.
    to: Box<RawValue>,
    dir: PathBuf,
}

impl Place {
    /// `None` where the directory is not called as an agent is.
    pub(super) fn of(dir: &Dir) -> Option<Arc<Self>> {
        let dir = dir.path();
        let agent = AgentId::parse(dir.file_name()?.to_str()?).ok()?;
        Some(Arc::new(Self {
            to: to_raw_value(&agent).ok()?,
            agent,
            dir: dir.into(),
        }))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

pub(super) struct View {
    pub(super) slot: Slot,
    line: Vec<u8>,
    /// Where in `line` the letter stands.
    letter: Range<usize>,
    edit: Option<Vec<u8>>,
    place: Option<Arc<Place>>,
    /// The metadata, where they name what lay elsewhere when they were written.
    metadata: OnceCell<Option<Box<RawValue>>>,
}

/// A letter that holds nothing unknown, as nearly all do: read in half the time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    seq: u64,
    id: MessageId,
    from: AgentId,
    to: AgentId,
    mode: Mode,
    content: String,
    timestamp: Timestamp,
    reply_to: Option<MessageId>,
    thread: Option<MessageId>,
    #[serde(default)]
    hops: u32,
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    metadata: Metadata,
}

impl Plain {
    fn message(self, slot: &Slot, place: Option<&Place>) -> Message {
        let moved = place.and_then(|place| relocated(self.metadata.raw(), place));
        Message {
            seq: self.seq,
            id: self.id,
            from: self.from,
            to: place.map_or(self.to, |place| place.agent.clone()),
            mode: self.mode,
            content: self.content,
            timestamp: self.timestamp,
            status: status(slot),
            reply_to: self.reply_to,
            thread: self.thread,
            hops: self.hops,
            not_before: self.not_before,
            expires_at: self.expires_at,
            attempts: slot.attempts,
            metadata: moved.map_or(self.metadata, Metadata::from),
            extra: serde_json::Map::new(),
        }
    }
}

/// Metadata with the paths that attachments have here; `None` where they stand in it already.
fn relocated(metadata: &str, place: &Place) -> Option<Box<RawValue>> {
    // Most have none, and are not read for it.
    let has_files = metadata.contains("\"attachments\"");
    has_files.then(|| attach::relocated(metadata, place.dir()))?
}

/// A message from the line of its `send`, in one go: if that was never edited and holds nothing unknown.
pub(super) fn plain(line: &[u8], slot: &Slot, place: Option<&Place>) -> Option<Message> {
    #[derive(Deserialize)]
    struct Send {
        msg: Plain,
    }
    let letter = serde_json::from_slice::<Send>(line).ok()?.msg;
    (slot.edit.len == 0 && letter.seq == slot.seq).then(|| letter.message(slot, place))
}

/// `None` where the journal does not hold what the slot says.
pub(super) fn read(journal: &Journal, slot: &Slot) -> Result<Option<View>, Error> {
    let Some(line) = journal.line(slot.send)? else {
        return Ok(None);
    };
    let edit = match slot.edit.len {
        0 => None,
        _ => match journal.line(slot.edit)? {
            None => return Ok(None),
            edit => edit,
        },
    };
    let view = View::new(*slot, line, edit, journal.place.clone());
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

impl View {
    pub(super) fn new(
        slot: Slot,
        line: Vec<u8>,
        edit: Option<Vec<u8>>,
        place: Option<Arc<Place>>,
    ) -> Self {
        Self {
            slot,
            letter: letter_in(&line),
            line,
            edit,
            place,
            metadata: OnceCell::new(),
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
        let mut fields = self.written();
        if let Some(place) = &self.place {
            for (name, raw) in &mut fields.0 {
                match &**name {
                    "to" => *raw = &place.to,
                    "metadata" => {
                        let moved = || relocated(raw.get(), place);
                        *raw = self.metadata.get_or_init(moved).as_deref().unwrap_or(raw);
                    }
                    _ => {}
                }
            }
        }
        fields
    }

    /// The same as it was written.
    fn written(&self) -> Fields<'_> {
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
        let now = self.fields();
        if self.metadata.get().is_some_and(Option::is_some) {
            versions.push(version(&editable(&now)));
        }
        versions
    }

    pub(super) fn message(&self) -> Message {
        if self.edit.is_none()
            && let Ok(letter) = serde_json::from_str::<Plain>(self.raw())
        {
            return letter.message(&self.slot, self.place.as_deref());
        }
        self.message_of_fields()
    }

    /// Of an edited one, or of one that holds more than a letter may.
    fn message_of_fields(&self) -> Message {
        let fields = self.fields();
        let raw = |text: String| RawValue::from_string(text).expect("a word or a number");
        let status = raw(format!("\"{}\"", status(&self.slot).as_str()));
        let attempts = raw(self.slot.attempts.to_string());
        let mut known = vec![("status", &*status), ("attempts", &*attempts)];
        let (mut metadata, mut extra) = (Metadata::default(), serde_json::Map::new());
        let mut hops = 0;
        for (name, raw) in fields.iter() {
            if name == "metadata" {
                metadata = Metadata::deserialize(raw).unwrap_or_default();
            } else if name == HOPS {
                // A field of this name that is no number is not ours.
                hops = raw.get().parse().unwrap_or(0);
            } else if Message::SENT.contains(&name) {
                known.push((name, raw));
            } else if is_editable(name) {
                extra.insert(name.into(), json::value(raw));
            }
        }
        let known = MapDeserializer::<_, serde_json::Error>::new(known.into_iter());
        let known = Message::deserialize(known).unwrap_or_else(|_| self.as_text());
        Message {
            hops,
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
            hops: 0,
            not_before: None,
            expires_at: None,
            attempts: self.slot.attempts,
            metadata: Metadata::default(),
            extra: serde_json::Map::new(),
        }
    }
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
