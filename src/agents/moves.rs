//! What an agent has on disk beside its mailbox and its place in the configuration: what its supervisor keeps, its
//! devlog. Given to another name or removed, while nobody supervises it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::doctor::left_over;
use super::error::Error;
use super::process::{self, LOCK};
use super::standing::{self, Flush};
use crate::names::{AgentId, Finding};
use crate::root::Home;
use crate::store::{Deadline, Dir, Lock, Target, random_u64};

/// What is being removed bears this, the name of the agent, a point and something random.
const GONE: &str = ".gone-";
const PATIENCE: Duration = Duration::from_secs(2);

/// As long as this lives nobody supervises the agent, and nobody begins to.
pub(crate) struct Still {
    dir: Dir,
    _lock: Lock,
}

/// Waits for a moment: somebody else may just do the same. Whoever supervises it holds the lock for longer.
pub(crate) fn hold_still(home: &Home, agent: &AgentId) -> Result<Still, Error> {
    let deadline = Deadline::after(PATIENCE);
    while !deadline.is_over() {
        let Some(dir) = process::directory(home, agent)? else {
            continue;
        };
        let lock = match Lock::acquire(&dir, LOCK, deadline) {
            // It was removed while we waited.
            Err(error) if error.is_absent() => continue,
            lock => lock?,
        };
        if process::is_in_place(home, agent, &dir)? {
            return Ok(Still { dir, _lock: lock });
        }
    }
    Err(Error::KeepsChanging {
        path: home.agent(agent),
    })
}

/// Whether nothing lies there but the lock, which every look at the agent may make.
fn is_bare(dir: &Dir) -> Result<bool, Error> {
    Ok(dir.names()?.iter().all(|name| name == LOCK))
}

/// A directory, where there is one.
fn open(home: &Home, path: &Path) -> Result<Option<Dir>, Error> {
    match Dir::of(home, path) {
        Err(error) if error.is_absent() => Ok(None),
        dir => Ok(Some(dir?)),
    }
}

/// What an agent has.
pub(crate) fn belongings(home: &Home, agent: &AgentId) -> Result<Vec<PathBuf>, Error> {
    let mut all = Vec::new();
    for path in [home.agent(agent), home.devlog(agent)] {
        if let Some(dir) = open(home, &path)?
            && !is_bare(&dir)?
        {
            all.push(dir.path().into());
        }
    }
    // Of other rooms, which move them.
    for (dir, path) in [
        (home.comms(), home.tasks(agent)),
        (home.private_keys(), home.private_key(agent)),
    ] {
        if let Some(dir) = open(home, &dir)?
            && dir.exists(&format!("{agent}.json"))?
        {
            all.push(path);
        }
    }
    Ok(all)
}

/// Whether nobody of that name has left anything.
pub(crate) fn must_have_nothing(home: &Home, agent: &AgentId) -> Result<(), Error> {
    match belongings(home, agent)?.into_iter().next() {
        None => Ok(()),
        Some(path) => Err(Error::InTheWay {
            path,
            id: agent.clone(),
        }),
    }
}

/// Gives all that an agent has to the name `new`. Said again after a kill it goes on; what cannot be given, because
/// something bears that name by now, is told and stays. Until the returned is dropped nobody starts either.
pub(crate) fn rename(
    home: &Home,
    old: &AgentId,
    new: &AgentId,
    still: Still,
) -> Result<([Still; 2], Vec<String>), Error> {
    let theirs = hold_still(home, new)?;
    let mut left = Vec::new();
    let (has, has_new) = (!is_bare(&still.dir)?, !is_bare(&theirs.dir)?);
    if has && has_new {
        left.push(home.agent(old));
    } else if has {
        // Exchanged, not moved: under the old name too there is a lock that we hold.
        let agents = Dir::of(home, &home.agents())?;
        agents.rename(old.as_str(), new.as_str(), Target::Exchanged)?;
        agents.sync()?;
    }
    // The exchange may have been that of an earlier call.
    for dir in [&still.dir, &theirs.dir] {
        name_in_state(dir, new)?;
    }
    if let Some(devlogs) = open(home, &home.devlogs())? {
        // An empty one is replaced.
        match devlogs.rename(old.as_str(), new.as_str(), Target::Replaced) {
            Err(error) if error.is_absent() => {}
            Err(error) if error.is_taken() => left.push(home.devlog(old)),
            done => done.and_then(|()| devlogs.sync())?,
        }
    }
    let left = left
        .into_iter()
        .map(|path| format!("{} stays: {new} has such a thing already", path.display()));
    Ok(([still, theirs], left.collect()))
}

