//! A mailbox while its journal lock is held: the recovery that comes first, the look-ups, and the one write.
//!
//! Nothing here waits, prints or flushes. What is pushed is written by one `write` in [`Held::commit`], together
//! with what the recovery found to say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use super::error::Error;
use super::fold::{self, Due, Head};
use super::index::{Identity, Index};
use super::journal::{Journal, Tail};
use super::keys::Keys;
use super::prune;
use super::record::{
    self, ATTEMPTS, EXPIRED, Envelope, Letter, Opening, Record, Tag, UNFIT, VERSION,
};
use super::slot::{Slot, Span, State};
use super::take::Holder;
use super::view::{self, View};
use super::visit::Visit;
use crate::names::{AgentId, Explain as _, MessageId};
use crate::store::{self, Dir, File, Lock, Open};
use crate::time::Now;

pub(super) const LOCK: &str = ".lock";
pub(super) const INDEX: &str = ".index";
pub(super) const KEYS: &str = ".keys";
pub(super) const BALLAST: &str = ".ballast";
/// Space that stays allocated behind the journal, so that 400 acknowledgements fit on a full disk.
const RESERVE: u64 = 64 << 10;
/// How much is allocated at once.
const STRIDE: u64 = 256 << 10;
/// At most so many messages are moved by the clock in one hold.
const MOST_DUE: usize = 1024;
/// A jump of the numbers beyond this is no crash but a broken journal.
pub(super) const MOST_MISSING: u64 = 1 << 20;
/// So many senders are told of a dead letter in one verb.
const MOST_NOTICES: usize = 8;
/// After so many in a row that need no notice the older ones are taken for done.
const MOST_TOLD: usize = 16;

/// Whether a write may use the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It adds mail: there must be room for it and for the reserve.
    Needed,
    /// It closes or leases: it must pass on a full disk.
    Reserved,
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Here(Slot),
    /// Compacted away: only its key is left.
    Gone {
        seq: u64,
        id: MessageId,
    },
}

impl Known {
    pub(super) const fn seq(&self) -> u64 {
        match self {
            Self::Here(slot) => slot.seq,
            Self::Gone { seq, .. } => *seq,
        }
    }
}

pub(super) struct Held<'m> {
    dir: &'m Dir,
    boot: &'m str,
    /// Dropped last: what is written is written under it. `None`: a fold beside the mailbox, which writes nothing.
    lock: Option<Lock>,
    pub(super) journal: Arc<Journal>,
    pub(super) index: Index,
    keys: Option<Keys>,
    pub(super) identity: Identity,
    tail: Tail,
    /// Records to be written.
    out: Vec<u8>,
    /// What they are, as long as they are new mail alone; where that begins in the journal, once it is written.
    fresh: Option<Vec<Fresh>>,
    written: Option<(u64, Vec<Fresh>)>,
    room: Room,
    /// Something was written in this hold.
    changed: bool,
    /// The last number and id given in this write.
    minted: Option<(u64, u128)>,
    /// Numbers that a crash left without a message, to be said in the next write.
    missing: BTreeSet<u64>,
    /// Offsets of broken lines that are passed over: somebody is about to leave them out of the journal.
    bad: Arc<HashSet<u64>>,
    /// Up to here the index was made anew in this hold.
    rebuilt_to: u64,
    /// The adopted messages at the end of what has been applied, where the index was made anew.
    newest_adoption: Vec<u64>,
    over: Vec<(u64, MessageId, &'static str)>,
}

/// A message of this write: it need not be read back to be applied.
struct Fresh {
    head: Head,
    key: Option<String>,
    adopted: Option<String>,
    /// Of its line.
    len: u32,
}

