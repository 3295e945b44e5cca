//! `runtime/discord/channels.json`: which channel belongs to which agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::kept;
use crate::names::AgentId;
use crate::root::Home;

const NAME: &str = "channels.json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Bindings {
    /// By the number of the channel or thread.
    pub(super) channels: BTreeMap<String, AgentId>,
}

impl Bindings {
    pub(super) fn load(home: &Home) -> Result<Self, Error> {
        kept::load(home, NAME)
    }

    pub(super) fn agent(&self, channel: u64) -> Option<&AgentId> {
        self.channels.get(&channel.to_string())
    }

    /// The first of those that belong to it.
    pub(super) fn channel(&self, agent: &AgentId) -> Option<u64> {
        let mut all = self.channels.iter();
        let (channel, _) = all.find(|it| it.1 == agent)?;
        channel.parse().ok()
    }
}

/// Whose it was before.
pub(super) fn assign(home: &Home, channel: u64, agent: &AgentId) -> Result<Option<AgentId>, Error> {
    kept::change(home, NAME, |it: &mut Bindings| {
        it.channels.insert(channel.to_string(), agent.clone())
    })
}

pub(super) fn unassign(home: &Home, channel: u64) -> Result<Option<AgentId>, Error> {
    kept::change(home, NAME, |it: &mut Bindings| {
        it.channels.remove(&channel.to_string())
    })
}
