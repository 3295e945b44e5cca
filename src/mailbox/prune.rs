//! A new generation of the journal, without what is over. The old one is sealed into the archive.
//!
//! The bulk is copied without the journal lock; what was appended meanwhile is copied under it, flushed or not.
//! A crash at any step leaves either generation whole; left-overs are told apart by what their first line says.

use std::collections::{HashMap, HashSet};

use super::error::Error;
use super::fold::{self, Head};
use super::held::{BALLAST, Held, Written};
use super::journal::{self, JOURNAL, Journal};
use super::open::Mailbox;
use super::record::{self, Opening, Record, Tag, VERSION};
use super::slot::{Slot, Span, State};
use super::take::Outcome;
use super::visit::Visit;
use super::{archive, attach, create, send, view};
use crate::names::{Level, MessageId, Permit};
use crate::store::{Dir, File, Lock, Open, Target, random_u64};
use crate::time::{Now, Timestamp};

pub(super) const LOCK: &str = ".prune.lock";
pub(super) const TEMPORARY: &str = ".journal.";
/// A key outlives its message by this; what was imported or adopted, as long as the mailbox.
const KEYS_KEPT: std::time::Duration = std::time::Duration::from_hours(168);
/// Below this nothing is gained.
const WORTH_IT: u64 = 1 << 20;
const WRITE_SIZE: usize = 1 << 20;

#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// Messages that are over and went.
    pub removed: u64,
    /// Messages that stay.
    pub kept: u64,
    pub bytes_freed: u64,
    pub files_removed: Vec<std::path::PathBuf>,
}

impl Mailbox {
    /// Compacts the journal now, whatever there is to gain.
    pub fn prune(&self, permit: &Permit, now: Now) -> Result<Outcome<Pruned>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let _lock = Lock::acquire(&self.dir, LOCK, visit.deadline)?;
        let pruned = compact(&mut visit, &Repair::default())?;
        let msg = format!("{}: {} messages went", self.agent, pruned.removed);
        let fields = [
            ("removed", pruned.removed.into()),
            ("kept", pruned.kept.into()),
            ("bytes_freed", pruned.bytes_freed.into()),
        ];
        visit.event(Level::Info, "mail.pruned", msg, None, &fields);
        // Nothing that it shows has changed, but what killed renders left beside it goes.
        visit.show();
        Ok(Outcome::of(pruned, visit))
    }
}

/// Whether a generation has become mostly waste, so that copying it is paid for by what wrote it.
pub(super) fn is_due(opening: &Opening, end: u64, slots: u64, pending: u64) -> bool {
    let grown = end.saturating_sub(opening.born);
    grown >= WORTH_IT && grown >= end / 4 * 3 && slots >= pending * 4
}

/// After a verb whose exit code is settled. That somebody else is at it, or that it fails, concerns nobody now.
pub(super) fn if_due(visit: &mut Visit<'_>, written: &Written) {
    if !written.is_waste {
        return;
    }
    let outcome = Lock::try_acquire(visit.dir(), LOCK).map_err(Error::from);
    let outcome = outcome.and_then(|lock| match lock {
        Some(_lock) => compact(visit, &Repair::default()).map(drop),
        None => Ok(()),
    });
    if let Err(error) = outcome {
        visit.warn(&format!("the journal was not compacted: {error}"));
    }
}

/// After a failed flush: everything, unflushed or not, goes into a new file, for the old one cannot be trusted.
pub(super) fn rescue(visit: &mut Visit<'_>) -> Result<(), Error> {
    let _lock = Lock::acquire(visit.dir(), LOCK, visit.deadline)?;
    let repair = Repair {
        all_stay: true,
        ..Repair::default()
    };
    compact(visit, &repair).map(drop)
}

/// A compaction that leaves out broken lines, which somebody has copied aside.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// Where they begin, in the current generation.
    pub(super) bad: HashSet<u64>,
    /// The numbers up to here may have been given by them.
    pub(super) last_seq: u64,
    /// What is closed stays too: whoever was told that the outcome of his ack is unknown asks again.
    pub(super) all_stay: bool,
}

impl Repair {
    /// Then nothing is removed beside them: what only a broken line names is still somebody's.
    fn is_asked(&self) -> bool {
        !self.bad.is_empty()
    }
}

/// As `rescue`, under the prune lock that the caller holds: the offsets are of the generation that he looked at.
pub(super) fn without(visit: &mut Visit<'_>, _held: &Lock, repair: &Repair) -> Result<(), Error> {
    compact(visit, repair).map(drop)
}

