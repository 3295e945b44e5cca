//! Who exists: registered, given another name, taken out. What an agent has on disk goes with its name, or stays.
//!
//! The steps of a rename, of which each can be said again: the mailbox, from then on found under both names; what else
//! lies under the old name; its keys; the configuration, which makes the old name an alias. Of a purge: the
//! configuration, so that nobody starts it or makes it a mailbox any more; the mailbox; its private keys; its former names;
//! what else it has.

use std::path::PathBuf;

use super::{Desk, Done, Error};
use crate::agents;
use crate::agents::moves::{self, Still};
use crate::mailbox::{self, Mailbox, Waiting};
use crate::names::{
    AgentId, CAPTAIN, Channel, Event, Explain as _, Finding, Kind, Level, Permit, Roster, Verb,
};
use crate::security::keys;
use crate::tasks;
use crate::time::Now;

/// So long somebody else may hold all tasks.
const TASKS: std::time::Duration = std::time::Duration::from_secs(5);

/// What a rename came to.
#[derive(Clone, Debug)]
pub struct Renamed {
    pub from: AgentId,
    pub agent: AgentId,
    /// It had been done before.
    pub repeated: bool,
}

/// What would become of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Write(PathBuf),
    Rename { path: PathBuf, to: PathBuf },
    Remove(PathBuf),
}

/// What a purge came to.
#[derive(Clone, Debug)]
pub struct Purged {
    pub agent: AgentId,
    /// So much of its mail nobody had acknowledged; `None` where that could not be read any more.
    pub waited: Option<u64>,
}

impl Desk {
    /// A new agent with these keys and their values.
    pub fn register(&self, id: &AgentId, fields: &[(&str, &str)]) -> Done<()> {
        let mut former = mailbox::moved(&self.home().mailboxes())?.into_iter();
        if let Some((id, now)) = former.find(|(name, _)| name == id) {
            return Err(Error::Former { id, now });
        }
        self.configure(id, |registry| registry.register(id, fields))
    }

    /// Takes an agent out of the configuration; what it has stays.
    pub fn unregister(&self, id: &AgentId) -> Done<()> {
        self.must_not_run(id)?;
        self.configure(id, |registry| registry.unregister(id))
    }

    /// What `unregister` would do.
    pub fn would_unregister(&self, id: &AgentId) -> Done<Vec<Step>> {
        self.permit_to_come(Verb::AgentConfigure, id)?;
        self.must_not_run(id)?;
        agents::may_edit(self.home(), |registry| registry.unregister(id))?;
        Ok(vec![Step::Write(self.home().agents_yaml())])
    }

    /// Whoever is to be purged: an agent, or one of whom only something on disk is left.
    pub fn whom_to_purge(&self, name: &str) -> Done<AgentId> {
        let found = self.resolve(name);
        match (&found, AgentId::parse(name)) {
            (Err(error), Ok(id)) if error.kind() == Kind::Unknown && self.has_left(&id)? => Ok(id),
            _ => found,
        }
    }

    fn has_left(&self, id: &AgentId) -> Done<bool> {
        Ok(mailbox::is_left(&self.home().mailboxes(), id)? || moves::has_left(self.home(), id)?)
    }

