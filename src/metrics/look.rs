//! What is looked at when it is asked for. Whatever cannot be looked at is said, and its figures are absent: the others
//! are told all the same.

use std::collections::BTreeSet;

use super::family::Family;
use super::totals::Totals;
use super::{agents, host, mail, tasks};
use crate::names::AgentId;
use crate::root::Home;
use crate::time::Now;

pub(super) fn families(home: &Home, totals: &Totals, now: Now, warn: &dyn Fn(&str)) -> Vec<Family> {
    let roster = told(crate::agents::read(home), warn).unwrap_or_default();
    let registered: BTreeSet<AgentId> = roster.agents.into_iter().map(|it| it.id).collect();
    let mut families = Vec::new();
    let mail = told(mail::look(home, &registered, now, warn), warn).unwrap_or_default();
    families.extend(mail.families);
    let tasks = told(tasks::look(home, totals, now, warn), warn).unwrap_or_default();
    families.extend(tasks.families);
    let owes = |agent: &AgentId| {
        let since = [mail.oldest.get(agent), tasks.held.get(agent)];
        since.into_iter().flatten().min().copied()
    };
    families.extend(
        told(
            agents::look(home, registered, totals, owes, now, warn),
            warn,
        )
        .unwrap_or_default(),
    );
    families.extend(host::look(home));
    families
}

fn told<T, E: std::fmt::Display>(outcome: Result<T, E>, warn: &dyn Fn(&str)) -> Option<T> {
    outcome.map_err(|error| warn(&error.to_string())).ok()
}