/// What becomes of one message.
struct Fate {
    slot: Slot,
    closed_at: Option<Timestamp>,
}

/// The messages of a journal as they stand at its end.
#[derive(Default)]
struct Fates {
    by_seq: HashMap<u64, Fate>,
    last_seq: u64,
    last_id: Option<MessageId>,
    all_stay: bool,
}

impl Fates {
    fn see(&mut self, record: &Record<'_>, boot: &str) {
        match record.t {
            Tag::Send | Tag::Again => {
                let Some(head) = head(record) else { return };
                self.last_seq = self.last_seq.max(head.seq);
                self.last_id = self.last_id.max(Some(head.id));
                self.by_seq.entry(head.seq).or_insert_with(|| Fate {
                    slot: fold::sent(&head, Span { offset: 0, len: 1 }, record.adopted.is_some()),
                    closed_at: None,
                });
            }
            _ => {
                let Some(fate) = self.by_seq.get_mut(&record.seq) else {
                    return;
                };
                if let Some(new) = fold::apply(&fate.slot, record, Span::NONE, boot) {
                    if fate.slot.state.is_pending() && !new.state.is_pending() {
                        fate.closed_at = record.at;
                    }
                    fate.slot = new;
                }
            }
        }
    }

    fn keeps(&self, seq: u64, now: Timestamp) -> bool {
        self.by_seq.get(&seq).is_some_and(|fate| {
            let untold = matches!(fate.slot.state, State::Expired | State::Dead)
                && !fate.slot.noticed
                && fate.closed_at.is_some_and(|at| now.since(at) < KEYS_KEPT);
            self.all_stay || fate.slot.state.is_pending() || untold
        })
    }
}

fn head(record: &Record<'_>) -> Option<Head> {
    serde_json::from_str(record.msg?.get()).ok()
}

/// The next generation while it is written.
struct Next<'d> {
    dir: &'d Dir,
    name: String,
    /// `None` where only its size is asked for.
    file: Option<File>,
    opening: Opening,
    buffer: Vec<u8>,
    end: u64,
    /// It bears the journal's name now, and under its own lies the old generation.
    exchanged: bool,
}

impl<'d> Next<'d> {
    fn begin(dir: &'d Dir, old: &Opening, fates: &Fates, now: Timestamp) -> Result<Self, Error> {
        let mut it = Self::planned(dir, old, fates, now);
        it.file = Some(dir.file(&it.name, Open::New)?);
        Ok(it)
    }

    fn planned(dir: &'d Dir, old: &Opening, fates: &Fates, now: Timestamp) -> Self {
        let generation = old.generation + 1;
        let name = format!("{TEMPORARY}{generation}.{:016x}", random_u64());
        let mut it = Self {
            dir,
            file: None,
            name,
            opening: Opening {
                version: VERSION,
                generation,
                salt: random_u64(),
                mailbox: old.mailbox.clone(),
                base_seq: fates.last_seq.max(old.base_seq),
                last_id: fates.last_id.max(old.last_id),
                born: 0,
                len: 0,
            },
            buffer: Vec::new(),
            end: 0,
            exchanged: false,
        };
        it.opening.write(&mut it.buffer, now);
        it
    }

    fn copy(&mut self, line: &[u8]) -> Result<(), Error> {
        record::copy(&mut self.buffer, line, self.opening.salt);
        self.spill(WRITE_SIZE)
    }

    fn push(&mut self, record: &Record<'_>) -> Result<(), Error> {
        record.write(&mut self.buffer, self.opening.salt);
        self.spill(WRITE_SIZE)
    }

    fn spill(&mut self, at_least: usize) -> Result<(), Error> {
        if self.buffer.len() >= at_least {
            self.write_at(self.end, &self.buffer)?;
            self.end += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        match &self.file {
            Some(file) => Ok(file.write_at(offset, bytes)?),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.spill(1)?;
        match &self.file {
            Some(file) => Ok(file.sync_data()?),
            None => Ok(()),
        }
    }

    /// Writes the first line anew, now that it is known how large the generation is at its birth.
    fn christen(&mut self, now: Timestamp) -> Result<(), Error> {
        self.spill(1)?;
        self.opening.born = self.end;
        let mut line = Vec::new();
        let before = self.opening.len;
        self.opening.write(&mut line, now);
        debug_assert_eq!(before, self.opening.len, "its fields have fixed widths");
        self.write_at(0, &line)
    }

    fn abandon(self) {
        if self.exchanged {
            // The next prune seals the old generation, which until then a power cut may bring back.
            return;
        }
        // A left-over of the next generation is removed by the next prune.
        let _ = self.dir.remove(&self.name);
    }
}

/// Under the prune lock.
fn compact(visit: &mut Visit<'_>, repair: &Repair) -> Result<Pruned, Error> {
    left_overs(visit)?;
    let mut outcome = begin_anew(visit, repair);
    for room in [
        Room::Expired,
        Room::Attachments,
        Room::Ballast,
        Room::Archives,
    ] {
        if !is_no_space(&outcome) || repair.is_asked() {
            break;
        }
        room.make(visit, repair)?;
        outcome = begin_anew(visit, repair);
    }
    settle(visit, repair, outcome?)
}

fn is_no_space<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Store(error)) if error.is_no_space())
}

