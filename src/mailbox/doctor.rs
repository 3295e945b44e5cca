//! `doctor`: what can be seen to be wrong with a mailbox, and the mending of it without deleting.
//!
//! A look changes nothing on disk. Mending is done round by round until a look finds nothing more that can be
//! mended: what a look no longer finds is fixed, whoever mended it. Broken lines of the journal are copied byte
//! for byte to `journal.rejected-<time>` before a new generation is written without them; the old generation is
//! kept in the archive as it was. What is derived is made anew; what stands in the way is renamed.
//!
//! Not findings, since the next verb deals with them by itself: a torn line, derived files that are absent, of
//! another boot or unfinished, mail that is not flushed yet. Nor files that are not ours; nor fields of a record
//! that we do not know, which a newer program may have written.

mod audit;
mod derived;
mod faces;
mod place;

pub(super) use self::place::may_go_aside;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::audit::{Audit, Bad};
use self::faces::Mail;
use super::archive::{self, ARCHIVE};
use super::create;
use super::error::Error;
use super::held::{Held, INDEX, LOCK};
use super::journal::{JOURNAL, Journal, had_one};
use super::merge::MOST_BYTES;
use super::open::{Mailbox, all};
use super::prune::{self, Repair};
use super::record::VERSION;
use super::render::{self, FACE};
use super::send;
use super::stamp::{self, Face, Stamp, Stamps};
use super::take::Outcome;
use super::visit::{PATIENCE, Visit};
use super::{moves, tombstone, view};
use crate::names::{AgentId, Explain as _, Finding, Kind, Level, Permit};
use crate::store::{Deadline, Dir, Lock, Open, Target, What, random_u64};
use crate::time::{Now, Timestamp};

/// What a finding is called. Stable: scripts match on them.
mod word {
    /// By hand: the journal is gone, and what was made from it is there.
    pub(super) const JOURNAL_GONE: &str = "journal-gone";
    /// By hand: its first line is none.
    pub(super) const JOURNAL_NO_OPENING: &str = "journal-no-opening";
    /// By hand: a newer program wrote it.
    pub(super) const JOURNAL_NEWER: &str = "journal-newer";
    /// By hand: it is the journal of another mailbox.
    pub(super) const JOURNAL_OF_ANOTHER: &str = "journal-of-another";
    pub(super) const JOURNAL_BAD_RECORD: &str = "journal-bad-record";
    /// A record about a number that was never sent.
    pub(super) const JOURNAL_ORPHAN: &str = "journal-orphan";
    pub(super) const SENT_TWICE: &str = "sent-twice";
    pub(super) const SEQ_NOT_RISING: &str = "seq-not-rising";
    /// Numbers without a message that nothing says to be void.
    pub(super) const SEQ_GAP: &str = "seq-gap";
    /// By hand: such a message is found by its number only.
    pub(super) const ID_NOT_RISING: &str = "id-not-rising";
    pub(super) const INDEX_DIFFERS: &str = "index-differs";
    pub(super) const INDEX_INVALID: &str = "index-invalid";
    pub(super) const KEYS_DIFFER: &str = "keys-differ";
    pub(super) const KEYS_INVALID: &str = "keys-invalid";
    pub(super) const DURABLE_BEYOND: &str = "durable-beyond";
    pub(super) const STAMP_INVALID: &str = "stamp-invalid";
    pub(super) const FACE_MISSING: &str = "face-missing";
    pub(super) const FACE_INVALID: &str = "face-invalid";
    /// Edits that wait to be merged.
    pub(super) const FACE_EDITED: &str = "face-edited";
    /// Nobody edited it, and it is not the pending mail.
    pub(super) const FACE_BEHIND: &str = "face-behind";
    pub(super) const DEAD_INVALID: &str = "dead-invalid";
    pub(super) const DEAD_LACKING: &str = "dead-lacking";
    /// By hand.
    pub(super) const ARCHIVE_BROKEN: &str = "archive-broken";
    /// By hand: sealed, and not older than the current one.
    pub(super) const ARCHIVE_GENERATION: &str = "archive-generation";
    /// By hand: a pending message names it.
    pub(super) const ATTACHMENT_MISSING: &str = "attachment-missing";
    /// By hand.
    pub(super) const ATTACHMENT_WRONG: &str = "attachment-wrong";
    pub(super) const BALLAST: &str = "ballast";
    pub(super) const LEFT_OVER: &str = "left-over";
    pub(super) const MODE: &str = "mode";
    /// By hand.
    pub(super) const WRONG_OWNER: &str = "wrong-owner";
    /// A link, a pipe, a device, a second name in the place of a file of ours. In the place of the journal or of a
    /// directory: by hand.
    pub(super) const NOT_PLAIN: &str = "not-plain";
    /// By hand: a mailbox under a name that no agent has.
    pub(super) const NO_AGENT: &str = "no-agent";
}

