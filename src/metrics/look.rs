//! What is looked at when it is asked for. Whatever cannot be looked at is said, and its figures are absent: the others
//! are told all the same.

use std::collections::BTreeSet;

use super::agents::{self, Standing};
use super::family::Family;
use super::totals::Totals;
use super::{host, mail, tasks};
use crate::names::AgentId;
use crate::root::Home;
use crate::time::Now;

/// Who there is, and how they stand.
pub(super) struct Swarm {
    registered: BTreeSet<AgentId>,
    standing: Standing,
}

impl Swarm {
    pub(super) fn see(home: &Home, warn: &dyn Fn(&str)) -> Self {
        let roster = told(crate::agents::read(home), warn).unwrap_or_default();
        let registered = roster.agents.into_iter().map(|it| it.id).collect();
        let standing = Standing::see(home, &registered, warn);
        Self {
            standing: told(standing, warn).unwrap_or_default(),
            registered,
        }
    }

    /// Before what was counted is kept.
    pub(super) fn count_on(&mut self, totals: &mut Totals) {
        self.standing.count_on(totals);
    }
}

pub(super) fn families(
    home: &Home,
    swarm: &Swarm,
    totals: &Totals,
    now: Now,
    warn: &dyn Fn(&str),
) -> Vec<Family> {
    let mut families = Vec::new();
    let mail = told(mail::look(home, &swarm.registered, now, warn), warn).unwrap_or_default();
    families.extend(mail.families);
    let tasks = told(tasks::look(home, totals, now, warn), warn).unwrap_or_default();
    families.extend(tasks.families);
    let owes = |agent: &AgentId| {
        let since = [mail.oldest.get(agent), tasks.held.get(agent)];
        since.into_iter().flatten().min().copied()
    };
    let standing = &swarm.standing;
    families.extend(agents::look(home, standing, totals, owes, now, warn));
    families.extend(host::look(home));
    families
}

fn told<T, E: std::fmt::Display>(outcome: Result<T, E>, warn: &dyn Fn(&str)) -> Option<T> {
    outcome.map_err(|error| warn(&error.to_string())).ok()
}
