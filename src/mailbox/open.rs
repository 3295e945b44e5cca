//! A mailbox as the rest of the house holds it.

use std::path::Path;

use super::create;
use super::error::Error;
use crate::names::AgentId;
use crate::store::{self, Dir};
use crate::time::{Now, boot_id};

/// The mailbox of one agent: one directory descriptor, no lock, no cache.
#[derive(Debug)]
pub struct Mailbox {
    pub(super) dir: Dir,
    pub(super) agent: AgentId,
    pub(super) boot: u128,
    pub(super) boot_text: String,
}

impl Mailbox {
    /// Opens what is there.
    pub fn open(mailboxes: &Path, agent: &AgentId) -> Result<Self, Error> {
        let parent = Dir::open(mailboxes)?;
        let dir = parent.sub(agent.as_str()).map_err(|error| {
            if error.is_absent() {
                Error::NoMailbox {
                    agent: agent.clone(),
                }
            } else {
                error.into()
            }
        })?;
        let boot = boot_id().map_err(|error| {
            store::Error::system(Path::new("/proc/sys/kernel/random/boot_id"), "read", &error)
        })?;
        Ok(Self {
            dir,
            agent: agent.clone(),
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

    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// Network file systems lock locally at best and tell of no remote changes.
    pub fn is_remote(&self) -> bool {
        self.dir.is_remote()
    }
}
