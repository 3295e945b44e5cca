//! `inbox.json` and `dead.json` on disk: looked at, merged, rendered, swapped in. The steps and what a crash
//! between two of them leaves are those of the protocol; every one is made good by the next render.
//!
//! Where mail has only come in, the face that was displaced is kept as `.spare`, and the one after the next is written
//! over it: to make a new file each time costs a send a tenth of its time. Nobody sees that: it is hidden, and left alone
//! while somebody still reads it. A power cut may mix what stood there with what was to stand there, page by page. But
//! for the revisions both are the same as far as the older one goes, so that a mixture is one of the two, or no JSON.

use std::collections::HashMap;
use std::time::Duration;

use super::ending::Ending;
use super::error::Error;
use super::face::{self, Entries, Text};
use super::held::{Held, Written};
use super::journal::Journal;
use super::json;
use super::merge::{self, Content, Memory, Outcome};
use super::slot::Slot;
use super::stamp::{self, Face, OF_SPARE, SPARE, Shown, Stamp, Stamps, temporary_name};
use super::view;
use super::visit::Visit;
use crate::names::{Level, MessageId};
use crate::store::{self, Dir, File, Ident, Open, Target, random_u64};

pub(super) const FACE: &str = "inbox.json";
pub(super) const DEAD: &str = "dead.json";
pub(super) const LOCK: &str = ".render.lock";
pub(super) const TEMPORARY: &str = ".face-";
pub(super) const DISPLACED: &str = ".displaced-";
pub(super) const REJECTED: &str = "inbox.json.rejected-";
const REJECTED_DEAD: &str = "dead.json.rejected-";
/// How long a foreign writer is waited for.
const WRITER: Duration = Duration::from_millis(250);
const MOST_ROUNDS: usize = 8;
/// Larger files are kept each time, equal or not: to compare them would take longer than a verb may.
const MOST_COMPARED: u64 = 1 << 30;
pub(super) const MOST_DEAD: usize = 1_000;
/// A message of common length has so many bytes in a face.
const COMMON: usize = 1 << 10;
/// A revision beyond this was not made by any clock.
const SANE_REV: u64 = 1 << 62;

/// What became of a file that may hold edits.
enum Taken {
    /// Its edits are in the journal, durable.
    Merged(u64),
    /// It cannot be read, or not all of it could be taken over: it must be kept.
    Rejected(String),
    /// Somebody is still writing it.
    Busy,
}

/// What renders before this one left.
struct LeftOvers {
    /// The stamp's rendering was swapped in.
    swapped: bool,
    /// Otherwise its file: that says so until the next stamp is written, for whoever comes after a second kill.
    unswapped: Option<String>,
    /// The face before the one that stands there lies ready to be written over.
    has_spare: bool,
}