/// A repair may bring to light what stood behind it.
const MOST_ROUNDS: usize = 4;
/// A prune may come between the two halves of a look.
const MOST_LOOKS: usize = 3;

/// What has been found so far.
struct Findings<'d> {
    dir: &'d Dir,
    all: Vec<Finding>,
}

impl<'d> Findings<'d> {
    const fn new(dir: &'d Dir) -> Self {
        Self {
            dir,
            all: Vec::new(),
        }
    }

    fn add(&mut self, what: &'static str, path: PathBuf, detail: String, fixable: bool) {
        self.all.push(Finding {
            what,
            path,
            detail,
            fixable,
            fixed: false,
        });
    }

    fn by_hand(&mut self, what: &'static str, name: &str, detail: impl Into<String>) {
        self.add(what, self.dir.path().join(name), detail.into(), false);
    }

    fn fixable(&mut self, what: &'static str, name: &str, detail: impl Into<String>) {
        self.add(what, self.dir.path().join(name), detail.into(), true);
    }
}

/// What one look came to.
struct Exam {
    findings: Vec<Finding>,
    /// Lines to be set aside, and the highest number that may have been given.
    bad: Vec<Bad>,
    last_seq: u64,
    /// Of which generation; `None` where nothing but modes may be mended.
    generation: Option<(u64, u64)>,
}

impl Exam {
    fn has(&self, words: &[&str]) -> bool {
        self.findings
            .iter()
            .any(|it| it.fixable && words.contains(&it.what))
    }
}

impl Mailbox {
    /// Looks at everything that can be seen; with `fix` mends what can be mended.
    pub fn doctor(
        &self,
        permit: &Permit,
        fix: bool,
        now: Now,
    ) -> Result<Outcome<Vec<Finding>>, Error> {
        let mut visit = Visit::new(self, permit, now);
        let mut exam = examine(&visit)?;
        let mut findings = std::mem::take(&mut exam.findings);
        if fix {
            mend(&mut visit, exam, &mut findings)?;
            repaired(&mut visit, &findings);
        }
        Ok(Outcome::of(findings, visit))
    }
}

/// Mends and looks again, until there is nothing more to mend. `findings` gets what later looks bring to light.
fn mend(visit: &mut Visit<'_>, mut exam: Exam, findings: &mut Vec<Finding>) -> Result<(), Error> {
    exam.findings.clone_from(findings);
    for _ in 0..MOST_ROUNDS {
        if !exam.findings.iter().any(|it| it.fixable) {
            break;
        }
        if let Err(error) = mend_once(visit, &exam) {
            if error.kind() == Kind::Busy {
                return Err(error);
            }
            visit.warn(&format!("not all could be mended: {error}"));
            exam = examine(visit)?;
            break;
        }
        exam = examine(visit)?;
        for new in &exam.findings {
            if !findings.iter().any(|it| is_same(it, new)) {
                findings.push(new.clone());
            }
        }
    }
    for finding in findings.iter_mut().filter(|it| it.fixable) {
        finding.fixed = !exam.findings.iter().any(|it| is_same(it, finding));
    }
    Ok(())
}

/// Details name lines and numbers, which a repair of another one moves.
fn is_same(a: &Finding, b: &Finding) -> bool {
    (a.what, &a.path) == (b.what, &b.path)
}

fn repaired(visit: &mut Visit<'_>, findings: &[Finding]) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings.iter().filter(|it| it.fixed) {
        *counts.entry(finding.what).or_default() += 1;
    }
    for (what, count) in counts {
        let msg = format!("{}: {what} mended", visit.agent());
        let fields = [("what", what.into()), ("count", count.into())];
        visit.event(Level::Info, "mail.repaired", msg, None, &fields);
    }
}

