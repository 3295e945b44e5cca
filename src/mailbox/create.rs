//! How a mailbox comes to be: built whole under another name, then renamed. Nobody ever sees half of one.

use std::path::Path;

use super::error::Error;
use super::held::{BALLAST, LOCK};
use super::journal::{JOURNAL, Journal, had_one};
use super::record::{Opening, VERSION};
use super::render::FACE;
use crate::names::AgentId;
use crate::store::{Deadline, Dir, File, Lock, Open, Target, random_u64};
use crate::time::{Now, Timestamp};

pub(super) const NEW: &str = ".new-";
pub(super) const BALLAST_SIZE: usize = 256 << 10;

/// Makes the mailbox of `agent` below `mailboxes`; `false` where another was first.
pub(super) fn create(mailboxes: &Path, agent: &AgentId, now: Now) -> Result<bool, Error> {
    let parent = Dir::open(mailboxes)?;
    sweep(&parent)?;
    let name = format!("{NEW}{:016x}", random_u64());
    parent.make_dir(&name)?;
    let outcome = build(&parent, &name, agent, now);
    if matches!(outcome, Ok(true)) {
        parent.sync()?;
    } else {
        // Where this fails too, the next sweep does it.
        let _ = remove(&parent, &name);
    }
    outcome
}

/// Fills the directory `name` and gives it to `agent`; `false` where another was first.
fn build(parent: &Dir, name: &str, agent: &AgentId, now: Now) -> Result<bool, Error> {
    let dir = parent.sub(name)?;
    // Held until it is whole, so that a sweeper knows it from one whose maker died.
    let _lock = Lock::acquire(
        &dir,
        LOCK,
        Deadline::after(std::time::Duration::from_secs(5)),
    )?;
    fill(&dir, agent, now)?;
    match parent.rename(name, agent.as_str(), Target::Kept) {
        Ok(()) => Ok(true),
        Err(error) if error.is_taken() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn fill(dir: &Dir, agent: &AgentId, now: Now) -> Result<(), Error> {
    let journal = dir.file(JOURNAL, Open::New)?;
    write_opening(&journal, agent, now.wall)?;
    let face = dir.file(FACE, Open::New)?;
    face.write_at(0, b"[]\n")?;
    face.sync_data()?;
    write_ballast(dir)?;
    dir.sync()?;
    Ok(())
}

fn write_opening(journal: &File, agent: &AgentId, at: Timestamp) -> Result<Opening, Error> {
    let mut opening = Opening {
        version: VERSION,
        generation: 1,
        salt: random_u64(),
        mailbox: agent.clone(),
        base_seq: 0,
        last_id: None,
        born: 0,
        len: 0,
    };
    let mut line = Vec::new();
    opening.write(&mut line, at);
    journal.write_at(0, &line)?;
    journal.sync_data()?;
    Ok(opening)
}

/// Space to be given back when the disk is full.
pub(super) fn write_ballast(dir: &Dir) -> Result<(), Error> {
    let ballast = dir.file(BALLAST, Open::Create)?;
    let written = ballast.write_at(0, &vec![0; BALLAST_SIZE]);
    if let Err(error) = written.and_then(|()| ballast.sync_data()) {
        // Half of one would hold the space that others need now, and pass for a whole one later.
        dir.remove(BALLAST)?;
        return Err(error.into());
    }
    Ok(())
}

/// The journal of a directory that somebody else made, with a face in it perhaps. Called under the lock.
pub(super) fn begin(dir: &Dir, agent: &AgentId, now: Now) -> Result<Journal, Error> {
    if had_one(dir)? {
        return Err(Error::JournalGone {
            path: dir.path().join(JOURNAL),
        });
    }
    let temporary = format!(".journal.1.{:016x}", random_u64());
    let file = dir.file(&temporary, Open::New)?;
    write_opening(&file, agent, now.wall)?;
    dir.rename(&temporary, JOURNAL, Target::Kept)?;
    dir.sync()?;
    Journal::open(dir, JOURNAL, Open::Append)?.ok_or_else(|| Error::JournalGone {
        path: dir.path().join(JOURNAL),
    })
}

/// Removes what killed creators left.
fn sweep(parent: &Dir) -> Result<(), Error> {
    for name in parent.names()?.iter().filter(|name| name.starts_with(NEW)) {
        let Ok(dir) = parent.sub(name) else { continue };
        // No lock file yet: its maker is between two calls, or died there. It is left to the next sweep.
        if dir.exists(LOCK)? && Lock::try_acquire(&dir, LOCK)?.is_some() {
            remove(parent, name)?;
        }
    }
    Ok(())
}

pub(super) fn remove(parent: &Dir, name: &str) -> Result<(), Error> {
    let dir = parent.sub(name)?;
    for file in dir.names()? {
        dir.remove(&file)?;
    }
    Ok(parent.remove_dir(name)?)
}
