//! What a person or a foreign script did to `inbox.json`, taken over into the journal: edits, new entries,
//! removals. Nothing here writes the face; what is decided is pushed into the held journal's next write.
//!
//! A stale copy must change nothing: what it shows was shown before, and what it lacks it may never have seen.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::Error;
use super::face;
use super::held::{Held, Known};
use super::import::{self, Foreign, Source};
use super::json::{self, Fields, Item};
use super::message::Address;
use super::record::{Envelope, HOPS, Letter, Record, Tag, Who, hex};
use super::send::{MOST_CONTENT, must_fit};
use super::slot::Slot;
use super::stamp::Shown;
use super::view::{self, TRUNCATED, View};
use crate::names::{AgentId, Draft, MessageId, Mode};
use crate::time::{Now, Timestamp};

/// Larger files are set aside unread.
pub(super) const MOST_BYTES: u64 = 100 << 20;
/// The fields of one edited message: with its content within what the journal's reader takes for a line.
const MOST_EDIT: usize = 10 << 20;
/// An empty array discards only what its writer had time to see.
const SEEN_FOR_US: u64 = 2_000_000;

/// What the file at hand was made from, as far as we remember.
pub(super) struct Memory<'a> {
    /// The newest rendering.
    pub(super) rev: u64,
    pub(super) shown: &'a [Shown],
    /// When the file was written, in microseconds of the wall clock.
    pub(super) written_us: u64,
    /// Exactly what an editor was given: then whatever differs from it is meant, going back included.
    pub(super) given: HashMap<u128, view::Version>,
}

/// What a merge came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) edited: Vec<u64>,
    pub(super) adopted: Vec<u64>,
    pub(super) discarded: Vec<u64>,
    pub(super) known: u64,
    /// What could not be taken over: the file must be kept.
    pub(super) refused: Vec<String>,
}

/// A file, read as far as that needs no mailbox.
pub(super) enum Content<'a> {
    /// Absent, empty or lost in a power cut: never "everything was removed".
    Nothing,
    Entries(Vec<Item<'a>>),
    /// Another shape that the original wrote, whole.
    Other(Vec<Foreign>),
}

pub(super) fn read<'a>(bytes: &'a [u8], agent: &AgentId) -> Result<Content<'a>, json::Fault> {
    if bytes.iter().all(|&b| b == 0 || b.is_ascii_whitespace()) {
        return Ok(Content::Nothing);
    }
    json::items(bytes).map(Content::Entries).or_else(|fault| {
        if json::depth(bytes).is_err() {
            return Err(fault);
        }
        let parsed = import::read(bytes, &source(agent));
        if parsed.unread.is_empty() && !parsed.mail.is_empty() {
            return Ok(Content::Other(parsed.mail));
        }
        Err(fault)
    })
}

fn source(agent: &AgentId) -> Source {
    Source {
        file_name: "inbox.json".into(),
        folder: Some(agent.as_str().into()),
        sender: None,
    }
}

/// Which rendering the file was made from: the highest number in it that we gave.
fn base(items: &[Item<'_>], memory: &Memory<'_>) -> Option<u64> {
    items
        .iter()
        .filter_map(|item| item.fields.get("rev")?.get().parse().ok())
        .filter(|rev| *rev <= memory.rev)
        .max()
}

/// What is to be done with an entry that carries an id of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As some face showed it.
    Same,
    Edit,
    /// Edited while somebody works on it.
    Busy,
    /// Closed meanwhile: the file is older than that.
    Ghost,
}

fn judge(slot: &Slot, given: view::Version, versions: &[view::Version]) -> Verdict {
    if !slot.state.is_pending() {
        Verdict::Ghost
    } else if versions.contains(&given) {
        Verdict::Same
    } else if slot.lease_until != 0 {
        Verdict::Busy
    } else {
        Verdict::Edit
    }
}