fn examine(visit: &Visit<'_>) -> Result<Exam, Error> {
    for _ in 0..MOST_LOOKS {
        if let Some(exam) = examine_once(visit)? {
            return Ok(exam);
        }
    }
    Err(Error::Store(crate::store::Error::Busy {
        path: visit.dir().path().join(JOURNAL),
        holder: " by one prune after the other".into(),
    }))
}

pub(super) fn wait() -> Deadline {
    Deadline::after(PATIENCE)
}

/// The journal folded in memory.
fn fold<'m>(visit: &Visit<'m>, end: u64) -> Result<Held<'m>, Error> {
    let mailbox = visit.mailbox;
    let journal = Journal::open(&mailbox.dir, JOURNAL, Open::Read)?.ok_or_else(|| gone(visit))?;
    let boot = (mailbox.boot, mailbox.boot_text.as_str());
    Held::aside(&mailbox.dir, boot, journal, end)
}

fn gone(visit: &Visit<'_>) -> Error {
    Error::JournalGone {
        path: visit.dir().path().join(JOURNAL),
    }
}

/// `None` where the journal was exchanged meanwhile. The locks are those that exist: a mailbox that nobody ever
/// pruned has no prune lock, and a look makes none.
fn examine_once(visit: &Visit<'_>) -> Result<Option<Exam>, Error> {
    let dir = visit.dir();
    let mut found = Findings::new(dir);
    let may_lock = place::look(&mut found, dir)?;
    let mut absent = Vec::new();
    let mut lock = |name| -> Result<Option<Lock>, Error> {
        if !may_lock {
            return Ok(None);
        }
        let lock = Lock::acquire_if_any(dir, name, wait())?;
        if lock.is_none() {
            absent.push(name);
        }
        Ok(lock)
    };
    let _prune_lock = lock(prune::LOCK)?;
    let Some(journal) = journal(&mut found, visit)? else {
        return Ok(Some(Exam {
            findings: found.all,
            bad: Vec::new(),
            last_seq: 0,
            generation: None,
        }));
    };
    let opening = &journal.opening;
    let is_ours = visit.mailbox.answers_to(&opening.mailbox)?;
    if !is_ours {
        let detail = format!("line 1: it is the journal of {}", opening.mailbox);
        found.by_hand(word::JOURNAL_OF_ANOTHER, JOURNAL, detail);
    }

    // The bulk is read before the locks that others wait for.
    let mut audit = Audit::new(&journal);
    audit.read(&journal, journal.file.size()?)?;
    let mut fresh = if audit.is_usable() {
        Some(fold(visit, audit.end())?)
    } else {
        None
    };
    let render_lock = lock(render::LOCK)?;
    let journal_lock = lock(LOCK)?;
    let current = dir.ident(JOURNAL)?.map(|it| it.ino);
    if current != Some(journal.file.opened().ino) {
        return Ok(None);
    }
    let end = journal.file.size()?;
    audit.read(&journal, end)?;
    audit.finish(&mut found);
    let durable = derived::durable(&mut found, dir, &journal, end)?;
    if let Some(fresh) = fresh.as_mut().filter(|_| audit.is_usable()) {
        derived::index_and_keys(&mut found, visit, fresh, end)?;
    } else {
        fresh = None;
    }
    place::ballast(&mut found, dir)?;
    drop(journal_lock);
    place::left_overs(&mut found, dir)?;
    if let Some(fresh) = &mut fresh {
        let mut mail = Mail {
            is_durable: durable >= fresh.end(),
            newest_ms: audit.newest_ms,
            fresh,
        };
        faces::judge(&mut found, visit, &mut mail)?;
    }
    drop(render_lock);
    if let Some(fresh) = &mut fresh {
        missing_attachments(&mut found, fresh, &audit)?;
    }
    place::attachments(&mut found, dir)?;
    place::archives(&mut found, visit.mailbox, opening)?;
    // Locked for the first time while we looked: somebody has been at work beside us.
    for name in absent {
        if dir.exists(name)? {
            return Ok(None);
        }
    }
    Ok(Some(Exam {
        findings: found.all,
        bad: audit.bad().to_vec(),
        last_seq: audit.last_seq(),
        generation: (is_ours && may_lock).then_some((opening.generation, opening.salt)),
    }))
}

