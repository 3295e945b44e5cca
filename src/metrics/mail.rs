//! How much waits in each mailbox, and since when.

use std::collections::{BTreeMap, BTreeSet};

use super::family::{Family, float};
use crate::mailbox::{Error, Glance, Glances};
use crate::names::AgentId;
use crate::root::Home;
use crate::time::{Now, Timestamp};

#[derive(Default)]
pub(super) struct Mail {
    pub(super) families: Vec<Family>,
    /// Since when the first message could be taken that waits.
    pub(super) oldest: BTreeMap<AgentId, Timestamp>,
}

pub(super) fn look(
    home: &Home,
    registered: &BTreeSet<AgentId>,
    now: Now,
    warn: &dyn Fn(&str),
) -> Result<Mail, Error> {
    let mut unread = Family::gauge(
        "dreamos_mailbox_unread",
        "Messages that wait: neither acknowledged nor closed otherwise.",
    );
    let mut age = Family::gauge(
        "dreamos_mailbox_oldest_unread_seconds",
        "How long the first message that can be taken has waited; 0 where none does.",
    );
    let mut oldest = BTreeMap::new();
    let glances = Glances::open(&home.mailboxes())?;
    let mut everybody = registered.clone();
    if let Some(glances) = &glances {
        everybody.extend(glances.everybody()?);
    }
    for agent in everybody {
        let glance = match glances.as_ref().map(|glances| glances.at(&agent, now.wall)) {
            None | Some(Ok(None)) => Glance::default(),
            Some(Ok(Some(glance))) => glance,
            Some(Err(error)) => {
                warn(&format!("the mailbox of {agent}: {error}"));
                continue;
            }
        };
        let labels = [("agent", agent.as_str())];
        unread.add(&labels, float(glance.pending));
        let waited = glance
            .oldest
            .map_or(0.0, |at| now.wall.since(at).as_secs_f64());
        age.add(&labels, waited);
        oldest.extend(glance.oldest.map(|at| (agent, at)));
    }
    Ok(Mail {
        families: vec![unread, age],
        oldest,
    })
}