/// What `rename` would give another name, and which.
pub(crate) fn would_rename(
    home: &Home,
    old: &AgentId,
    new: &AgentId,
) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let (has, has_new) = (belongings(home, old)?, belongings(home, new)?);
    let mut moved = [Home::agent, Home::devlog, Home::tasks, Home::private_key]
        .map(|place| (place(home, old), place(home, new)))
        .to_vec();
    moved.retain(|(path, to)| has.contains(path) && !has_new.contains(to));
    Ok(moved)
}

/// The state names the agent.
fn name_in_state(dir: &Dir, agent: &AgentId) -> Result<(), Error> {
    if let Some(mut state) = standing::read(dir)?
        && state.agent != *agent
    {
        state.agent = agent.clone();
        standing::write(dir, &state, Flush::Yes)?;
    }
    Ok(())
}

/// The directory of an agent goes if it holds nothing but the lock, which whoever calls this holds.
pub(crate) fn leave_no_trace(home: &Home, agent: &AgentId) -> Result<(), Error> {
    let Some(agents) = open(home, &home.agents())? else {
        return Ok(());
    };
    if let Some(dir) = open(home, &home.agent(agent))?
        && is_bare(&dir)?
    {
        agents.remove_tree(agent.as_str(), LOCK)?;
        agents.sync()?;
    }
    Ok(())
}

/// Removes all that an agent has, and what killed removals of it left.
pub(crate) fn remove(home: &Home, agent: &AgentId, still: Still) -> Result<(), Error> {
    let agents = Dir::of(home, &home.agents())?;
    let aside = format!("{GONE}{agent}.{:016x}", random_u64());
    // Out of its place first: whoever waits for its lock sees that.
    agents.rename(agent.as_str(), &aside, Target::Kept)?;
    agents.sync()?;
    agents.remove_tree(&aside, LOCK)?;
    drop(still);
    for name in removed(&agents)? {
        if of(&name) == Some(agent.as_str()) && is_left(&agents, &name)? {
            agents.remove_tree(&name, LOCK)?;
        }
    }
    agents.sync()?;
    if let Some(devlogs) = open(home, &home.devlogs())? {
        devlogs.remove_tree(agent.as_str(), "")?;
        devlogs.sync()?;
    }
    Ok(())
}

/// Whether anything is left that `remove` removes.
pub(crate) fn has_left(home: &Home, agent: &AgentId) -> Result<bool, Error> {
    if !belongings(home, agent)?.is_empty() {
        return Ok(true);
    }
    let Some(agents) = open(home, &home.agents())? else {
        return Ok(false);
    };
    let names = removed(&agents)?;
    Ok(agents.exists(agent.as_str())? || names.iter().any(|name| of(name) == Some(agent.as_str())))
}

fn removed(agents: &Dir) -> Result<Vec<String>, Error> {
    let mut names = agents.dir_names()?;
    names.retain(|name| name.starts_with(GONE));
    Ok(names)
}

/// Whose it was.
fn of(name: &str) -> Option<&str> {
    Some(name.strip_prefix(GONE)?.rsplit_once('.')?.0)
}

/// Whether whoever was removing it has died.
fn is_left(agents: &Dir, name: &str) -> Result<bool, Error> {
    let dir = agents.sub(name)?;
    Ok(!dir.exists(LOCK)? || Lock::try_acquire(&dir, LOCK)?.is_some())
}

/// What killed removals left; `fix` finishes them.
pub(super) fn left_overs(home: &Home, fix: bool) -> Result<Vec<Finding>, Error> {
    let Some(agents) = open(home, &home.agents())? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for name in removed(&agents)? {
        if !is_left(&agents, &name)? {
            continue;
        }
        if fix {
            agents.remove_tree(&name, LOCK)?;
            agents.sync()?;
        }
        let detail = "it was being removed when that was killed";
        found.push(left_over(agents.path().join(&name), detail, fix));
    }
    Ok(found)
}