/// What a full disk gives back, in this order. Ballast and archives, which still have a use, only where that is
/// enough.
#[derive(Clone, Copy, Debug)]
enum Room {
    Expired,
    Attachments,
    Ballast,
    Archives,
}

impl Room {
    fn make(self, visit: &Visit<'_>, repair: &Repair) -> Result<(), Error> {
        let dir = visit.dir();
        let of_archives = |for_room| {
            let sealed = archive::list(dir)?;
            archive::remove(dir, &archive::retired(&sealed, visit.now.wall, for_room))
        };
        match self {
            Self::Expired => of_archives(false),
            Self::Attachments if repair.all_stay => Ok(()),
            Self::Attachments => sweep_attachments(visit),
            Self::Ballast => {
                must_fit(visit, repair)?;
                Ok(dir.remove(BALLAST)?)
            }
            Self::Archives => of_archives(true),
        }
    }
}

/// Those that no message names that waits or may be restored.
fn sweep_attachments(visit: &Visit<'_>) -> Result<(), Error> {
    if !visit.dir().exists(attach::FILES)? {
        return Ok(());
    }
    let mut held = visit.hold()?;
    let mut named = HashSet::new();
    let mut n = 0;
    while n < held.index.len() {
        let slot = held.ask(|index| index.nth(n))?;
        n += 1;
        if slot.send.len > 0 && (slot.state.is_pending() || slot.state.is_dead_letter()) {
            named.extend(files_of(&held.view(&slot)?));
        }
    }
    attach::sweep(visit.dir(), &named, visit.now.wall)?;
    Ok(())
}

/// Whether the next generation could find room once everything else is given up for it.
fn must_fit(visit: &Visit<'_>, repair: &Repair) -> Result<(), Error> {
    let dir = visit.dir();
    let now = visit.now.wall;
    let Survey { old, fates, x } = survey(visit, repair)?;
    let mut next = Next::planned(dir, &old.opening, &fates, now);
    fill(&mut next, &old, x, &fates, &repair.bad, now)?;
    next.spill(1)?;
    let ballast = dir.ident(BALLAST)?.map_or(0, |it| it.size);
    let archives: u64 = archive::list(dir)?.iter().map(|it| it.size).sum();
    let room = dir.free_bytes()? + ballast + archives;
    if next.end > room {
        return Err(Error::NoRoom {
            path: old.file.path().into(),
            needed: next.end,
            lacking: next.end - room,
        });
    }
    Ok(())
}

/// A generation that has taken the place of the old one.
struct Begun<'d> {
    old: Journal,
    next: Next<'d>,
    fates: Fates,
    /// The attachments that it names.
    named: HashSet<String>,
}

/// What is to be copied, as far as could be seen without the journal lock.
struct Survey {
    old: Journal,
    fates: Fates,
    /// So far.
    x: u64,
}

fn survey(visit: &Visit<'_>, repair: &Repair) -> Result<Survey, Error> {
    let dir = visit.dir();
    let Some(old) = Journal::open(dir, JOURNAL, Open::Append)? else {
        return Err(Error::JournalGone {
            path: dir.path().join(JOURNAL),
        });
    };
    old.must_know_format()?;
    let boot = visit.mailbox.boot_text.as_str();
    let mut fates = Fates::default();
    let (start, end) = (old.opening.len, old.file.size()?);
    let (x, _) = old.scan_without(start, end, &repair.bad, |record, _, _| {
        fates.see(record, boot);
        Ok(())
    })?;
    fates.last_seq = fates.last_seq.max(repair.last_seq);
    fates.all_stay = repair.all_stay;
    Ok(Survey { old, fates, x })
}