/// Takes over what differs. `memory` is `None` where we remember nothing: then nothing counts as removed.
pub(super) fn merge<'h>(
    held: &'h mut Held<'_>,
    agent: &'h AgentId,
    content: &Content<'_>,
    memory: Option<&'h Memory<'_>>,
    who: &'h Who,
    now: Now,
) -> Result<Outcome, Error> {
    let mut merge = Merge {
        held,
        agent,
        who,
        now,
        given: memory.map(|memory| &memory.given),
        present: HashSet::new(),
        out: Outcome::default(),
    };
    match content {
        Content::Nothing => return Ok(merge.out),
        Content::Other(mail) => merge.adopt(mail.clone(), None)?,
        Content::Entries(items) => {
            let base = memory.and_then(|memory| base(items, memory));
            let foreign = merge.ours(items)?;
            merge.foreign(&foreign, base)?;
            if let Some(memory) = memory {
                merge.removed(items.is_empty(), base, memory)?;
            }
        }
    }
    Ok(merge.out)
}

struct Merge<'h, 'm> {
    held: &'h mut Held<'m>,
    agent: &'h AgentId,
    who: &'h Who,
    now: Now,
    given: Option<&'h HashMap<u128, view::Version>>,
    present: HashSet<u128>,
    out: Outcome,
}

impl Merge<'_, '_> {
    /// Deals with the entries that are messages of this mailbox; returns the others.
    fn ours<'i>(&mut self, items: &'i [Item<'i>]) -> Result<Vec<&'i Item<'i>>, Error> {
        let mut foreign = Vec::new();
        let mut seen: HashMap<u128, Vec<u8>> = HashMap::new();
        for item in items {
            let id = item
                .fields
                .str("id")
                .and_then(|id| MessageId::parse(&id).ok());
            let Some(id) = id else {
                foreign.push(item);
                continue;
            };
            if let Some(slot) = self.held.ask(|index| index.by_id(id.bits()))? {
                let canonical = json::canonical(item.raw);
                match seen.get(&id.bits()) {
                    Some(first) if *first == canonical => {}
                    // A copy that was changed is a new message.
                    Some(_) => foreign.push(item),
                    None => {
                        seen.insert(id.bits(), canonical);
                        self.present.insert(id.bits());
                        self.one_of_ours(&slot, item)?;
                    }
                }
            } else if self.is_ghost(id, &item.fields)? {
                self.out.known += 1;
            } else {
                foreign.push(item);
            }
        }
        Ok(foreign)
    }

    /// Our own form with a number that was given already: it was closed and pruned since.
    fn is_ghost(&mut self, id: MessageId, fields: &Fields<'_>) -> Result<bool, Error> {
        let number = |name| {
            fields
                .get(name)
                .and_then(|raw| raw.get().parse::<u64>().ok())
        };
        let was_ours = number("rev").is_some()
            && number("seq").is_some_and(|seq| seq <= self.held.index.last_seq());
        Ok(was_ours || self.held.known(self.agent, &id.to_string())?.is_some())
    }

    fn one_of_ours(&mut self, slot: &Slot, item: &Item<'_>) -> Result<(), Error> {
        if !slot.state.is_pending() {
            self.out.known += 1;
            return Ok(());
        }
        let view = self.held.view(slot)?;
        let versions = view.versions();
        let given = match edited_fields(&view, &item.fields) {
            Ok(given) => given,
            Err(why) => {
                self.refuse(item, &why);
                return Ok(());
            }
        };
        let content = item.fields.str("content").unwrap_or_default();
        if content.len() > MOST_CONTENT {
            self.refuse(item, "its content is longer than 1 MiB: use --file");
            return Ok(());
        }
        let version = view::version(&given);
        let known = self.given.and_then(|given| given.get(&slot.id));
        let verdict = match known {
            Some(known) => judge(slot, version, &[*known]),
            None => judge(slot, version, &versions),
        };
        match verdict {
            Verdict::Same | Verdict::Ghost => self.out.known += 1,
            Verdict::Busy => self.refuse(
                item,
                &format!("{} is being worked on: not changed", self.address(slot.seq)),
            ),
            Verdict::Edit if given.len() > MOST_EDIT => {
                self.refuse(item, &format!("an edit of {} bytes", given.len()));
            }
            Verdict::Edit => {
                let fields: Box<RawValue> =
                    RawValue::from_string(given).expect("made of valid parts");
                let was = versions.iter().map(|v| Cow::Owned(hex(*v))).collect();
                let record = Record {
                    fields: Some(&fields),
                    was,
                    ..Record::new(Tag::Edit, slot.seq, self.now.wall)
                };
                self.held.push(&record.by(self.who));
                self.out.edited.push(slot.seq);
            }
        }
        Ok(())
    }

