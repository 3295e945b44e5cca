//! How a mailbox goes: to another name, or for good.
//!
//! Both are one rename, done under all its locks. A move exchanges the directory with a small file that says where it
//! has gone (`tombstone.rs`), so that there is no moment in which somebody could make a new mailbox under the old
//! name, which nobody would read. A mailbox that is removed is taken out of its place first: whoever gets its lock
//! after that sees that it is gone, and accepts nothing. What a kill leaves of either, saying it again finishes.

use std::path::Path;

use super::error::Error;
use super::held::{Held, LOCK};
use super::open::{Mailbox, all};
use super::take::Outcome;
use super::tombstone::{self, Tombstone};
use super::visit::Visit;
use super::{doctor, prune, render};
use crate::names::{AgentId, Explain as _, Kind, Permit};
use crate::store::{Deadline, Dir, Lock, Target, random_u64};
use crate::time::Now;

/// A mailbox that is being removed bears this, its name, a point and something random.
pub(super) const GONE: &str = ".gone-";

/// What is to become of mail that nobody has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Then nothing is removed.
    Kept,
    Removed,
}

impl Mailbox {
    /// Gives it another name, with all that is in it. Under the one that it had it is still found.
    pub fn rename(self, permit: &Permit, new: &AgentId, now: Now) -> Result<Outcome<Self>, Error> {
        let mut visit = Visit::new(&self, permit, now);
        visit.look_or_warn()?;
        let held = visit.hold()?;
        visit.finish(held)?;
        // Otherwise it has moved already, and that was killed.
        if self.agent != *new {
            visit.deadline = doctor::wait();
            self.exchange(&visit, new)?;
        }
        let before = Outcome::of((), visit);

        let moved = Self::open(self.parent.path(), new)?;
        let mut visit = Visit::new(&moved, permit, now);
        (visit.effects, visit.warnings) = (before.effects, before.warnings);
        // What it shows names the mailbox.
        visit.show();
        let after = Outcome::of((), visit);
        Ok(Outcome {
            value: moved,
            effects: after.effects,
            warnings: after.warnings,
        })
    }

    fn exchange(&self, visit: &Visit<'_>, new: &AgentId) -> Result<(), Error> {
        let parent = &self.parent;
        let _others = self.other_locks(visit.deadline)?;
        let mut held = visit.hold()?;
        held.journal.must_know_format()?;
        if !self.lies_under(&self.agent)? {
            // Somebody else was faster.
            return Err(self.gone());
        }
        held.save();
        doctor::forget_rendering(&self.dir, true)?;
        let target = target(parent, &self.agent, new)?;
        let stone = Tombstone::new(self.agent.clone(), new.clone(), visit.now.wall);
        // Held until all is done: by that a tombstone on its way is known from one whose maker died.
        let (aside, _maker) = stone.write(parent)?;
        if let Err(error) = parent.rename(&aside, new.as_str(), target) {
            parent.remove(&aside)?;
            return Err(if error.is_taken() {
                taken(parent, new)
            } else {
                error.into()
            });
        }
        if let Err(error) = parent.rename(self.agent.as_str(), new.as_str(), Target::Exchanged) {
            parent.remove(new.as_str())?;
            return Err(error.into());
        }
        Ok(parent.sync()?)
    }

    /// Removes it with all that is in it. How much mail waited in it; `None` where that cannot be read any more.
    pub fn remove(
        self,
        permit: &Permit,
        waiting: Waiting,
        now: Now,
    ) -> Result<Outcome<Option<u64>>, Error> {
        let mut visit = Visit::new(&self, permit, now);
        let is_broken = |error: &Error| matches!(error.kind(), Kind::Corrupt | Kind::Config);
        let settled = visit.look_or_warn().and_then(|()| {
            let held = visit.hold()?;
            visit.finish(held)
        });
        match (settled, waiting) {
            (Err(error), Waiting::Removed) if is_broken(&error) => {}
            (settled, _) => drop(settled?),
        }
        visit.deadline = doctor::wait();
        let _others = self.other_locks(visit.deadline)?;
        let (waited, _held, _lock) = match visit.hold() {
            Ok(held) => (Some(held.pending()), Some(held), None),
            Err(error) if waiting == Waiting::Removed && is_broken(&error) => (
                None,
                None::<Held<'_>>,
                Some(self.lock(LOCK, visit.deadline)?),
            ),
            Err(error) => return Err(error),
        };
        if let (Some(waits @ 1..), Waiting::Kept) = (waited, waiting) {
            return Err(Error::Waiting {
                agent: self.agent.clone(),
                waiting: waits,
            });
        }
        if !self.lies_under(&self.agent)? {
            return Err(self.gone());
        }
        let aside = format!("{GONE}{}.{:016x}", self.agent, random_u64());
        self.parent
            .rename(self.agent.as_str(), &aside, Target::Kept)?;
        self.parent.sync()?;
        self.parent.remove_tree(&aside, LOCK)?;
        self.parent.sync()?;
        Ok(Outcome::of(waited, visit))
    }

