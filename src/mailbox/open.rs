//! A mailbox as the rest of the house holds it.

use std::path::Path;

use super::create;
use super::error::Error;
use super::tombstone::{self, MOST_STEPS};
use crate::names::AgentId;
use crate::store::{self, Deadline, Dir, Lock, What};
use crate::time::{Now, boot_id};

/// The mailbox of one agent: two directory descriptors, no lock, no cache.
#[derive(Debug)]
pub struct Mailbox {
    pub(super) dir: Dir,
    /// Where all mailboxes lie.
    pub(super) parent: Dir,
    ino: u64,
    pub(super) agent: AgentId,
    pub(super) boot: u128,
    pub(super) boot_text: String,
}

/// Where all mailboxes lie: `runtime/mailbox` of a home.
pub(super) fn all(mailboxes: &Path) -> Result<Dir, store::Error> {
    Dir::beneath(mailboxes, 2)
}

impl Mailbox {
    /// Opens what is there. A mailbox that had this name is found under the one that it has now.
    pub fn open(mailboxes: &Path, agent: &AgentId) -> Result<Self, Error> {
        let parent = all(mailboxes)?;
        let (dir, agent) = find(&parent, agent)?;
        let ino = dir.ident(".")?.map_or(0, |it| it.ino);
        let boot = boot_id().map_err(|error| {
            store::Error::system(Path::new("/proc/sys/kernel/random/boot_id"), "read", &error)
        })?;
        Ok(Self {
            dir,
            parent,
            ino,
            agent,
            boot,
            boot_text: format!("{boot:032x}"),
        })
    }

    /// Opens it, having made it where it was absent.
    pub fn open_or_create(mailboxes: &Path, agent: &AgentId, now: Now) -> Result<Self, Error> {
        match Self::open(mailboxes, agent) {
            Err(Error::NoMailbox { .. }) => {
                create::create(mailboxes, agent, now)?;
                Self::open(mailboxes, agent)
            }
            other => other,
        }
    }

    /// Whose it is: the name that it has now.
    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// Whether it has this name, or had it.
    pub(super) fn answers_to(&self, name: &AgentId) -> Result<bool, Error> {
        Ok(*name == self.agent
            || tombstone::follow(&self.parent, name)?.is_some_and(|now| now == self.agent))
    }

    /// One that was removed takes nothing in any more, whoever still has it open. Asked under a lock of it, which
    /// whoever removes it holds.
    pub(super) fn must_be_in_place(&self) -> Result<(), Error> {
        if self.lies_under(&self.agent)? {
            return Ok(());
        }
        // It may have moved since it was opened.
        match tombstone::follow(&self.parent, &self.agent)? {
            Some(now) if self.lies_under(&now)? => Ok(()),
            _ => Err(self.gone()),
        }
    }

    pub(super) fn lies_under(&self, name: &AgentId) -> Result<bool, Error> {
        let there = self.parent.ident(name.as_str())?;
        Ok(there.is_some_and(|it| it.ino == self.ino))
    }

    pub(super) fn gone(&self) -> Error {
        Error::Gone {
            agent: self.agent.clone(),
        }
    }

    /// One of its locks.
    pub(super) fn lock(&self, name: &str, deadline: Deadline) -> Result<Lock, Error> {
        match Lock::acquire(&self.dir, name, deadline) {
            // In a directory that was removed nothing can be made.
            Err(error) if error.is_absent() => Err(self.gone()),
            other => Ok(other?),
        }
    }

    /// Network file systems lock locally at best and tell of no remote changes.
    pub fn is_remote(&self) -> bool {
        self.dir.is_remote()
    }
}

/// The directory of a mailbox and its name, wherever it has moved.
pub(super) fn find(parent: &Dir, agent: &AgentId) -> Result<(Dir, AgentId), Error> {
    let none = || Error::NoMailbox {
        agent: agent.clone(),
    };
    let mut at = agent.clone();
    for _ in 0..MOST_STEPS {
        let error = match parent.sub(at.as_str()) {
            Ok(dir) => return Ok((dir, at)),
            Err(error) if error.is_absent() => return Err(none()),
            Err(error) => error,
        };
        match tombstone::read(parent, &at)? {
            Some(stone) if stone.moved_to != at => at = stone.moved_to,
            Some(_) => return Err(none()),
            // It has come back between the two looks.
            None if is_directory(parent, &at)? => {}
            None => return Err(error.into()),
        }
    }
    Err(none())
}

fn is_directory(parent: &Dir, name: &AgentId) -> Result<bool, Error> {
    let look = parent.look(name.as_str())?;
    Ok(look.is_some_and(|look| look.what == What::Directory))
}