    /// Whether an agent may be purged, and how much of its mail nobody has acknowledged; `None` where that cannot be
    /// read.
    pub fn may_purge(&self, id: &AgentId, now: Now) -> Done<Option<u64>> {
        let permit = self.permit_to_come(Verb::AgentPurge, id)?;
        must_be_its_own(id)?;
        self.must_not_run(id)?;
        let Some(mailbox) = self.mailbox_to_purge(id)? else {
            return Ok(Some(0));
        };
        match mailbox.counts(&permit, now) {
            Ok(counts) => Ok(Some(self.settle(counts, now).pending)),
            Err(error) if matches!(error.kind(), Kind::Corrupt | Kind::Config) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Its own: what lies under a former name is that of somebody who is there.
    fn mailbox_to_purge(&self, id: &AgentId) -> Done<Option<Mailbox>> {
        let Some(mailbox) = self.mailbox(id)? else {
            return Ok(None);
        };
        let now = mailbox.agent().clone();
        let id = id.clone();
        if now == id {
            Ok(Some(mailbox))
        } else if self.roster().entry(&id).is_some() {
            Err(mailbox::Error::HalfRenamed { agent: id, now }.into())
        } else {
            Err(Error::Former { id, now })
        }
    }

    /// What `purge` would do.
    pub fn would_purge(&self, id: &AgentId, now: Now) -> Done<Vec<Step>> {
        self.may_purge(id, now)?;
        let is_registered = self.roster().entry(id).is_some();
        let yaml = is_registered.then(|| Step::Write(self.home().agents_yaml()));
        let belongings = self.belongings(id)?;
        let has_key = belongings.contains(&self.home().private_key(id));
        let public = has_key.then(|| Step::Write(self.home().public_key(id)));
        let removed = belongings.into_iter().map(Step::Remove);
        Ok(yaml.into_iter().chain(public).chain(removed).collect())
    }

    fn belongings(&self, id: &AgentId) -> Done<Vec<PathBuf>> {
        let mailboxes = self.home().mailboxes();
        let names = mailbox::former_names(&mailboxes, id)?;
        let own = Mailbox::open(&mailboxes, id).is_ok().then(|| id.clone());
        let mut all: Vec<PathBuf> = own
            .iter()
            .chain(&names)
            .map(|name| self.home().mailbox(name))
            .collect();
        all.extend(moves::belongings(self.home(), id)?);
        Ok(all)
    }

    /// Takes an agent out of the configuration, and removes all that it has on disk. Said again after a kill it goes on.
    pub fn purge(&self, id: &AgentId, waiting: Waiting, now: Now) -> Done<Purged> {
        let waits = self.may_purge(id, now)?;
        if let (Some(waiting @ 1..), Waiting::Kept) = (waits, waiting) {
            let agent = id.clone();
            return Err(mailbox::Error::Waiting { agent, waiting }.into());
        }
        if self.roster().entry(id).is_some() {
            // Not one without the other.
            self.permit_to_come(Verb::AgentConfigure, id)?;
        }
        let permit = self.permit(Verb::AgentPurge, id)?;
        self.record(&permit)?;
        let still = self.hold_still(id)?;
        // Somebody may have renamed it meanwhile.
        if let Err(error) = self.mailbox_to_purge(id) {
            moves::leave_no_trace(self.home(), id)?;
            return Err(error);
        }
        if self.roster().entry(id).is_some() {
            self.configure(id, |registry| match registry.roster().entry(id) {
                Some(_) => registry.unregister(id),
                None => Ok(()),
            })?;
        }
        let waited = match self.mailbox_to_purge(id)? {
            Some(mailbox) => self.settle(mailbox.remove(&permit, waiting, now)?, now),
            None => Some(0),
        };
        // What it signed is verified as before.
        let former = mailbox::former_names(&self.home().mailboxes(), id)?;
        keys::remove(self.home(), id, &former, || Now::read().wall)?;
        mailbox::remove_rest(&self.home().mailboxes(), id)?;
        moves::remove(self.home(), id, still)?;
        tasks::purge(self.home(), id, TASKS)?;
        let fields = vec![("waited", waited.into())];
        let msg = format!("all that {id} had was removed");
        self.tell_of("agent.purged", id, msg, fields, now);
        Ok(Purged {
            agent: id.clone(),
            waited,
        })
    }

    /// Gives an agent another name, with all that it has; under the old one it is still found. Said again after a kill
    /// it goes on.
    pub fn rename(&self, old: &str, new: &AgentId, now: Now) -> Done<Renamed> {
        let id = self.resolve(old)?;
        if id == *new {
            return self.renamed_before(old, new, now);
        }
        self.permit_rename(&id, new)?;
        let permit = self.permit(Verb::AgentConfigure, new)?;
        self.record(&permit)?;
        let still = self.hold_still(&id)?;
        // Somebody else may have been faster.
        if let Err(error) = self.may_rename(&id, new) {
            moves::leave_no_trace(self.home(), &id)?;
            return Err(error);
        }
        // Who never got mail has no mailbox: then both names lead to an empty one.
        let mailbox = self.own_mailbox(&id, now)?;
        let moved = mailbox.rename(&permit, new, now)?;
        self.settle(moved, now);
        let (stills, left) = moves::rename(self.home(), &id, new, still)?;
        for path in left {
            (self.warn)(&path);
        }
        tasks::rename(self.home(), &id, new, TASKS)?;
        self.rename_keys(&id, new, now)?;
        agents::edit(self.home(), |registry| registry.rename(&id, new))?;
        moves::leave_no_trace(self.home(), &id)?;
        drop(stills);
        let fields = vec![("from", id.as_str().into())];
        self.tell_of(
            "agent.renamed",
            new,
            format!("{id} is {new} now"),
            fields,
            now,
        );
        Ok(Renamed {
            from: id,
            agent: new.clone(),
            repeated: false,
        })
    }

    fn rename_keys(&self, old: &AgentId, new: &AgentId, now: Now) -> Done<()> {
        if keys::rename(self.home(), old, new, || Now::read().wall)? {
            let msg = format!("{new}, which was {old}, has a key of its own");
            self.tell_security("key.rotated", msg, Some(new), now);
        }
        Ok(())
    }

    /// What `rename` would do: nothing where it was done before.
    pub fn would_rename(&self, old: &str, new: &AgentId) -> Done<Vec<Step>> {
        let id = self.resolve(old)?;
        if id == *new {
            self.permit_to_come(Verb::AgentConfigure, new)?;
            return self.former_name(old, new).map(|_| Vec::new());
        }
        self.permit_rename(&id, new)?;
        self.must_not_run(&id)?;
        let home = self.home();
        let (mailbox, its) = (home.mailbox(&id), home.mailbox(new));
        let mut steps = match self.mailbox(&id)? {
            // Killed half-way, it has its new name already.
            Some(there) if there.agent() == new => Vec::new(),
            Some(_) => vec![Step::Rename {
                path: mailbox.clone(),
                to: its,
            }],
            None => vec![Step::Write(its)],
        };
        if !steps.is_empty() {
            // Where it has gone.
            steps.push(Step::Write(mailbox));
        }
        let moved = moves::would_rename(home, &id, new)?.into_iter();
        for (path, to) in moved {
            if path == home.private_key(&id) {
                // The old name signs nothing any more, the new one with another key.
                steps.extend([&id, new].map(|name| Step::Write(home.public_key(name))));
            }
            steps.push(Step::Rename { path, to });
        }
        steps.push(Step::Write(home.agents_yaml()));
        Ok(steps)
    }

    fn permit_rename(&self, id: &AgentId, new: &AgentId) -> Done<Permit> {
        self.permit_to_come(Verb::AgentConfigure, id)?;
        let permit = self.permit_to_come(Verb::AgentConfigure, new)?;
        must_be_its_own(id)?;
        self.may_rename(id, new)?;
        Ok(permit)
    }

    /// All that could refuse a rename, asked before anything has moved.
    fn may_rename(&self, id: &AgentId, new: &AgentId) -> Done<()> {
        agents::may_edit(self.home(), |registry| registry.rename(id, new))?;
        let mailboxes = self.home().mailboxes();
        mailbox::may_rename(&mailboxes, id, new)?;
        keys::may_rename(self.home(), id, new)?;
        if mailbox::former_names(&mailboxes, new)?.contains(id) {
            // It was killed half-way: what bears the name is its own.
            return Ok(());
        }
        self.must_be_free(new, id)?;
        Ok(moves::must_have_nothing(self.home(), new)?)
    }

    /// `old` is a name of `new` already: one that it had, or an alias.
    fn former_name(&self, old: &str, new: &AgentId) -> Done<AgentId> {
        let former = mailbox::former_names(&self.home().mailboxes(), new)?;
        let from = Roster::default().resolve(old, &former).ok();
        let from = from.filter(|name| former.contains(name));
        from.ok_or_else(|| Error::SameName { agent: new.clone() })
    }

    fn renamed_before(&self, old: &str, new: &AgentId, now: Now) -> Done<Renamed> {
        let from = self.former_name(old, new)?;
        self.record(&self.permit(Verb::AgentConfigure, new)?)?;
        let _still = moves::hold_still(self.home(), &from)?;
        // Of one that was renamed when keys still stayed behind.
        self.rename_keys(&from, new, now)?;
        moves::leave_no_trace(self.home(), &from)?;
        Ok(Renamed {
            from,
            agent: new.clone(),
            repeated: true,
        })
    }

    /// Renames that were killed: the mailbox has its new name, the configuration has the old one.
    pub(super) fn half_renamed(&self) -> Done<Vec<Finding>> {
        let home = self.home();
        let half = mailbox::moved(&home.mailboxes())?.into_iter();
        let half = half.filter(|(name, _)| self.roster().entry(name).is_some());
        Ok(half
            .map(|(name, now)| Finding {
                what: "half-renamed",
                path: home.mailbox(&name),
                detail: match self.roster().entry(&now) {
                    None => format!("finish it: agentctl rename {name} {now}"),
                    Some(_) => format!("mail for {name} goes to {now}, though both are registered"),
                },
                fixable: false,
                fixed: false,
            })
            .collect())
    }

    /// Whether nobody but `id` answers to that name, registered or not.
    fn must_be_free(&self, name: &AgentId, id: &AgentId) -> Done<()> {
        let mut others = self.everybody()?;
        others.retain(|other| other != id);
        let mut roster = self.roster().clone();
        roster.agents.retain(|agent| agent.id != *id);
        Ok(roster.may_register(name, &others)?)
    }

    fn must_not_run(&self, id: &AgentId) -> Done<()> {
        let standing = self.standing(std::slice::from_ref(id)).pop();
        let state = standing.expect("one for each")?.state;
        if state.is_some_and(|state| !state.state.is_over()) {
            return Err(Error::Runs { agent: id.clone() });
        }
        Ok(())
    }

    fn hold_still(&self, id: &AgentId) -> Done<Still> {
        // What a killed supervisor left is ended here.
        self.must_not_run(id)?;
        Ok(moves::hold_still(self.home(), id)?)
    }

    fn tell_of(
        &self,
        event: &'static str,
        id: &AgentId,
        msg: String,
        fields: Vec<(&'static str, serde_json::Value)>,
        now: Now,
    ) {
        let event = Event {
            channel: Channel::Agents,
            level: Level::Info,
            event: event.into(),
            msg,
            agent: Some(id.clone()),
            id: None,
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        };
        self.log(&[event], now);
    }
}

/// The names of the toolkit itself stay, and what they have.
fn must_be_its_own(id: &AgentId) -> Done<()> {
    if id.is_reserved() || id.as_str() == CAPTAIN {
        return Err(Error::Reserved { agent: id.clone() });
    }
    Ok(())
}