    /// Those that come before the lock of the journal.
    fn other_locks(&self, deadline: Deadline) -> Result<[Lock; 2], Error> {
        Ok([
            self.lock(prune::LOCK, deadline)?,
            self.lock(render::LOCK, deadline)?,
        ])
    }
}

/// Whether the mailbox of `old` may get the name `new`, as far as other mailboxes are concerned.
pub fn may_rename(mailboxes: &Path, old: &AgentId, new: &AgentId) -> Result<(), Error> {
    let parent = all(mailboxes)?;
    match tombstone::follow(&parent, old)? {
        // A rename that was killed.
        Some(now) if now == *new => Ok(()),
        Some(now) if now == *old => target(&parent, old, new).map(drop),
        Some(now) => Err(Error::HalfRenamed {
            agent: old.clone(),
            now,
        }),
        None => Err(taken(&parent, old)),
    }
}

/// Whether a tombstone may take the place `new`, and how.
fn target(parent: &Dir, old: &AgentId, new: &AgentId) -> Result<Target, Error> {
    let is_ours = match tombstone::read(parent, new)? {
        // Prepared by a rename that was killed.
        Some(stone) if stone.moved_to == *new => stone.from == *old,
        // A name that it had before.
        Some(_) => tombstone::follow(parent, new)?.is_some_and(|now| now == *old),
        None => false,
    };
    if is_ours {
        Ok(Target::Replaced)
    } else if parent.exists(new.as_str())? {
        Err(taken(parent, new))
    } else {
        Ok(Target::Kept)
    }
}

fn taken(parent: &Dir, name: &AgentId) -> Error {
    Error::NameTaken {
        path: parent.path().join(name.as_str()),
    }
}

/// Whether anything is left of a mailbox, be it a name that it had, or what a killed removal did not come to.
pub fn is_left(mailboxes: &Path, agent: &AgentId) -> Result<bool, Error> {
    let parent = all(mailboxes)?;
    Ok(parent.exists(agent.as_str())?
        || !removed(&parent, agent)?.is_empty()
        || !tombstone::former_names(mailboxes, agent)?.is_empty())
}

/// After a mailbox was removed: its former names, and what killed removals of it left.
pub fn remove_rest(mailboxes: &Path, agent: &AgentId) -> Result<(), Error> {
    let parent = all(mailboxes)?;
    for name in removed(&parent, agent)? {
        remove_left_over(&parent, &name)?;
    }
    let mut names = tombstone::former_names(mailboxes, agent)?;
    // It was a name itself, of one that went before.
    if let Some(now) = tombstone::follow(&parent, agent)?
        && !parent.exists(now.as_str())?
    {
        names.push(agent.clone());
    }
    tombstone::remove(&parent, &names)
}

/// What removals of this mailbox have taken out of its place.
fn removed(parent: &Dir, agent: &AgentId) -> Result<Vec<String>, Error> {
    let mut names = parent.dir_names()?;
    names.retain(|name| {
        let its = name.strip_prefix(GONE).and_then(|it| it.rsplit_once('.'));
        its.is_some_and(|(its, _)| its == agent.as_str())
    });
    Ok(names)
}

/// Whether whoever is removing it lives.
pub(super) fn is_being_removed(parent: &Dir, name: &str) -> Result<bool, Error> {
    let dir = parent.sub(name)?;
    Ok(dir.exists(LOCK)? && Lock::try_acquire(&dir, LOCK)?.is_none())
}

/// Goes on where a removal was killed; one that lives goes on itself.
pub(super) fn remove_left_over(parent: &Dir, name: &str) -> Result<(), Error> {
    if is_being_removed(parent, name)? {
        return Ok(());
    }
    parent.remove_tree(name, LOCK)?;
    Ok(parent.sync()?)
}