    fn address(&self, seq: u64) -> Address {
        Address {
            mailbox: self.agent.clone(),
            seq,
        }
    }

    fn refuse(&mut self, item: &Item<'_>, why: &str) {
        let place = format!("line {}, column {}: {why}", item.line, item.column);
        self.out.refused.push(place);
    }

    /// Entries that we never wrote.
    fn foreign(&mut self, items: &[&Item<'_>], base: Option<u64>) -> Result<(), Error> {
        if items.is_empty() {
            return Ok(());
        }
        let raws: Vec<&str> = items.iter().map(|item| item.raw).collect();
        let text = format!("[{}]", raws.join(","));
        let parsed = import::read(text.as_bytes(), &source(self.agent));
        for unread in &parsed.unread {
            let item = items
                .iter()
                .find(|item| item.raw.starts_with(unread.head.trim_end()));
            match item {
                Some(item) => self.refuse(item, &unread.why),
                None => self.out.refused.push(unread.why.clone()),
            }
        }
        self.adopt(parsed.mail, base)
    }

    fn adopt(&mut self, mail: Vec<Foreign>, base: Option<u64>) -> Result<(), Error> {
        // How many of equal, nameless entries this file may still show of those adopted before.
        let mut old: HashMap<String, u64> = HashMap::new();
        for mail in mail {
            let lasting = mail.foreign_id.is_some() || mail.timestamp.is_some();
            let identity = match mail.key.rsplit_once(':') {
                Some((identity, _)) if !lasting => identity.to_owned(),
                _ => mail.key.clone(),
            };
            let known = if lasting {
                self.held.adopted(&identity)?.is_some()
            } else {
                let left = match old.get(&identity) {
                    Some(left) => *left,
                    None => self.adopted_since(&identity, base)?,
                };
                old.insert(identity.clone(), left.saturating_sub(1));
                left > 0
            };
            if known {
                self.out.known += 1;
            } else {
                self.accept(mail, &identity);
            }
        }
        Ok(())
    }

    /// How many were adopted from equal content and first shown after the file's base.
    fn adopted_since(&mut self, identity: &str, base: Option<u64>) -> Result<u64, Error> {
        let mut count = 0;
        let mut next = self.held.adopted(identity)?;
        while let Some(Known::Here(slot)) = next {
            let after = slot.shown == 0 || base.is_some_and(|base| slot.shown > base);
            count += u64::from(after);
            next = match slot.prev_alike {
                0 => None,
                seq => self.held.slot(seq)?.map(Known::Here),
            };
        }
        Ok(count)
    }

    fn accept(&mut self, mail: Foreign, identity: &str) {
        let handled = mail.handled;
        let timestamp = mail.timestamp;
        let draft = draft(self.agent, mail);
        if let Err(error) = must_fit(&draft) {
            self.out.refused.push(error.to_string());
            return;
        }
        let (seq, id) = self.held.mint(self.now);
        let letter = Letter::new(draft, seq, id, timestamp.unwrap_or(self.now.wall));
        let envelope = Envelope {
            adopted: Some(identity),
            inc: None,
            uid: self.who.uid,
            key: None,
        };
        self.held.push_send(&letter, &envelope);
        if handled {
            let record = Record::new(Tag::Ack, seq, self.now.wall);
            self.held.push(&record.by(self.who));
        }
        self.out.adopted.push(seq);
    }

    fn removed(
        &mut self,
        is_empty: bool,
        base: Option<u64>,
        memory: &Memory<'_>,
    ) -> Result<(), Error> {
        let seen_until = match (base, is_empty) {
            (Some(base), _) => base,
            (None, true) => memory.written_us.saturating_sub(SEEN_FOR_US),
            (None, false) => return Ok(()),
        };
        for shown in memory.shown {
            if shown.since > seen_until || self.present.contains(&shown.id) {
                continue;
            }
            let Some(slot) = self.held.slot(shown.seq)? else {
                continue;
            };
            if slot.id == shown.id && slot.state.is_pending() {
                let record = Record {
                    why: Some("removed".into()),
                    ..Record::new(Tag::Discard, slot.seq, self.now.wall)
                };
                self.held.push(&record.by(self.who));
                self.out.discarded.push(slot.seq);
            }
        }
        Ok(())
    }
}

/// What a foreign entry becomes.
pub(super) fn draft(agent: &AgentId, mail: Foreign) -> Draft {
    let mut metadata = mail.metadata;
    let mut original = match metadata.remove("original") {
        Some(Value::Object(original)) => original,
        Some(other) => Map::from_iter([("original".into(), other)]),
        None => Map::new(),
    };
    let mut take = |name: &str| original.remove(name);
    let id = |value: Option<Value>| value.and_then(|v| MessageId::parse(v.as_str()?).ok());
    let time = |value: Option<Value>| value.and_then(|v| Timestamp::parse(v.as_str()?));
    let reply_to = id(take("reply_to"));
    let thread = id(take("thread"));
    let not_before = time(take("not_before"));
    let expires_at = time(take("expires_at"));
    for ours in ["seq", "rev", "status", "attempts", HOPS, TRUNCATED] {
        if ours != "status" || original.get("status").and_then(Value::as_str) == Some("queued") {
            original.remove(ours);
        }
    }
    let from = mail.from.as_deref().and_then(import::canonical_name);
    if let (None, Some(written)) = (&from, &mail.from) {
        original.insert("from".into(), written.as_str().into());
    }
    if let Some(to) = mail.to.as_deref()
        && import::canonical_name(to).as_ref() != Some(agent)
    {
        original.insert("to".into(), to.into());
    }
    if !original.is_empty() {
        metadata.insert("original".into(), original.into());
    }
    let mut extra = Map::new();
    if let Some(id) = mail.foreign_id {
        extra.insert("foreign_id".into(), id.into());
    }
    Draft {
        mode: mail.mode,
        reply_to,
        thread,
        not_before,
        expires_at,
        metadata,
        extra,
        ..Draft::new(
            from.unwrap_or_else(AgentId::user),
            agent.clone(),
            mail.content,
        )
    }
}

/// The editable fields that an entry asks for, checked and completed; `Err` says what is wrong with them.
fn edited_fields(view: &View, given: &Fields<'_>) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Checked {
        #[serde(rename = "mode")]
        _mode: Mode,
        #[serde(rename = "content")]
        _content: String,
        #[serde(rename = "reply_to")]
        _reply_to: Option<MessageId>,
        #[serde(rename = "thread")]
        _thread: Option<MessageId>,
        #[serde(rename = "not_before")]
        _not_before: Option<Timestamp>,
        #[serde(rename = "expires_at")]
        _expires_at: Option<Timestamp>,
        #[serde(rename = "metadata")]
        _metadata: Map<String, Value>,
    }
    let now = view.fields();
    let is_beginning = given.get(TRUNCATED).is_some_and(|raw| raw.get() == "true")
        && now.str("content").is_some_and(|whole| {
            given
                .str("content")
                .is_some_and(|shown| *shown == *face::beginning(&whole))
        });
    let mut all: Vec<(Cow<'_, str>, &RawValue)> = Vec::new();
    for known in [
        "mode",
        "content",
        "reply_to",
        "thread",
        "not_before",
        "expires_at",
        "metadata",
    ] {
        let theirs = given
            .get(known)
            .filter(|_| !(known == "content" && is_beginning));
        if let Some(raw) = theirs.or_else(|| now.get(known)) {
            all.push((known.into(), raw));
        }
    }
    for (name, raw) in given.iter().filter(|(name, _)| view::is_editable(name)) {
        if !all.iter().any(|(known, _)| known == name) {
            all.push((name.to_owned().into(), raw));
        }
    }
    let text = view::editable(&Fields(all));
    serde_json::from_str::<Checked>(&text).map_err(|e| json::words(&e))?;
    Ok(text)
}