/// What a commit leaves to be flushed: the descriptor that was open before the write.
pub(super) struct Written {
    pub(super) journal: Arc<Journal>,
    /// Where the journal ended with it.
    pub(super) end: u64,
    /// Whether there is anything to flush.
    pub(super) changed: bool,
    pub(super) unnoticed: Vec<Slot>,
    /// What time alone, or the last attempt, ended: number, id, why.
    pub(super) over: Vec<(u64, MessageId, &'static str)>,
    /// The journal has become mostly waste.
    pub(super) is_waste: bool,
}

fn hash(tag: u8, parts: &[&str], salt: u64) -> u64 {
    let mut bytes = vec![tag];
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    store::sum(&bytes, salt)
}

/// In `.keys` a value is a number, or with this bit the place of a `key` record.
const PLACE: u64 = 1 << 63;
const SENDER_KEY: u8 = b'k';
const FROM: u8 = b'f';
const ADOPTED: u8 = b'a';
const ID: u8 = b'i';

impl<'m> Held<'m> {
    pub(super) fn take(visit: &Visit<'m>, bad: HashSet<u64>) -> Result<Self, Error> {
        let (mailbox, now) = (visit.mailbox, visit.now);
        let dir = &mailbox.dir;
        let lock = mailbox.lock(LOCK, visit.deadline)?;
        mailbox.must_be_in_place()?;
        let journal = match visit.journal()? {
            Some(journal) => journal,
            None => Arc::new(super::create::begin(dir, &mailbox.agent, now)?),
        };
        let identity = Identity {
            r#gen: journal.opening.generation,
            salt: journal.opening.salt,
            boot: mailbox.boot,
        };
        let index = Index::open(dir.file(INDEX, Open::Create)?)?;
        let mut held = Self {
            dir,
            boot: &mailbox.boot_text,
            lock: Some(lock),
            journal,
            index,
            keys: None,
            identity,
            tail: Tail::Clean,
            out: Vec::new(),
            fresh: Some(Vec::new()),
            written: None,
            room: Room::Reserved,
            changed: false,
            minted: None,
            missing: BTreeSet::new(),
            bad: Arc::new(bad),
            rebuilt_to: 0,
            newest_adoption: Vec::new(),
            over: Vec::new(),
        };
        held.recover(now).map_err(Error::not_begun)?;
        Ok(held)
    }