/// Writes the new generation and exchanges it for the old one; with an error nothing was exchanged, or a power cut
/// may still undo it.
fn begin_anew<'m>(visit: &Visit<'m>, repair: &Repair) -> Result<Begun<'m>, Error> {
    let dir = visit.dir();
    let bad = &repair.bad;
    let now = visit.now.wall;
    let Survey { old, fates, x } = survey(visit, repair)?;
    let mut next = Next::begin(dir, &old.opening, &fates, now)?;
    let outcome = fill(&mut next, &old, x, &fates, bad, now);
    let outcome = outcome.and_then(|named| {
        next.flush()?;
        let held = visit.hold_through(bad)?;
        exchange(visit, held, &old, &mut next, x, bad)?;
        Ok(named)
    });
    match outcome {
        Ok(named) => Ok(Begun {
            old,
            next,
            fates,
            named,
        }),
        Err(error) => {
            next.abandon();
            Err(error)
        }
    }
}

/// What follows an exchange: the new index, attachments, the archive.
fn settle(visit: &mut Visit<'_>, repair: &Repair, begun: Begun<'_>) -> Result<Pruned, Error> {
    let dir = visit.dir();
    let now = visit.now.wall;
    let Begun {
        old,
        next,
        fates,
        mut named,
    } = begun;
    let old_size = old.file.size()?;
    // The new one's index is made now, not by whoever comes next; attachments go under the same lock.
    let mut held = visit.hold()?;
    let mut n = 0;
    while n < held.index.len() {
        let slot = held.ask(|index| index.nth(n))?;
        n += 1;
        if slot.send.len > 0 && slot.seq > next.opening.base_seq {
            named.extend(files_of(&held.view(&slot)?));
        }
    }
    let files_removed = if repair.is_asked() {
        Vec::new()
    } else {
        attach::sweep(dir, &named, now)?
    };
    let written = held.commit()?;
    if written.changed && written.journal.flush(dir).is_err() {
        // Not by the way of every other verb, which would wait for the lock that is held here.
        begin_anew(visit, repair)?;
        return Err(Error::OutcomeUnknown {
            at: written.journal.file.path().into(),
            key: None,
            each: Vec::new(),
        });
    }

    if repair.is_asked() {
        seal(visit, &next.name, old.opening.generation)?;
    } else {
        seal_or_drop(visit, &next.name, old.opening.generation)?;
        let sealed = archive::list(dir)?;
        archive::remove(dir, &archive::retired(&sealed, now, false))?;
    }
    let ballast = dir.ident(BALLAST)?;
    if ballast.is_none_or(|it| it.size != create::BALLAST_SIZE as u64) {
        // On a disk that is still full the next prune tries again.
        let _ = create::write_ballast(dir);
    }
    let kept = fates
        .by_seq
        .keys()
        .filter(|seq| fates.keeps(**seq, now))
        .count() as u64;
    Ok(Pruned {
        removed: fates.by_seq.len() as u64 - kept,
        kept,
        bytes_freed: old_size.saturating_sub(next.opening.born),
        files_removed,
    })
}

fn files_of(view: &view::View) -> Vec<String> {
    send::named_files(view.message().metadata.get("attachments").as_ref())
}

/// Copies what stays of the journal before `x`. Returns the attachments that it names.
fn fill(
    next: &mut Next<'_>,
    old: &Journal,
    x: u64,
    fates: &Fates,
    bad: &HashSet<u64>,
    now: Timestamp,
) -> Result<HashSet<String>, Error> {
    let mut named = HashSet::new();
    let mut copied = HashSet::new();
    old.scan_without(old.opening.len, x, bad, |record, line, _| match record.t {
        Tag::Send | Tag::Again => {
            let Some(head) = head(record).filter(|head| copied.insert(head.seq)) else {
                return Ok(());
            };
            if fates.keeps(head.seq, now) {
                let view = view::View::new(fates.by_seq[&head.seq].slot, line.to_vec(), None, None);
                named.extend(files_of(&view));
                return next.copy(line);
            }
            let fate = &fates.by_seq[&head.seq];
            match last_words(record, &head, fate, now) {
                Some(key) => next.push(&key),
                None => Ok(()),
            }
        }
        Tag::Key => {
            if record.adopted.is_some() || record.at.is_some_and(|at| now.since(at) < KEYS_KEPT) {
                return next.copy(line);
            }
            Ok(())
        }
        Tag::Open | Tag::Linked | Tag::Void => Ok(()),
        Tag::Unknown if record.seq == 0 => next.copy(line),
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
        | Tag::Unknown => {
            if fates.keeps(record.seq, now) {
                return next.copy(line);
            }
            Ok(())
        }
    })?;
    Ok(named)
}