/// The journal, where it can be read by this program; otherwise why not.
fn journal(found: &mut Findings<'_>, visit: &Visit<'_>) -> Result<Option<Journal>, Error> {
    let dir = visit.dir();
    match Journal::open(dir, JOURNAL, Open::Read) {
        Ok(Some(journal)) if journal.opening.version > VERSION => {
            let detail = format!(
                "line 1: format {}, this program knows {VERSION}",
                journal.opening.version
            );
            found.by_hand(word::JOURNAL_NEWER, JOURNAL, detail);
            Ok(None)
        }
        Ok(Some(journal)) => Ok(Some(journal)),
        Ok(None) => {
            if had_one(dir)? {
                let detail = "missing, but what was made from it is there: put it back from a copy";
                found.by_hand(word::JOURNAL_GONE, JOURNAL, detail);
            }
            Ok(None)
        }
        Err(Error::Corrupt {
            line, column, why, ..
        }) => {
            let detail = format!("line {line}, column {column}: {why}");
            found.by_hand(word::JOURNAL_NO_OPENING, JOURNAL, detail);
            Ok(None)
        }
        // Told already, with what it is.
        Err(Error::Store(crate::store::Error::NotPlain { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

fn missing_attachments(
    found: &mut Findings<'_>,
    fresh: &mut Held<'_>,
    audit: &Audit,
) -> Result<(), Error> {
    for &seq in &audit.with_files {
        let Some(slot) = fresh.slot(seq)?.filter(|slot| slot.state.is_pending()) else {
            continue;
        };
        let Some(view) = view::read(&fresh.journal, &slot)? else {
            continue;
        };
        for sha256 in send::named_files(view.message().metadata.get("attachments").as_ref()) {
            let path = super::attach::path(&sha256);
            if !found.dir.exists(&path)? {
                let detail = format!("number {seq} names it");
                found.by_hand(word::ATTACHMENT_MISSING, &path, detail);
            }
        }
    }
    Ok(())
}

fn mend_once(visit: &mut Visit<'_>, exam: &Exam) -> Result<(), Error> {
    for finding in exam.findings.iter().filter(|it| it.what == word::MODE) {
        mend_mode(visit.dir(), &finding.path)?;
    }
    if exam.has(&[word::NOT_PLAIN]) {
        // What stood behind it is seen by the next look.
        return mend_not_plain(visit.dir(), exam, visit.now.wall);
    }
    let Some(generation) = exam.generation else {
        return Ok(());
    };
    if exam.has(&[word::LEFT_OVER]) {
        mend_left_overs(visit)?;
    }
    if !exam.bad.is_empty() {
        mend_lines(visit, exam, generation)?;
    }
    if exam.has(&[
        word::INDEX_DIFFERS,
        word::INDEX_INVALID,
        word::KEYS_DIFFER,
        word::KEYS_INVALID,
        word::SEQ_GAP,
    ]) {
        mend_index(visit)?;
    }
    if exam.has(&[word::BALLAST]) {
        let _lock = Lock::acquire(visit.dir(), LOCK, wait())?;
        create::write_ballast(visit.dir())?;
    }
    let faces = [
        word::STAMP_INVALID,
        word::FACE_MISSING,
        word::FACE_INVALID,
        word::FACE_EDITED,
        word::FACE_BEHIND,
        word::DEAD_INVALID,
        word::DEAD_LACKING,
        word::LEFT_OVER,
    ];
    if exam.has(&faces) {
        mend_faces(visit, exam)?;
    } else if exam.has(&[word::DURABLE_BEYOND]) {
        flush(visit)?;
    }
    Ok(())
}

/// Renames what stands in the place of a file of ours. Nothing is followed or opened.
fn mend_not_plain(dir: &Dir, exam: &Exam, now: Timestamp) -> Result<(), Error> {
    let mut locks = Vec::new();
    for name in [prune::LOCK, render::LOCK, LOCK] {
        if place::is_trap(dir, name)? {
            // Whoever locked the file that lay there before may be at work still. No verb is for longer.
            std::thread::sleep(PATIENCE);
        } else {
            locks.push(Lock::acquire_if_any(dir, name, wait())?);
        }
    }
    let traps = exam
        .findings
        .iter()
        .filter(|it| it.what == word::NOT_PLAIN && it.fixable);
    for name in traps.filter_map(|it| it.path.file_name()?.to_str()) {
        if place::is_trap(dir, name)? {
            let prefix = format!("not-plain-{}-", name.trim_start_matches('.'));
            move_aside(dir, name, &prefix, now)?;
        }
    }
    Ok(())
}

fn mend_mode(dir: &Dir, path: &Path) -> Result<(), Error> {
    let Ok(below) = path.strip_prefix(dir.path()) else {
        return Ok(());
    };
    let name = below.to_str().unwrap_or_default();
    let (holder, name) = match name.split_once('/') {
        Some((sub, name)) => (Some(dir.sub(sub)?), name),
        None if name.is_empty() => (None, "."),
        None => (None, name),
    };
    let holder = holder.as_ref().unwrap_or(dir);
    let mode = match holder.look(name)?.map(|look| look.what) {
        Some(What::Directory) => place::DIR_MODE,
        Some(_) => place::FILE_MODE,
        None => return Ok(()),
    };
    Ok(holder.set_mode(name, mode)?)
}

fn stamped(now: Timestamp) -> String {
    now.to_utc().format("%Y%m%dT%H%M%SZ").to_string()
}

/// Renames a file to `<prefix><time>`, replacing nothing.
fn move_aside(dir: &Dir, name: &str, prefix: &str, now: Timestamp) -> Result<(), Error> {
    let time = stamped(now);
    let mut kept = format!("{prefix}{time}");
    let mut n = 1;
    while let Err(error) = dir.rename(name, &kept, Target::Kept) {
        if !error.is_taken() {
            return Err(error.into());
        }
        n += 1;
        kept = format!("{prefix}{time}-{n}");
    }
    Ok(dir.sync()?)
}

/// Writes a durable file `<prefix><time>` that was not there before.
fn keep(
    dir: &Dir,
    bytes: &[u8],
    temporary: &str,
    prefix: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let file = dir.file(temporary, Open::New)?;
    if let Err(error) = file.write_at(0, bytes).and_then(|()| file.sync_data()) {
        dir.remove(temporary)?;
        return Err(error.into());
    }
    move_aside(dir, temporary, prefix, now)
}

/// Those of renders are merged or swept by the next render. Those of prunes are sealed, where they are an old
/// generation; what they are otherwise, they are renamed, not believed.
fn mend_left_overs(visit: &mut Visit<'_>) -> Result<(), Error> {
    let dir = visit.dir();
    let _lock = Lock::acquire(dir, prune::LOCK, wait())?;
    let current = Journal::open(dir, JOURNAL, Open::Read)?.map(|it| it.opening);
    for name in dir.names()? {
        if !name.starts_with(prune::TEMPORARY) {
            continue;
        }
        let sealed = archive::list(dir)?;
        let old = place::generation(dir, &name).filter(|its| {
            current
                .as_ref()
                .is_some_and(|now| its.generation < now.generation && its.mailbox == now.mailbox)
                && sealed.iter().all(|it| it.generation != its.generation)
        });
        match old {
            Some(its) => prune::seal(visit, &name, its.generation)?,
            None => move_aside(dir, &name, place::REJECTED_LINES, visit.now.wall)?,
        }
    }
    if dir
        .look(ARCHIVE)?
        .is_some_and(|it| it.what == What::Directory)
    {
        archive::pack(dir)?;
    }
    Ok(())
}

/// Copies the broken lines aside, durable; then a generation without them takes the place of this one.
fn mend_lines(visit: &mut Visit<'_>, exam: &Exam, generation: (u64, u64)) -> Result<(), Error> {
    let dir = visit.dir();
    let lock = Lock::acquire(dir, prune::LOCK, wait())?;
    let journal = Journal::open(dir, JOURNAL, Open::Read)?.ok_or_else(|| gone(visit))?;
    if (journal.opening.generation, journal.opening.salt) != generation {
        // Somebody else was faster: the places are those of another file.
        return Ok(());
    }
    let mut bytes = Vec::new();
    for bad in &exam.bad {
        let mut line = vec![0; usize::try_from(bad.len).unwrap_or(usize::MAX)];
        let n = journal.file.read_at(bad.offset, &mut line)?;
        bytes.extend_from_slice(&line[..n]);
    }
    // A name that whoever holds this lock sweeps.
    let temporary = format!("{}{:016x}", prune::TEMPORARY, random_u64());
    keep(
        dir,
        &bytes,
        &temporary,
        place::REJECTED_LINES,
        visit.now.wall,
    )?;
    let repair = Repair {
        bad: exam.bad.iter().map(|bad| bad.offset).collect(),
        last_seq: exam.last_seq,
        all_stay: false,
    };
    visit.deadline = wait();
    prune::without(visit, &lock, &repair)
}

/// Emptied first: a lying index must not be asked what is due.
fn mend_index(visit: &mut Visit<'_>) -> Result<(), Error> {
    let lock = Lock::acquire(visit.dir(), LOCK, wait())?;
    if let Some(index) = visit.dir().file_if_any(INDEX, Open::Write)? {
        index.truncate(0)?;
    }
    drop(lock);
    visit.deadline = wait();
    let held = visit.hold()?;
    visit.finish(held)?;
    Ok(())
}

/// Everything that is there is durable; returns how far that is.
fn flush(visit: &mut Visit<'_>) -> Result<u64, Error> {
    visit.deadline = wait();
    let held = visit.hold()?;
    let written = held.commit()?;
    written.journal.flush(visit.dir())
}

fn mend_faces(visit: &mut Visit<'_>, exam: &Exam) -> Result<(), Error> {
    let end = flush(visit)?;
    let lock = Lock::acquire(visit.dir(), render::LOCK, wait())?;
    set_faces_aside(visit, exam, end)?;
    forget_rendering(
        visit.dir(),
        exam.has(&[word::DEAD_INVALID, word::DEAD_LACKING]),
    )?;
    drop(lock);
    visit.deadline = wait();
    visit.render()
}

/// What a rendering would overwrite without having made it.
fn set_faces_aside(visit: &Visit<'_>, exam: &Exam, end: u64) -> Result<(), Error> {
    let (dir, now) = (visit.dir(), visit.now.wall);
    if exam.has(&[word::FACE_BEHIND, word::FACE_INVALID, word::FACE_MISSING])
        && let Some(file) = dir.file_if_any(FACE, Open::Read)?
    {
        let stamps = Stamps::look(dir)?;
        // Behind because mail came or went: it is as we rendered it. Otherwise its bytes are somebody's.
        let is_changed = stamp::judge(stamps.stamp.as_ref(), Some(file.ident()?)) == Face::Next
            && stamps.stamp.is_some_and(|it| it.covers >= end);
        if is_changed {
            let bytes = file.read_to_end(MOST_BYTES)?;
            let temporary = stamp::temporary_name(random_u64());
            keep(dir, &bytes, &temporary, render::REJECTED, now)?;
        }
    }
    Ok(())
}

/// The stamp says that its swap is not over, so that the next render does not take the face for right.
pub(super) fn forget_rendering(dir: &Dir, is_dead_wrong: bool) -> Result<(), Error> {
    let mut stamps = Stamps::read(dir)?;
    let Some(old) = stamps.stamp.clone() else {
        return Ok(());
    };
    let is_over = old.settled && stamp::judge(Some(&old), dir.ident(FACE)?) == Face::Next;
    let new = Stamp {
        rev: old.rev + 1,
        dead: if is_dead_wrong { u64::MAX } else { old.dead },
        prev: if is_over { None } else { old.prev },
        // What its swap displaced has been looked at: the spare is no edit.
        temporary: if is_over { random_u64() } else { old.temporary },
        settled: old.settled && !is_over,
        ..old
    };
    stamps.write(dir, new)?;
    Ok(())
}

/// What lies beside the mailboxes in `runtime/mailbox` and has no business there.
pub fn strays(mailboxes: &Path, fix: bool) -> Result<Vec<Finding>, Error> {
    let dir = all(mailboxes)?;
    let mut found = Findings::new(&dir);
    for name in dir.names()? {
        let Some(look) = dir.look(&name)? else {
            continue;
        };
        let is_new = name.starts_with(create::NEW);
        let is_gone = name.starts_with(moves::GONE);
        let agent = AgentId::parse(&name).ok();
        let is_agent = agent.is_some();
        match look.what {
            What::Directory if is_new => half_made(&mut found, &dir, &name)?,
            What::Directory if is_gone => half_removed(&mut found, &dir, &name)?,
            What::Directory if is_agent => {}
            What::Directory => {
                let below = dir.sub(&name)?;
                if below.exists(JOURNAL)? {
                    found.by_hand(word::NO_AGENT, &name, "a mailbox, but no name of an agent");
                }
            }
            What::File if name.starts_with(tombstone::ASIDE) => {
                if tombstone::is_left(&dir, &name)? {
                    found.fixable(word::LEFT_OVER, &name, "of a rename that was killed");
                }
            }
            What::File if tombstone_at(&mut found, &dir, agent.as_ref())? => {}
            What::File | What::Link | What::Other if is_new || is_agent => {
                let what = match look.what {
                    What::Link => "a link where a mailbox belongs",
                    What::File | What::Directory => "a file where a mailbox belongs",
                    What::Other => "a pipe, socket or device where a mailbox belongs",
                };
                found.by_hand(word::NOT_PLAIN, &name, what);
            }
            What::File | What::Link | What::Other => {}
        }
    }
    let mut findings = found.all;
    if fix {
        for finding in findings.iter_mut().filter(|it| it.fixable) {
            let name = finding.path.file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            match dir.look(&name)?.map(|look| look.what) {
                Some(What::Directory) if name.starts_with(moves::GONE) => {
                    moves::remove_left_over(&dir, &name)?;
                }
                Some(What::Directory) => create::remove(&dir, &name)?,
                _ => dir.remove(&name)?,
            }
            finding.fixed = !dir.exists(&name)?;
        }
    }
    Ok(findings)
}

/// Taken out of its place to be removed: nobody reads it any more, and nothing is accepted into it.
fn half_removed(found: &mut Findings<'_>, parent: &Dir, name: &str) -> Result<(), Error> {
    if !moves::is_being_removed(parent, name)? {
        let detail = "a mailbox that was being removed when that was killed";
        found.fixable(word::LEFT_OVER, name, detail);
    }
    Ok(())
}

/// What is wrong with the tombstone in the place of a mailbox; `false` where there is none.
fn tombstone_at(
    found: &mut Findings<'_>,
    parent: &Dir,
    agent: Option<&AgentId>,
) -> Result<bool, Error> {
    let Some(agent) = agent else {
        return Ok(false);
    };
    let stone = match tombstone::read(parent, agent) {
        Ok(Some(stone)) => stone,
        Ok(None) => return Ok(false),
        Err(error @ Error::Newer { .. }) => {
            found.by_hand(word::JOURNAL_NEWER, agent.as_str(), error.to_string());
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let detail = match tombstone::follow(parent, agent)? {
        Some(now) if parent.exists(now.as_str())? => return Ok(true),
        Some(now) => format!("mail for it goes to {now}, which has no mailbox any more"),
        None if stone.moved_to != *agent => "it leads in a circle".into(),
        // Whoever prepared it may be about to exchange it.
        None if !tombstone::is_left(parent, agent.as_str())? => return Ok(true),
        None => "of a rename that was killed".into(),
    };
    found.fixable(word::LEFT_OVER, agent.as_str(), detail);
    Ok(true)
}

/// A mailbox that was never finished has never had mail; one that holds anything else is left to a person.
fn half_made(found: &mut Findings<'_>, parent: &Dir, name: &str) -> Result<(), Error> {
    let dir = parent.sub(name)?;
    let is_locked = dir.exists(LOCK)? && Lock::try_acquire(&dir, LOCK)?.is_none();
    if is_locked {
        return Ok(());
    }
    let mut is_bare = true;
    for file in dir.names()? {
        is_bare &= match &*file {
            LOCK | super::held::BALLAST => true,
            FACE => dir.file(&file, Open::Read)?.size()? <= 3,
            JOURNAL => place::has_only_an_opening(&dir, &file)?,
            _ => false,
        };
    }
    let detail = if is_bare {
        "a mailbox that was never finished"
    } else {
        "a mailbox that was never finished, with more in it than its making puts there"
    };
    found.add(
        word::LEFT_OVER,
        parent.path().join(name),
        detail.into(),
        is_bare,
    );
    Ok(())
}

#[cfg(test)]
mod tests;