    /// What the derived files of a journal ought to hold: folded in memory, as far as `end`. Nothing is locked or
    /// written.
    pub(super) fn aside(
        dir: &'m Dir,
        boot: (u128, &'m str),
        journal: Journal,
        end: u64,
    ) -> Result<Self, Error> {
        let identity = Identity {
            r#gen: journal.opening.generation,
            salt: journal.opening.salt,
            boot: boot.0,
        };
        let mut held = Self {
            dir,
            boot: boot.1,
            lock: None,
            journal: Arc::new(journal),
            index: Index::open(File::in_memory(INDEX)?)?,
            keys: None,
            identity,
            tail: Tail::Clean,
            out: Vec::new(),
            fresh: Some(Vec::new()),
            written: None,
            room: Room::Reserved,
            changed: false,
            minted: None,
            missing: BTreeSet::new(),
            bad: Arc::default(),
            rebuilt_to: 0,
            newest_adoption: Vec::new(),
            over: Vec::new(),
        };
        held.forget()?;
        held.catch_up_to(end)?;
        Ok(held)
    }

    fn salt(&self) -> u64 {
        self.journal.opening.salt
    }

    fn recover(&mut self, now: Now) -> Result<(), Error> {
        if !self.index.is_of(&self.identity) {
            self.forget()?;
        }
        self.catch_up_anyway()?;
        if self.journal.opening.version > VERSION {
            return Ok(());
        }
        for seq in std::mem::take(&mut self.missing) {
            self.push(&Record {
                t: Tag::Void,
                seq,
                at: Some(now.wall),
                ..Record::default()
            });
        }
        if !self.index.linked() {
            self.dir.sync()?;
            // The name of the mailbox too: whoever made it may have died before he flushed it.
            self.dir.sync_parent()?;
            self.push(&Record {
                t: Tag::Linked,
                at: Some(now.wall),
                ..Record::default()
            });
        }
        self.tick(now)
    }

    /// The derived files are made anew from the journal.
    fn forget(&mut self) -> Result<(), Error> {
        let Opening {
            base_seq,
            len,
            last_id,
            ..
        } = self.journal.opening;
        self.index.reset(&self.identity, base_seq)?;
        self.index.set_applied(len);
        self.index.set_last_seq(base_seq);
        self.index.set_last_id(last_id.map_or(0, MessageId::bits));
        let mut keys = self.open_keys()?;
        keys.reset(&self.identity)?;
        self.keys = Some(keys);
        self.rebuilt_to = self.journal.file.size()?;
        Ok(())
    }

    /// Whether a record was there before this boot, or before the index was lost.
    fn is_old(&self, span: Span) -> bool {
        span.offset < self.rebuilt_to
    }

    fn open_keys(&self) -> Result<Keys, Error> {
        let file = match self.lock {
            Some(_) => self.dir.file(KEYS, Open::Create)?,
            None => File::in_memory(KEYS)?,
        };
        Ok(Keys::open(file)?)
    }

    /// Applies what was appended since, to an index made anew where it contradicts itself.
    fn catch_up_anyway(&mut self) -> Result<(), Error> {
        match self.catch_up() {
            Err(Error::Store(error)) if error.is_spoilt() => self.rebuild(),
            other => other,
        }
    }

    fn rebuild(&mut self) -> Result<(), Error> {
        self.forget()?;
        self.catch_up()
    }

    /// What the index says; one that contradicts itself is made anew first.
    pub(super) fn ask<T>(
        &mut self,
        question: impl Fn(&mut Index) -> Result<T, store::Error>,
    ) -> Result<T, Error> {
        match question(&mut self.index) {
            Err(error) if error.is_spoilt() => {
                self.rebuild()?;
                Ok(question(&mut self.index)?)
            }
            other => Ok(other?),
        }
    }

    /// Applies what was appended since.
    fn catch_up(&mut self) -> Result<(), Error> {
        let end = self.journal.file.size()?;
        self.apply_written(end)?;
        self.catch_up_to(end)
    }

    /// Applies what this hold wrote, if that and nothing else was appended. The first records of a generation are read
    /// as those of a rebuild are.
    fn apply_written(&mut self, end: u64) -> Result<(), Error> {
        let Some((start, fresh)) = self.written.take() else {
            return Ok(());
        };
        let length: u64 = fresh.iter().map(|it| u64::from(it.len)).sum();
        let applied = self.index.applied();
        if start != applied || start + length != end || start == self.journal.opening.len {
            return Ok(());
        }
        let mut offset = start;
        for Fresh {
            head,
            key,
            adopted,
            len,
        } in fresh
        {
            let envelope = Envelope {
                key: key.as_deref(),
                adopted: adopted.as_deref(),
                ..Envelope::default()
            };
            self.apply_letter(&head, &envelope, Span { offset, len })?;
            offset += u64::from(len);
        }
        self.index.set_applied(end);
        Ok(())
    }

    pub(super) fn catch_up_to(&mut self, end: u64) -> Result<(), Error> {
        let start = self.index.applied();
        if start >= end {
            return Ok(());
        }
        let journal = Arc::clone(&self.journal);
        let bad = Arc::clone(&self.bad);
        let rebuilding = start == journal.opening.len;
        let outcome = journal.scan_without(start, end, &bad, |record, _, span| {
            if rebuilding {
                self.note_adoption(record);
            }
            self.apply(record, span).map_err(|why| match why {
                Error::Corrupt { why, .. } => journal.bad(span.offset, why, 1),
                other => other,
            })
        });
        let (reached, tail) = outcome?;
        self.index.set_applied(reached);
        self.tail = tail;
        self.forget_what_was_shown(rebuilding)
    }

    /// Keeps the numbers of the last run of adoptions.
    fn note_adoption(&mut self, record: &Record<'_>) {
        let head = |record: &Record<'_>| serde_json::from_str::<Head>(record.msg?.get()).ok();
        if record.t != Tag::Send || record.adopted.is_none() {
            // What one merge writes beside its adoptions does not end the run; another's message does.
            if record.t == Tag::Send {
                self.newest_adoption.push(0);
            }
            return;
        }
        if self.newest_adoption.last() == Some(&0) {
            self.newest_adoption.clear();
        }
        self.newest_adoption
            .extend(head(record).map(|head| head.seq));
    }

    /// Which adoptions a face has shown is not in the journal: after a rebuild only the newest count as not shown.
    fn forget_what_was_shown(&mut self, rebuilding: bool) -> Result<(), Error> {
        if !rebuilding {
            return Ok(());
        }
        for seq in std::mem::take(&mut self.newest_adoption) {
            if let Some(slot) = self.index.slot(seq)?.filter(|_| seq != 0) {
                self.index.put(&Slot { shown: 0, ..slot })?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record<'_>, span: Span) -> Result<(), Error> {
        match record.t {
            Tag::Send | Tag::Again => self.apply_send(record, span),
            Tag::Key => self.apply_key(record, span),
            Tag::Linked => {
                self.index.set_linked(true);
                Ok(())
            }
            Tag::Open | Tag::Unknown => Ok(()),
            Tag::Lease
            | Tag::Nack
            | Tag::Ack
            | Tag::Discard
            | Tag::Dead
            | Tag::Edit
            | Tag::Announced
            | Tag::Read
            | Tag::Replied
            | Tag::Noticed
            | Tag::Void => self.apply_change(record, span),
        }
    }

    fn apply_change(&mut self, record: &Record<'_>, span: Span) -> Result<(), Error> {
        if record.t == Tag::Void {
            // Said already: not to be said again whenever the index is made anew.
            self.missing.remove(&record.seq);
        }
        let Some(slot) = self.index.slot(record.seq)? else {
            return Ok(());
        };
        let Some(mut new) = fold::apply(&slot, record, span, self.boot) else {
            return Ok(());
        };
        if new.state.is_dead_letter() && !slot.state.is_dead_letter() {
            new.prev_dead = self.index.last_dead();
            self.index.set_last_dead(new.seq);
        }
        Ok(self.index.put(&new)?)
    }

    fn apply_send(&mut self, record: &Record<'_>, span: Span) -> Result<(), Error> {
        let head: Head = record
            .msg
            .ok_or("a message is missing".to_owned())
            .and_then(|msg| serde_json::from_str(msg.get()).map_err(|e| super::json::words(&e)))
            .map_err(corrupt)?;
        self.apply_letter(&head, &Envelope::of(record), span)
    }

    fn apply_letter(
        &mut self,
        head: &Head,
        envelope: &Envelope<'_>,
        span: Span,
    ) -> Result<(), Error> {
        let base = self.journal.opening.base_seq;
        let last = self.index.last_seq();
        if head.seq > last && head.seq - last > MOST_MISSING {
            return Err(corrupt(format!("number {} after {last}", head.seq)));
        }
        if self.index.slot(head.seq)?.is_some() {
            return Ok(());
        }
        if head.seq <= last && head.seq > base {
            return Ok(());
        }
        if head.seq > base {
            // The index makes void slots of them by itself.
            self.missing.extend(last + 1..head.seq);
        }
        let mut slot = fold::sent(head, span, envelope.adopted.is_some());
        slot.shown = u64::from(slot.adopted && self.is_old(span));
        self.chain(&mut slot, head, envelope)?;
        self.index.put(&slot)?;
        if head.seq > base {
            self.index.set_last_seq(head.seq);
            self.index.set_last_id(head.id.bits());
        }
        Ok(())
    }

    /// Files a message under its keys, behind the last one of each.
    fn chain(
        &mut self,
        slot: &mut Slot,
        head: &Head,
        envelope: &Envelope<'_>,
    ) -> Result<(), Error> {
        let salt = self.salt();
        let from = head.from.as_str();
        if let Some(key) = envelope.key {
            self.keys()?
                .put(hash(SENDER_KEY, &[from, key], salt), slot.seq)?;
        }
        if let Some(key) = envelope.adopted {
            let hash = hash(ADOPTED, &[key], salt);
            let keys = self.keys()?;
            slot.prev_alike = keys.get(hash)?.filter(|v| v & PLACE == 0).unwrap_or(0);
            keys.put(hash, slot.seq)?;
        }
        if !head.from.is_reserved() {
            let hash = hash(FROM, &[from], salt);
            let keys = self.keys()?;
            slot.prev_from = keys.get(hash)?.unwrap_or(0);
            keys.put(hash, slot.seq)?;
        }
        Ok(())
    }

    fn apply_key(&mut self, record: &Record<'_>, span: Span) -> Result<(), Error> {
        let salt = self.salt();
        let place = span.offset | PLACE;
        let from = record.from.as_deref().unwrap_or_default();
        let keys = self.keys()?;
        if let Some(key) = record.key.as_deref() {
            keys.put(hash(SENDER_KEY, &[from, key], salt), place)?;
        }
        if let Some(key) = record.adopted.as_deref() {
            keys.put(hash(ADOPTED, &[key], salt), place)?;
        }
        if let Some(id) = record.id {
            keys.put(hash(ID, &[&id.to_string()], salt), place)?;
        }
        Ok(())
    }

    /// Opened only when somebody asks: a plain message of a person is filed nowhere but in the index.
    pub(super) fn keys(&mut self) -> Result<&mut Keys, Error> {
        if self.keys.is_none() {
            let mut keys = self.open_keys()?;
            if keys.is_of(&self.identity) {
                self.keys = Some(keys);
            } else {
                keys.reset(&self.identity)?;
                self.keys = Some(keys);
                self.refile()?;
            }
        }
        Ok(self.keys.as_mut().expect("set above"))
    }

    /// What is filed under a hash; keys that contradict themselves are made anew first.
    fn key(&mut self, hash: u64) -> Result<Option<u64>, Error> {
        match self.keys()?.get(hash) {
            Err(error) if error.is_spoilt() => {
                self.rebuild()?;
                Ok(self.keys()?.get(hash)?)
            }
            other => Ok(other?),
        }
    }

    /// Fills the keys from the journal as far as the index has applied it.
    fn refile(&mut self) -> Result<(), Error> {
        let journal = Arc::clone(&self.journal);
        let (start, end) = (journal.opening.len, self.index.applied());
        let bad = Arc::clone(&self.bad);
        journal.scan_without(start, end, &bad, |record, _, span| match record.t {
            Tag::Send | Tag::Again => {
                let Some(head) = record
                    .msg
                    .and_then(|m| serde_json::from_str::<Head>(m.get()).ok())
                else {
                    return Ok(());
                };
                let envelope = Envelope::of(record);
                let mut slot = fold::sent(&head, span, envelope.adopted.is_some());
                self.chain(&mut slot, &head, &envelope)
            }
            Tag::Key => self.apply_key(record, span),
            _ => Ok(()),
        })?;
        Ok(())
    }

    /// What the clock does to the mail before anybody looks at it.
    fn tick(&mut self, now: Now) -> Result<(), Error> {
        let wall = now.wall.unix_ms();
        let (lapse, ripe) = self.index.next_due();
        if lapse.is_none_or(|at| at > now.boot_ms) && ripe.is_none_or(|at| at > wall) {
            return Ok(());
        }
        for slot in self.ask(|index| index.due(now.boot_ms, wall, MOST_DUE))? {
            match fold::due(&slot, now.boot_ms, now.wall) {
                Some(Due::Lapse(new) | Due::Ripe(new)) => self.index.put(&new)?,
                Some(Due::Expire) => self.give_up(&slot, EXPIRED, now),
                Some(Due::GiveUp) => self.give_up(&slot, ATTEMPTS, now),
                None => {}
            }
        }
        if !self.out.is_empty() {
            self.write()?;
        }
        Ok(())
    }

    pub(super) fn give_up(&mut self, slot: &Slot, why: &'static str, now: Now) {
        let seq = slot.seq;
        self.over.push((seq, MessageId::from_bits(slot.id), why));
        self.push(&Record {
            t: Tag::Dead,
            seq,
            at: Some(now.wall),
            why: Some(Cow::Borrowed(why)),
            ..Record::default()
        });
    }

    /// As `give_up`, because somebody found it unfit.
    pub(super) fn set_aside(&mut self, slot: &Slot, who: &AgentId, why: &str, now: Now) {
        let seq = slot.seq;
        self.over.push((seq, MessageId::from_bits(slot.id), UNFIT));
        self.push(&Record {
            t: Tag::Dead,
            seq,
            at: Some(now.wall),
            by: Some(Cow::Borrowed(who.as_str())),
            why: Some(Cow::Borrowed(why)),
            ..Record::default()
        });
    }

    pub(super) fn push(&mut self, record: &Record<'_>) {
        self.fresh = None;
        record.write(&mut self.out, self.journal.opening.salt);
    }

    /// Gives a draft its number and id, and adds it to the write.
    pub(super) fn push_send(&mut self, letter: &Letter, envelope: &Envelope<'_>) {
        self.room = Room::Needed;
        let start = self.out.len();
        record::write_send(&mut self.out, envelope, letter, self.journal.opening.salt);
        if let Some(fresh) = &mut self.fresh {
            fresh.push(Fresh {
                head: Head::of(letter),
                key: envelope.key.map(str::to_owned),
                adopted: envelope.adopted.map(str::to_owned),
                len: u32::try_from(self.out.len() - start).expect("it fits a line"),
            });
        }
    }

    pub(super) fn push_again(&mut self, line: &[u8]) {
        self.fresh = None;
        let start = self.out.len();
        self.out.extend_from_slice(br#"{"t":"again""#);
        let body = store::unsealed(line);
        self.out
            .extend_from_slice(body.strip_prefix(br#"{"t":"send""#).unwrap_or(body));
        store::seal(&mut self.out, start, self.journal.opening.salt);
    }

    /// The slot of a message; its record must be what the index says.
    pub(super) fn slot(&mut self, seq: u64) -> Result<Option<Slot>, Error> {
        self.ask(|index| index.slot(seq))
    }

    /// What a slot points at, read and checked. A slot that lies is made anew once.
    pub(super) fn view(&mut self, slot: &Slot) -> Result<View, Error> {
        if let Some(view) = view::read(&self.journal, slot)? {
            return Ok(view);
        }
        self.rebuild()?;
        let again = self.index.slot(slot.seq)?;
        let view = again
            .map(|slot| view::read(&self.journal, &slot))
            .transpose()?;
        view.flatten().ok_or_else(|| {
            self.journal
                .bad(slot.send.offset, "not what the index says".into(), 1)
        })
    }

    /// The message that this sender sent under this key, or whose id the key is.
    pub(super) fn known(&mut self, from: &AgentId, key: &str) -> Result<Option<Known>, Error> {
        let salt = self.salt();
        if let Some(known) =
            self.filed(hash(SENDER_KEY, &[from.as_str(), key], salt), |record| {
                record.key.as_deref() == Some(key)
                    && record.sender().as_deref() == Some(from.as_str())
            })?
        {
            return Ok(Some(known));
        }
        let Ok(id) = MessageId::parse(key) else {
            return Ok(None);
        };
        if let Some(slot) = self.ask(|index| index.by_id(id.bits()))? {
            return Ok(Some(Known::Here(slot)));
        }
        let id_text = id.to_string();
        self.filed(hash(ID, &[&id_text], salt), |record| record.id == Some(id))
    }

    /// The newest adoption of equal content.
    pub(super) fn adopted(&mut self, key: &str) -> Result<Option<Known>, Error> {
        let hash = hash(ADOPTED, &[key], self.salt());
        self.filed(hash, |record| record.adopted.as_deref() == Some(key))
    }

    /// The last message of a sender.
    pub(super) fn last_from(&mut self, from: &AgentId) -> Result<Option<Slot>, Error> {
        let hash = hash(FROM, &[from.as_str()], self.salt());
        let seq = self.key(hash)?;
        seq.map_or(Ok(None), |seq| self.slot(seq))
    }

    fn filed(
        &mut self,
        hash: u64,
        is_it: impl Fn(&Record<'_>) -> bool,
    ) -> Result<Option<Known>, Error> {
        let Some(value) = self.key(hash)? else {
            return Ok(None);
        };
        if value & PLACE != 0 {
            let Some(line) = self.journal.line_at(value & !PLACE)? else {
                return Ok(None);
            };
            let Ok(record) = Record::parse(&line) else {
                return Ok(None);
            };
            return Ok(is_it(&record)
                .then(|| {
                    record.id.map(|id| Known::Gone {
                        seq: record.seq,
                        id,
                    })
                })
                .flatten());
        }
        let Some(slot) = self.slot(value)? else {
            return Ok(None);
        };
        let Some(line) = self.journal.line(slot.send)? else {
            return Ok(None);
        };
        let it = Record::parse(&line).is_ok_and(|record| is_it(&record));
        Ok(it.then_some(Known::Here(slot)))
    }

    /// Who holds a message now.
    pub(super) fn holder(&mut self, slot: &Slot) -> Result<Option<Holder>, Error> {
        if slot.lease_until == 0 {
            return Ok(None);
        }
        let line = self.journal.line(slot.last)?;
        let record = line.as_deref().and_then(|line| Record::parse(line).ok());
        Ok(record
            .filter(|record| record.t == Tag::Lease)
            .map(|record| Holder {
                owner: record.by.as_deref().unwrap_or("-").to_owned(),
                incarnation: record.inc.as_deref().map(str::to_owned),
                n: record.n,
                lapses_at: record.lapses_at.unwrap_or_default(),
            }))
    }

    /// Whether its newest lease ended by the clock alone, which no record says.
    pub(super) fn has_lapsed(&self, slot: &Slot) -> Result<bool, Error> {
        if slot.lease_until != 0 || slot.attempts == 0 {
            return Ok(false);
        }
        let line = self.journal.line(slot.last)?;
        let record = line.as_deref().and_then(|line| Record::parse(line).ok());
        Ok(record.is_some_and(|record| record.t == Tag::Lease))
    }

    /// The number and the id of the next message of this write.
    pub(super) fn mint(&mut self, now: Now) -> (u64, MessageId) {
        let (seq, id) = self
            .minted
            .unwrap_or((self.index.last_seq(), self.index.last_id()));
        let last = (id != 0).then(|| MessageId::from_bits(id));
        let ms = u64::try_from(now.wall.unix_ms()).unwrap_or(0);
        let id = MessageId::next(last, ms, store::random_u128);
        self.minted = Some((seq + 1, id.bits()));
        (seq + 1, id)
    }

    /// Some dead letters whose senders have not been told, the oldest of them.
    fn unnoticed(&mut self) -> Result<Vec<Slot>, Error> {
        let mut found = VecDeque::new();
        let mut told = 0;
        let mut seq = self.index.last_dead();
        while seq != 0
            && told < MOST_TOLD
            && let Some(slot) = self.slot(seq)?
        {
            seq = slot.prev_dead;
            if slot.noticed || !matches!(slot.state, State::Expired | State::Dead) {
                told += 1;
                continue;
            }
            told = 0;
            found.push_front(slot);
            found.truncate(MOST_NOTICES);
        }
        Ok(found.into())
    }

    /// Whether anything is waiting to be written.
    pub(super) fn has_writes(&self) -> bool {
        !self.out.is_empty()
    }

    /// How many stand before a message just sent in this class, itself included.
    pub(super) fn rank(&self, class: crate::names::Class) -> u64 {
        crate::names::Class::ALL
            .into_iter()
            .filter(|its| *its <= class)
            .map(|class| self.index.pending(class))
            .sum()
    }

    pub(super) fn pending(&self) -> u64 {
        crate::names::Class::ALL
            .into_iter()
            .map(|class| self.index.pending(class))
            .sum()
    }

    /// How many of a sender's wait, counted up to `most`.
    pub(super) fn pending_of(&mut self, from: &AgentId, most: u64) -> Result<u64, Error> {
        if from.is_reserved() {
            return self.pending_of_unfiled(from, most);
        }
        let mut count = 0;
        let mut next = self.last_from(from)?;
        while let Some(slot) = next.filter(|_| count < most) {
            count += u64::from(slot.state.is_pending());
            next = match slot.prev_from {
                0 => None,
                seq => self.slot(seq)?,
            };
        }
        Ok(count)
    }

    /// The same of one whose messages hang together by nothing: each that waits is asked for its sender.
    fn pending_of_unfiled(&mut self, from: &AgentId, most: u64) -> Result<u64, Error> {
        let mut count = 0;
        let mut after = None;
        while count < most
            && let Some(slot) = self.ask(|index| index.next_pending(after))?
        {
            after = Some((slot.class, slot.seq));
            let view = self.view(&slot)?;
            count += u64::from(view.fields().str("from").as_deref() == Some(from.as_str()));
        }
        Ok(count)
    }

    /// Where the journal ends, as far as it has been applied.
    pub(super) fn end(&self) -> u64 {
        self.index.applied()
    }

    /// Writes what was pushed and applies it; the lock stays.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        self.write_only()?;
        self.catch_up_anyway()
    }

    /// Writes what was pushed: an error means that nothing of it happened. Returns where the journal ends then.
    fn write_only(&mut self) -> Result<u64, Error> {
        self.journal.must_know_format()?;
        let mut bytes = std::mem::take(&mut self.out);
        let fresh = self.fresh.replace(Vec::new());
        let fence = match self.tail {
            Tail::Open => store::fence(),
            Tail::Clean => &[],
        };
        bytes.splice(..0, fence.iter().copied());
        let fence = fence.len();
        let start = self.journal.file.size()?;
        if self.room == Room::Needed {
            self.make_room(start + bytes.len() as u64)?;
        }
        let mut end = start + bytes.len() as u64;
        if let Err(short) = self.append(&bytes) {
            let again = short.error.is_no_space() && self.room == Room::Reserved;
            if !(again && self.drop_ballast()) {
                return Err(short.into());
            }
            // What the failed write left is fenced off; the freed space takes the second one.
            bytes.splice(..fence, store::fence().iter().copied());
            let second = self.append(&bytes);
            second.map_err(|second| Short {
                some_whole: short.some_whole || second.some_whole,
                ..second
            })?;
            end = self.journal.file.size()?;
        } else if fence == 0 {
            self.written = fresh.map(|fresh| (start, fresh));
        }
        self.tail = Tail::Clean;
        self.room = Room::Reserved;
        self.minted = None;
        self.changed = true;
        Ok(end)
    }

    /// One `write`. A short or failed one is fenced off, never taken back: another may have read past it.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Short> {
        let path = self.journal.file.path();
        let short = match self.journal.file.append_once(bytes) {
            Ok(n) if n == bytes.len() => return Ok(()),
            Ok(n) => Short {
                error: store::Error::no_space(path),
                // A lone fence is no record.
                some_whole: bytes[..n].contains(&b'\n') && bytes[..n] != *store::fence(),
            },
            Err(error) => Short {
                error,
                some_whole: false,
            },
        };
        // Where even this fails, the next writer finds the open tail and fences it.
        let _ = self.journal.file.append_once(store::fence());
        Err(short)
    }

    fn drop_ballast(&self) -> bool {
        self.dir.exists(BALLAST).unwrap_or(false) && self.dir.remove(BALLAST).is_ok()
    }

    fn make_room(&mut self, end: u64) -> Result<(), Error> {
        if self.index.reserved() >= end + RESERVE {
            return Ok(());
        }
        let reserved = end + RESERVE + STRIDE;
        let taken = self.journal.file.reserve(end, reserved).or_else(|_| {
            // Nearly full: the reserve itself must still fit.
            self.journal
                .file
                .reserve(end.saturating_sub(1), end + RESERVE)
        });
        taken?;
        self.index.set_reserved(reserved);
        Ok(())
    }

    /// Writes, brings the derived files up to date, and lets go of the lock.
    pub(super) fn commit(mut self) -> Result<Written, Error> {
        if self.has_writes() {
            let end = self.write_only()?;
            // It is written. That it cannot be read back concerns the index, which whoever comes next catches up.
            if self.catch_up_anyway().is_err() {
                return Ok(self.unseen(end));
            }
        }
        let Ok(unnoticed) = self.unnoticed() else {
            let end = self.index.applied();
            return Ok(self.unseen(end));
        };
        self.save();
        let end = self.index.applied();
        let (slots, pending) = (self.index.len(), self.pending());
        Ok(Written {
            end,
            is_waste: prune::is_due(&self.journal.opening, end, slots, pending),
            journal: self.journal,
            changed: self.changed,
            unnoticed,
            over: self.over,
        })
    }

    /// What was written by one who could not look at it: the derived files stay as they were.
    fn unseen(self, end: u64) -> Written {
        Written {
            end,
            is_waste: false,
            journal: self.journal,
            changed: self.changed,
            unnoticed: Vec::new(),
            over: self.over,
        }
    }

    /// The derived files only. Where this fails they stay marked as unfinished, and are made anew.
    pub(super) fn save(&mut self) {
        // Marked first: keys that know of a message and an index that does not would chain it to itself.
        if let Some(keys) = &mut self.keys
            && (self.index.mark().is_err() || keys.flush().is_err())
        {
            return;
        }
        let _ = self.index.flush();
    }
}

/// A write that was not taken whole.
struct Short {
    error: store::Error,
    /// Some of its records were.
    some_whole: bool,
}

impl From<Short> for Error {
    fn from(short: Short) -> Self {
        match (short.some_whole, short.error.path()) {
            (true, Some(path)) => Self::OutcomeUnknown {
                at: path.into(),
                key: None,
                each: Vec::new(),
            },
            _ => short.error.into(),
        }
    }
}

fn corrupt(why: String) -> Error {
    Error::Corrupt {
        path: std::path::PathBuf::new(),
        line: 0,
        column: 0,
        why,
    }
}