/// The key that a message leaves behind: a retry within the retention still finds it.
fn last_words<'r>(
    record: &Record<'r>,
    head: &Head,
    fate: &Fate,
    now: Timestamp,
) -> Option<Record<'r>> {
    let at = fate.closed_at.unwrap_or(now);
    if record.adopted.is_none() && now.since(at) >= KEYS_KEPT {
        return None;
    }
    Some(Record {
        from: Some(head.from.as_str().to_owned().into()),
        key: record.key.clone(),
        adopted: record.adopted.clone(),
        id: Some(head.id),
        state: Some(view::status(&fate.slot).as_str().into()),
        ..Record::new(Tag::Key, head.seq, at)
    })
}

/// Steps 3 to 5: what came meanwhile, flushed; then the names change places.
fn exchange(
    visit: &Visit<'_>,
    mut held: Held<'_>,
    old: &Journal,
    next: &mut Next<'_>,
    x: u64,
    bad: &HashSet<u64>,
) -> Result<(), Error> {
    let dir = visit.dir();
    if held.has_writes() {
        held.write()?;
    }
    let end = old.file.size()?;
    next.christen(visit.now.wall)?;
    old.scan_without(x, end, bad, |record, line, _| match record.t {
        Tag::Open | Tag::Linked => Ok(()),
        // A copy of what was copied above, or of what has left its key.
        Tag::Again if head(record).is_some_and(|head| head.seq <= next.opening.base_seq) => Ok(()),
        _ => next.copy(line),
    })?;
    next.flush()?;
    match dir.rename(&next.name, JOURNAL, Target::Exchanged) {
        Err(error) if error.is_unsupported() => {
            // Without an exchange the old one is sealed first: a plain rename would drop it.
            archive::copy(dir, old)?;
            dir.rename(&next.name, JOURNAL, Target::Replaced)?;
        }
        other => {
            other?;
            next.exchanged = true;
        }
    }
    dir.sync()?;
    // Or nobody would know it until the next flush.
    journal::say_durable(dir, &next.opening, next.end);
    let mut linked = Vec::new();
    let record = Record {
        t: Tag::Linked,
        at: Some(visit.now.wall),
        ..Record::default()
    };
    record.write(&mut linked, next.opening.salt);
    next.write_at(next.end, &linked)?;
    drop(held);
    Ok(())
}

/// Step 6, also for what an earlier prune left.
pub(super) fn seal(visit: &Visit<'_>, name: &str, generation: u64) -> Result<(), Error> {
    let dir = visit.dir();
    if !dir.exists(name)? {
        return Ok(());
    }
    match archive::seal(dir, name, generation) {
        // It lies there uncompressed; a later prune packs it.
        Err(Error::Store(error)) if error.is_no_space() => Ok(()),
        other => other,
    }
}

/// As `seal`. Where the disk has no room even for a compressed copy, what is over goes without one.
fn seal_or_drop(visit: &mut Visit<'_>, name: &str, generation: u64) -> Result<(), Error> {
    let dir = visit.dir();
    if !dir.exists(name)? {
        return Ok(());
    }
    let mut outcome = archive::seal(dir, name, generation);
    if is_no_space(&outcome) {
        dir.remove(BALLAST)?;
        outcome = if dir.exists(name)? {
            archive::seal(dir, name, generation)
        } else {
            archive::pack(dir)
        };
    }
    if is_no_space(&outcome) {
        dir.remove(name)?;
        if dir.exists(archive::ARCHIVE)? {
            archive::remove(dir, &[format!("{generation}{}", archive::PLAIN)])?;
        }
        visit.warn("the disk has no room for the archive: what was over is gone");
        return Ok(());
    }
    outcome
}

/// What killed prunes left: the next generation unfinished, or the old one not yet in the archive.
fn left_overs(visit: &Visit<'_>) -> Result<(), Error> {
    let dir = visit.dir();
    let names: Vec<String> = dir
        .names()?
        .into_iter()
        .filter(|name| name.starts_with(TEMPORARY))
        .collect();
    if !names.is_empty() {
        let current = Journal::open(dir, JOURNAL, Open::Read)?.map(|it| it.opening.generation);
        for name in names {
            // Unfinished ones have no first line. One that cannot be read now is not thrown away.
            let its = match Journal::open(dir, &name, Open::Read) {
                Err(Error::Corrupt { .. }) => None,
                other => other?,
            };
            match (its.map(|it| it.opening.generation), current) {
                (Some(its), Some(current)) if its < current => seal(visit, &name, its)?,
                _ => dir.remove(&name)?,
            }
        }
    }
    match archive::pack(dir) {
        Err(Error::Store(error)) if error.is_no_space() => Ok(()),
        other => other,
    }
}
