//! How a mailbox comes to be: built whole under another name, then renamed. Nobody ever sees half of one.

use std::path::Path;

use super::error::Error;
use super::held::{BALLAST, LOCK};
use super::journal::{JOURNAL, Journal, had_one};
use super::open::all;
use super::record::{Opening, VERSION};
use super::render::FACE;
use crate::names::AgentId;
use crate::store::{Deadline, Dir, File, Lock, Open, Target, random_u64};
use crate::time::{Now, Timestamp};

pub(super) const NEW: &str = ".new-";
pub(super) const BALLAST_SIZE: usize = 256 << 10;

/// Makes the mailbox of `agent` below `mailboxes`; `false` where another was first.
pub(super) fn create(mailboxes: &Path, agent: &AgentId, now: Now) -> Result<bool, Error> {
    let parent = all(mailboxes)?;
    sweep(&parent)?;
    let (name, dir, lock) = begun(&parent)?;
    let outcome = fill(&dir, agent, now)
        .and_then(|()| Ok(parent.rename(&name, agent.as_str(), Target::Kept)?));
    drop(lock);
    match outcome {
        Ok(()) => {
            parent.sync()?;
            Ok(true)
        }
        Err(Error::Store(error)) if error.is_taken() => {
            remove(&parent, &name)?;
            Ok(false)
        }
        Err(error) => {
            // Where this fails too, the next maker sweeps.
            let _ = remove(&parent, &name);
            Err(error)
        }
    }
}

/// A directory under a passing name, and its lock, held until it is whole: by that a sweeper knows it from one
/// whose maker died.
fn begun(parent: &Dir) -> Result<(String, Dir, Lock), Error> {
    let deadline = Deadline::after(std::time::Duration::from_secs(5));
    loop {
        let name = format!("{NEW}{:016x}", random_u64());
        parent.make_dir(&name)?;
        let dir = parent.sub(&name);
        let locked = dir.and_then(|dir| Ok((Lock::acquire(&dir, LOCK, deadline)?, dir)));
        match locked {
            // A sweeper came between the making of the lock and its taking.
            Err(error) if error.is_absent() && !deadline.is_over() => {}
            Err(error) => {
                // Where this fails too, the next maker sweeps.
                let _ = remove(parent, &name);
                return Err(error.into());
            }
            Ok((lock, dir)) => return Ok((name, dir, lock)),
        }
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
    let written = ballast
        .write_at(0, &vec![0; BALLAST_SIZE])
        .and_then(|()| ballast.sync_data());
    if written.is_err() {
        // Half of one would pass for a whole one.
        dir.remove(BALLAST)?;
    }
    Ok(written?)
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
        // Without a lock file its maker died before he made one, or is about to: then he begins anew.
        if let Ok(Some(_lock)) = Lock::try_acquire(&dir, LOCK) {
            // Another sweeper may be quicker, or its maker alive after all: then it is gone, or not empty.
            let _ = remove(parent, name);
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