impl Visit<'_> {
    /// The unlocked look that every verb begins with: edits are merged before anything else is decided.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        let stamps = Stamps::look(self.dir())?;
        match stamp::judge(stamps.stamp.as_ref(), self.dir().ident(FACE)?) {
            Face::Next | Face::Previous => Ok(()),
            // What a newer program's mailbox was made to say waits for that program.
            Face::Absent | Face::Foreign if self.mailbox.is_newer()? => Ok(()),
            Face::Absent | Face::Foreign => self.render(),
        }
    }

    /// Brings the face up to date with the journal as far as it is durable.
    pub(super) fn render(&mut self) -> Result<(), Error> {
        let _lock = self.mailbox.lock(LOCK, self.deadline)?;
        for _ in 0..MOST_ROUNDS {
            if self.render_once()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `false` where what was displaced held edits, so that the face is behind again.
    fn render_once(&mut self) -> Result<bool, Error> {
        let dir = self.dir();
        let mut stamps = Stamps::read(dir)?;
        let left = self.left_overs(stamps.stamp.as_ref())?;
        let before = dir.ident(FACE)?;
        let state = stamp::judge(stamps.stamp.as_ref(), before);
        let mut highest_rev = 0;
        let mut merged = None;
        let mut rejected = None;
        if state == Face::Foreign {
            let (taken, rev) = self.take_over(FACE, stamps.stamp.as_ref(), left.swapped)?;
            highest_rev = rev;
            match taken {
                Taken::Merged(sum) => merged = Some(sum),
                Taken::Rejected(why) => rejected = Some(why),
                // It is looked at again once it has been displaced.
                Taken::Busy => {}
            }
        }

        let mut held = self.hold()?;
        if let (Face::Next, Some(it)) = (state, &stamps.stamp)
            && it.settled
            && it.generation == held.journal.opening.generation
            && it.covers >= held.end()
            && it.dead == held.index.last_dead()
            && !held.has_writes()
        {
            held.save();
            return Ok(true);
        }
        if let Some(it) = stamps.stamp.as_ref().filter(|_| left.swapped) {
            mark_shown(&mut held, it)?;
        }
        let mut slots = window(&mut held)?;
        let last_dead = held.index.last_dead();
        // Neither is flushed: after a power cut the stamp is of another boot, or gone, and `dead.json` may be empty.
        let is_sure = |it: &Stamp| it.dead == last_dead && it.boot == self.mailbox.boot;
        let is_there = dir.ident(DEAD)?.is_some_and(|it| it.size > 0);
        let dead = if is_there && stamps.stamp.as_ref().is_some_and(is_sure) {
            None
        } else {
            Some(dead_letters(&mut held)?)
        };
        let written = held.commit()?;
        let covers = self.covers(&written, stamps.stamp.as_ref())?;

        if let Some(slots) = dead {
            self.render_dead(&written.journal, &slots)?;
        }
        let stamp_rev = stamps.stamp.as_ref().map_or(0, |it| it.rev);
        let clock_us = u64::try_from(self.now.wall.unix_ms()).unwrap_or(0) * 1000;
        let rev = clock_us.max(stamp_rev + 1).max(highest_rev + 1);
        let mut earlier =
            Earlier::read(dir, stamps.stamp.as_ref().filter(|_| left.swapped), state)?;
        slots.retain(|slot| slot.send.offset + u64::from(slot.send.len) <= covers);
        let has_spare = left.has_spare;
        let made = self.make(&written.journal, &mut slots, &mut earlier, rev, has_spare)?;
        let temporary = temporary_name(made.number);
        let ours_before = match state {
            Face::Next | Face::Previous => before,
            Face::Absent | Face::Foreign => None,
        };
        let new = Stamp {
            boot: self.mailbox.boot,
            generation: written.journal.opening.generation,
            salt: written.journal.opening.salt,
            rev,
            covers,
            temporary: made.number,
            prev: ours_before,
            next: made.next,
            dead: last_dead,
            settled: false,
            text: store::sum(&made.composed.text, rev),
            shown: made.composed.shown,
        };
        let old = match stamps.write(dir, new) {
            Ok(old) => old,
            Err(error) => {
                // It would take the room that the next attempt needs.
                dir.remove(&temporary)?;
                return Err(error.into());
            }
        };
        if let Some(unswapped) = left.unswapped {
            dir.remove(&unswapped)?;
        }
        swap_in(dir, &temporary)?;
        let kept = made.composed.is_continued.then_some(SPARE);
        let done = self.after_swap(
            &temporary,
            ours_before,
            kept,
            merged,
            rejected,
            old.as_ref(),
        )?;
        if done {
            stamps.settle()?;
        }
        Ok(done)
    }

    /// How far the journal is known to be durable. What `.durable` says may have fallen back since the last face.
    fn covers(&mut self, written: &Written, stamp: Option<&Stamp>) -> Result<u64, Error> {
        let journal = &written.journal;
        if written.changed {
            self.flush(written)?;
        }
        if self.flushed(journal) >= written.end {
            return Ok(written.end);
        }
        let opening = &journal.opening;
        let shown = stamp
            .filter(|it| (it.generation, it.salt) == (opening.generation, opening.salt))
            .map_or(0, |it| it.covers);
        let known = journal.durable(self.dir())?;
        let mut covers = self.flushed(journal).max(known).max(shown);
        if covers == 0 {
            // Nobody knows: a face of nothing would hide mail that is durable.
            covers = self.make_durable(journal)?;
        }
        Ok(covers.min(written.end))
    }

    /// Writes a whole file under a passing name; returns what it is known by, with a time of that random number. Where
    /// the disk is full, the ballast makes room.
    fn write_aside(&self, name: &str, text: &[u8], random: u64) -> Result<Ident, Error> {
        let dir = self.dir();
        let write = || -> Result<Ident, store::Error> {
            let file = dir.file(name, Open::New)?;
            let outcome = self.fill(&file, text, random);
            if outcome.is_err() {
                dir.remove(name)?;
            }
            outcome
        };
        match write() {
            Err(error) if error.is_no_space() && dir.exists(super::held::BALLAST)? => {
                dir.remove(super::held::BALLAST)?;
                Ok(write()?)
            }
            other => Ok(other?),
        }
    }

    /// The face of these messages, beside the one that stands there: over the spare, or in a new file.
    fn make(
        &self,
        journal: &Journal,
        slots: &mut Vec<Slot>,
        earlier: &mut Earlier<'_>,
        rev: u64,
        has_spare: bool,
    ) -> Result<Made, Error> {
        let random = random_u64();
        let mut composed = compose(journal, slots, earlier, rev)?;
        if has_spare {
            if composed.is_continued
                && let Some(next) = self.write_over(&composed.text, random)
            {
                return Ok(Made {
                    number: OF_SPARE,
                    next,
                    composed,
                });
            }
            self.dir().remove(SPARE)?;
        }
        loop {
            match self.write_aside(&temporary_name(random), &composed.text, random) {
                // A disk so full that the ballast is gone too: a face of fewer messages is still a true one.
                Err(Error::Store(error)) if error.is_no_space() && composed.shown.len() > 1 => {
                    slots.truncate(composed.shown.len() / 2);
                    composed = compose(journal, slots, earlier, rev)?;
                }
                outcome => {
                    return Ok(Made {
                        number: random,
                        next: outcome?,
                        composed,
                    });
                }
            }
        }
    }

    /// Writes the text over the spare; `None` where that cannot be.
    fn write_over(&self, text: &[u8], random: u64) -> Option<Ident> {
        let file = self.dir().file(SPARE, Open::Write).ok()?;
        if file.opened().size > text.len() as u64 {
            return None;
        }
        // Also whoever was about to open it while it still was the face.
        let _alone = file.alone()?;
        self.fill(&file, text, random).ok()
    }

    /// A whole face into a file; returns what that is known by, with a time of that random number.
    fn fill(&self, file: &File, text: &[u8], random: u64) -> Result<Ident, store::Error> {
        let second = self.now.wall.unix_ms().div_euclid(1000);
        file.write_at(0, text)?;
        file.mark_time(second, random)?;
        file.ident()
    }

    /// What the swap brought out under the temporary's name is examined before it goes, or is kept under another name.
    fn after_swap(
        &mut self,
        temporary: &str,
        ours: Option<Ident>,
        kept: Option<&str>,
        merged: Option<u64>,
        rejected: Option<String>,
        old: Option<&Stamp>,
    ) -> Result<bool, Error> {
        let dir = self.dir();
        let Some(file) = dir.file_if_any(temporary, Open::Read)? else {
            return Ok(true);
        };
        let unwritten = wait_for_writer(&file);
        let now = file.ident()?;
        if unwritten && ours == Some(now) {
            match kept {
                Some(kept) if kept == temporary => {}
                Some(kept) => dir.rename(temporary, kept, Target::Replaced)?,
                None => dir.remove(temporary)?,
            }
            return Ok(true);
        }
        if let Some(why) = rejected {
            self.set_aside(temporary, &file, &why)?;
            return Ok(true);
        }
        if !unwritten {
            // Its writer may live for long: a later verb merges it.
            let kept = format!("{DISPLACED}{:016x}", random_u64());
            dir.rename(temporary, &kept, Target::Kept)?;
            return Ok(true);
        }
        if merged.is_some() && merged == content_sum(&file)? {
            dir.remove(temporary)?;
            return Ok(true);
        }
        match self.take_over(temporary, old, true)?.0 {
            Taken::Merged(_) => {
                dir.remove(temporary)?;
                Ok(false)
            }
            Taken::Rejected(why) => {
                self.set_aside(temporary, &file, &why)?;
                Ok(true)
            }
            Taken::Busy => Ok(false),
        }
    }

    /// What killed renderers and slow writers left, and the spare.
    fn left_overs(&mut self, stamp: Option<&Stamp>) -> Result<LeftOvers, Error> {
        let dir = self.dir();
        let mut unswapped = None;
        let mut has_spare = false;
        let current = stamp.map(|it| temporary_name(it.temporary));
        let mut swapped = stamp.is_some_and(|it| {
            it.settled || dir.ident(FACE).ok().flatten() != it.prev || it.prev.is_none()
        });
        let is_ours = |name: &str| {
            name.starts_with(DISPLACED) || name.starts_with(TEMPORARY) || name == SPARE
        };
        for name in dir.names_where(&is_ours)? {
            if name.starts_with(DISPLACED) {
                self.merge_left_over(&name, stamp, true)?;
            } else if name == SPARE
                && let Some(it) = stamp.filter(|it| it.settled && it.prev.is_some())
                && dir.ident(&name)? == it.prev
            {
                has_spare = true;
            } else {
                let Some(file) = dir.file_if_any(&name, Open::Read)? else {
                    continue;
                };
                let ident = file.ident()?;
                match stamp {
                    Some(it) if !it.settled && current.as_deref() == Some(&name) => {
                        if ident == it.next {
                            swapped = false;
                            unswapped = Some(name);
                        } else if it.prev == Some(ident) && !file.has_writer() {
                            dir.remove(&name)?;
                        } else {
                            // What it shows or lacks was written without a look at the face that displaced it.
                            self.merge_left_over(&name, stamp, false)?;
                        }
                    }
                    // Never installed: its render was killed before it said so in the stamp.
                    Some(_) => dir.remove(&name)?,
                    None => self.merge_left_over(&name, None, true)?,
                }
            }
        }
        Ok(LeftOvers {
            swapped,
            unswapped,
            has_spare,
        })
    }

    fn merge_left_over(
        &mut self,
        name: &str,
        stamp: Option<&Stamp>,
        swapped: bool,
    ) -> Result<(), Error> {
        let Some(file) = self.dir().file_if_any(name, Open::Read)? else {
            return Ok(());
        };
        if file.has_writer() {
            if !name.starts_with(DISPLACED) {
                let kept = format!("{DISPLACED}{:016x}", random_u64());
                self.dir().rename(name, &kept, Target::Kept)?;
            }
            return Ok(());
        }
        match self.take_over(name, stamp, swapped)?.0 {
            Taken::Merged(_) => Ok(self.dir().remove(name)?),
            Taken::Rejected(why) => self.set_aside(name, &file, &why),
            Taken::Busy => Ok(()),
        }
    }

    /// Merges one file into the journal and makes that durable. Also returns the highest revision in it.
    fn take_over(
        &mut self,
        name: &str,
        stamp: Option<&Stamp>,
        swapped: bool,
    ) -> Result<(Taken, u64), Error> {
        let Some(file) = self.dir().file_if_any(name, Open::Read)? else {
            return Ok((Taken::Merged(store::sum(b"", 0)), 0));
        };
        if !wait_for_writer(&file) {
            return Ok((Taken::Busy, 0));
        }
        if file.size()? > merge::MOST_BYTES {
            let why = format!("it is larger than {} MiB", merge::MOST_BYTES >> 20);
            return Ok((Taken::Rejected(why), 0));
        }
        let agent = self.agent();
        let mut bytes = file.read_to_end(merge::MOST_BYTES)?;
        let mut content = merge::read(&bytes, agent).map_err(|fault| fault.to_string());
        if content.is_err() {
            // Two equal reads: not caught half-way between truncation and the last write.
            std::thread::sleep(Duration::from_millis(20));
            wait_for_writer(&file);
            let again = file.read_to_end(merge::MOST_BYTES)?;
            if again != bytes {
                drop(content);
                bytes = again;
                content = merge::read(&bytes, agent).map_err(|fault| fault.to_string());
            }
        }
        let sum = store::sum(&bytes, 0);
        let content = match content {
            Ok(content) => content,
            Err(why) => return Ok((Taken::Rejected(why), 0)),
        };
        let rev = highest_rev(&content);
        let written_us = u64::try_from(file.ident()?.mtime_ns / 1000).unwrap_or(0);
        let mut held = self.hold()?;
        let same_boot = stamp.filter(|it| it.boot == self.mailbox.boot);
        // Of a rendering that was never installed, what earlier ones had shown already was seen all the same.
        let shown: Vec<Shown> = same_boot.map_or_else(Vec::new, |it| {
            let was_seen = |shown: &&Shown| swapped || shown.since < it.rev;
            it.shown.iter().filter(was_seen).copied().collect()
        });
        let memory = stamp.map(|it| Memory {
            rev: it.rev,
            shown: &shown,
            written_us,
            given: HashMap::new(),
        });
        if let Some(it) = stamp.filter(|_| swapped) {
            mark_shown(&mut held, it)?;
        }
        let outcome = merge::merge(
            &mut held,
            agent,
            &content,
            memory.as_ref(),
            &self.who,
            self.now,
        )?;
        self.say(&mut held, &outcome)?;
        let written = held.commit()?;
        // Also where all of it was known already: what is known may not be durable yet, and the file goes.
        self.flush_all(&written)?;
        self.notices(&written);
        if outcome.refused.is_empty() {
            Ok((Taken::Merged(sum), rev))
        } else {
            Ok((Taken::Rejected(outcome.refused.join("; ")), rev))
        }
    }

    fn flush_all(&mut self, written: &Written) -> Result<(), Error> {
        if written.changed {
            self.flush(written)?;
        } else {
            self.make_durable(&written.journal)?;
        }
        Ok(())
    }

    pub(super) fn say(&mut self, held: &mut Held<'_>, outcome: &Outcome) -> Result<(), Error> {
        for (seqs, event, what) in [
            (&outcome.adopted, "mail.adopted", "adopted from inbox.json"),
            (&outcome.edited, "mail.edited", "edited in inbox.json"),
            (
                &outcome.discarded,
                "mail.discarded",
                "removed from inbox.json",
            ),
        ] {
            for &seq in seqs {
                let slot = held.slot(seq)?;
                let msg = format!("{}/{seq} {what}", self.agent());
                let about = slot.map(|slot| (seq, MessageId::from_bits(slot.id)));
                self.event(Level::Info, event, msg, about, &[]);
            }
        }
        Ok(())
    }

    /// What cannot be taken over is kept beside the face, the same bytes once.
    fn set_aside(&mut self, name: &str, file: &File, why: &str) -> Result<(), Error> {
        let dir = self.dir();
        if let Some(kept) = kept_already(dir, REJECTED, file)? {
            self.warn(&format!(
                "{}: {why}; it is kept as {kept}",
                self.face_path()
            ));
            return Ok(dir.remove(name)?);
        }
        let time = self.now.wall.to_utc().format("%Y%m%dT%H%M%SZ");
        let mut kept = format!("{REJECTED}{time}");
        let mut n = 1;
        while let Err(error) = dir.rename(name, &kept, Target::Kept) {
            if !error.is_taken() {
                return Err(error.into());
            }
            n += 1;
            kept = format!("{REJECTED}{time}-{n}");
        }
        self.warn(&format!(
            "{}: {why}; nothing of that was taken over, it is kept as {kept}",
            self.face_path()
        ));
        Ok(())
    }

    fn face_path(&self) -> String {
        self.dir().path().join(FACE).display().to_string()
    }

    fn render_dead(
        &mut self,
        journal: &super::journal::Journal,
        slots: &[Slot],
    ) -> Result<(), Error> {
        let dir = self.dir();
        let mut letters = Vec::new();
        for slot in slots {
            if let Some(view) = view::read(journal, slot)? {
                letters.push((view, Ending::of(journal, slot)?.to_string()));
            }
        }
        let old = match dir.file_if_any(DEAD, Open::Read)? {
            Some(file) => match read_dead(&file)? {
                Ok(old) => old,
                Err(why) => {
                    let text = face::dead(b"", &letters, MOST_DEAD);
                    return self.set_dead_aside(&file, &text, &why);
                }
            },
            None => Vec::new(),
        };
        let text = face::dead(&old, &letters, MOST_DEAD);
        if text == old {
            return Ok(());
        }
        self.replace_dead(&text)
    }

    fn replace_dead(&self, text: &[u8]) -> Result<(), Error> {
        let random = random_u64();
        let temporary = temporary_name(random);
        self.write_aside(&temporary, text, random)?;
        Ok(self.dir().rename(&temporary, DEAD, Target::Replaced)?)
    }

    /// The new text is written under the name that the old one will be kept by, and then they change places:
    /// killed in between, what somebody wrote still lies where he wrote it.
    fn set_dead_aside(&mut self, file: &File, text: &[u8], why: &str) -> Result<(), Error> {
        let dir = self.dir();
        let kept = if let Some(kept) = kept_already(dir, REJECTED_DEAD, file)? {
            self.replace_dead(text)?;
            kept
        } else {
            let time = self.now.wall.to_utc().format("%Y%m%dT%H%M%SZ");
            let mut kept = format!("{REJECTED_DEAD}{time}");
            let mut n = 1;
            while dir.exists(&kept)? {
                n += 1;
                kept = format!("{REJECTED_DEAD}{time}-{n}");
            }
            self.write_aside(&kept, text, random_u64())?;
            match dir.rename(&kept, DEAD, Target::Exchanged) {
                Err(error) if error.is_unsupported() => {
                    dir.rename(DEAD, &kept, Target::Replaced)?;
                    self.replace_dead(text)?;
                }
                other => other?,
            }
            kept
        };
        let path = dir.path().join(DEAD);
        self.warn(&format!("{}: {why}; it is kept as {kept}", path.display()));
        Ok(())
    }
}

/// What stands in `dead.json`, or why that is no such thing. What a power cut emptied holds nothing.
fn read_dead(file: &File) -> Result<Result<Vec<u8>, String>, Error> {
    // Whoever still writes after that goes on in what is set aside.
    wait_for_writer(file);
    if file.size()? > merge::MOST_BYTES {
        let why = format!("it is larger than {} MiB", merge::MOST_BYTES >> 20);
        return Ok(Err(why));
    }
    let bytes = file.read_to_end(merge::MOST_BYTES)?;
    if bytes.iter().all(|&b| b == 0 || b.is_ascii_whitespace()) {
        return Ok(Ok(Vec::new()));
    }
    let fault = json::items(&bytes).err();
    Ok(fault.map_or(Ok(bytes), |fault| Err(fault.to_string())))
}

/// The name under which the same bytes are kept.
fn kept_already(dir: &Dir, prefix: &str, file: &File) -> Result<Option<String>, Error> {
    let Some(sum) = content_sum(file)? else {
        return Ok(None);
    };
    for name in dir.names()? {
        if name.starts_with(prefix)
            && let Some(kept) = dir.file_if_any(&name, Open::Read)?
            && content_sum(&kept)? == Some(sum)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// What the face before this one showed.
struct Earlier<'s> {
    shown: &'s [Shown],
    /// Its text, if that stands there untouched, and where each entry begins.
    entries: Option<(Entries, Vec<usize>)>,
}

impl<'s> Earlier<'s> {
    fn read(dir: &Dir, stamp: Option<&'s Stamp>, state: Face) -> Result<Self, Error> {
        let Some(stamp) = stamp else {
            return Ok(Self {
                shown: &[],
                entries: None,
            });
        };
        let mut it = Self {
            shown: &stamp.shown,
            entries: None,
        };
        if state == Face::Next
            && let Some(file) = dir.file_if_any(FACE, Open::Read)?
            && file.opened() == stamp.next
        {
            let bytes = file.read_to_end(stamp.next.size)?;
            if store::sum(&bytes, stamp.rev) == stamp.text {
                // Behind the bracket, and then behind each comma.
                let begins = stamp.shown.iter().scan(1, |at, shown| {
                    let begin = *at;
                    *at += usize::try_from(shown.len).unwrap_or(0) + 1;
                    Some(begin)
                });
                it.entries = Some((Entries::new(bytes, stamp.rev), begins.collect()));
            }
        }
        Ok(it)
    }

    fn size(&self) -> usize {
        let entries = self.entries.as_ref();
        entries.map_or(0, |(entries, _)| entries.size())
    }

    /// The text with its entries, where each of them stands in the new one too, unchanged, before all others: so it is
    /// whenever mail has only come in.
    fn continued(&mut self, slots: &[Slot], salt: u64, rev: u64) -> Option<Text> {
        let is_as_before = |(slot, shown): (&Slot, &Shown)| {
            slot.id == shown.id
                && stamp::look(slot, salt) == shown.look
                && (slot.adopted && slot.shown == 0) == shown.unmarked
        };
        if slots.len() < self.shown.len() || !slots.iter().zip(self.shown).all(is_as_before) {
            return None;
        }
        let lens = self.shown.iter().map(|shown| shown.len).collect();
        let (entries, _) = self.entries.take()?;
        Text::continued(entries, lens, rev)
    }

    /// Where it showed a message. Both faces are in delivery order, so that `near` is nearly right.
    fn find(&self, id: u128, near: usize) -> Option<usize> {
        let (before, after) = self.shown.split_at(near.min(self.shown.len()));
        let is_it = |shown: &Shown| shown.id == id;
        let later = after.iter().position(is_it).map(|at| near + at);
        later.or_else(|| before.iter().position(is_it))
    }

    fn copy(&self, text: &mut Text, at: usize, look: u64) -> Option<bool> {
        let (entries, begins) = self.entries.as_ref()?;
        let shown = &self.shown[at];
        let begin = begins[at];
        let end = begin + usize::try_from(shown.len).ok()?;
        (shown.look == look)
            .then(|| text.copy(entries, begin..end))
            .flatten()
    }
}

/// A face that lies ready under its passing name.
struct Made {
    /// What that name is made of.
    number: u64,
    next: Ident,
    composed: Composed,
}

/// A face that is to be written.
struct Composed {
    text: Vec<u8>,
    shown: Vec<Shown>,
    /// It begins with all that the face before it showed, unchanged but for the revision.
    is_continued: bool,
}

/// The face of these messages, or of as many as there is room for.
fn compose(
    journal: &Journal,
    slots: &[Slot],
    earlier: &mut Earlier<'_>,
    rev: u64,
) -> Result<Composed, Error> {
    let salt = journal.opening.salt;
    let mut shown = Vec::with_capacity(slots.len());
    let continued = earlier.continued(slots, salt, rev);
    let is_continued = continued.is_some();
    if is_continued {
        shown.extend_from_slice(earlier.shown);
    }
    let mut near = shown.len();
    let mut text = continued.unwrap_or_else(|| Text::with_room(rev, earlier.size() + COMMON));
    for slot in &slots[near..] {
        let look = stamp::look(slot, salt);
        let before = earlier.find(slot.id, near);
        let copied = before.and_then(|at| earlier.copy(&mut text, at, look));
        let is_added = if let Some(is_added) = copied {
            is_added
        } else {
            let view = view::read(journal, slot)?;
            let lies = || {
                let why = "not what the index says".into();
                journal.bad(slot.send.offset, why, 1)
            };
            text.add(&view.ok_or_else(lies)?)
        };
        if !is_added {
            break;
        }
        shown.push(Shown {
            id: slot.id,
            seq: slot.seq,
            since: before.map_or(rev, |at| earlier.shown[at].since),
            unmarked: slot.adopted && slot.shown == 0,
            look,
            len: text.last_len(),
        });
        near = before.map_or(near, |at| at + 1);
    }
    Ok(Composed {
        text: text.finish(),
        shown,
        is_continued,
    })
}

/// `true` once nobody has the file open for writing.
fn wait_for_writer(file: &File) -> bool {
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(1);
    while file.has_writer() {
        if waited >= WRITER {
            return false;
        }
        std::thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    true
}

fn content_sum(file: &File) -> Result<Option<u64>, Error> {
    let size = file.size()?;
    if size > MOST_COMPARED {
        return Ok(None);
    }
    if size > merge::MOST_BYTES {
        // Piece by piece: what is too large to be read need not fit into memory.
        let (mut sum, mut at, mut piece) = (size, 0, vec![0; 1 << 20]);
        loop {
            match file.read_at(at, &mut piece)? {
                0 => return Ok(Some(sum)),
                n => {
                    sum = store::sum(&piece[..n], sum);
                    at += n as u64;
                }
            }
        }
    }
    Ok(Some(store::sum(&file.read_to_end(merge::MOST_BYTES)?, 0)))
}

fn highest_rev(content: &Content<'_>) -> u64 {
    let Content::Entries(items) = content else {
        return 0;
    };
    items
        .iter()
        .filter_map(|item| item.fields.get("rev")?.get().parse().ok())
        .filter(|rev| *rev < SANE_REV)
        .max()
        .unwrap_or(0)
}

/// Puts the new face in place. It never vanishes in between: an old one is exchanged, not replaced.
fn swap_in(dir: &Dir, temporary: &str) -> Result<(), Error> {
    match dir.rename(temporary, FACE, Target::Exchanged) {
        Err(error) if error.is_absent() => Ok(dir.rename(temporary, FACE, Target::Kept)?),
        Err(error) if error.is_unsupported() => {
            // A file system that cannot exchange: what is replaced unseen was looked at a moment ago.
            Ok(dir.rename(temporary, FACE, Target::Replaced)?)
        }
        other => Ok(other?),
    }
}

/// The index learns which adopted messages that face showed first.
fn mark_shown(held: &mut Held<'_>, stamp: &Stamp) -> Result<(), Error> {
    for shown in stamp.shown.iter().filter(|shown| shown.unmarked) {
        if let Some(slot) = held.slot(shown.seq)?
            && slot.id == shown.id
            && slot.shown == 0
        {
            held.index.put(&Slot {
                shown: shown.since,
                ..slot
            })?;
        }
    }
    Ok(())
}

/// The first pending messages in delivery order, as many as a face shows at most.
pub(super) fn window(held: &mut Held<'_>) -> Result<Vec<Slot>, Error> {
    held.ask(|index| index.first_pending(face::MOST_MESSAGES))
}

/// The newest dead letters of this generation, oldest first.
pub(super) fn dead_letters(held: &mut Held<'_>) -> Result<Vec<Slot>, Error> {
    let mut slots = Vec::new();
    let mut seq = held.index.last_dead();
    while slots.len() < MOST_DEAD
        && seq != 0
        && let Some(slot) = held.slot(seq)?
    {
        seq = slot.prev_dead;
        slots.push(slot);
    }
    slots.reverse();
    Ok(slots)
}
