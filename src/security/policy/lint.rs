//! What is wrong with a policy though it can be read.

use super::decide::Policy;
use super::document::{Quota, Rule};
use super::pattern::{Actions, Principals, Targets};
use crate::names::{AgentId, Roster};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    Error,
    Warning,
}

impl Gravity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub gravity: Gravity,
    /// `None`: of the whole.
    pub rule: Option<String>,
    pub why: String,
}

impl Policy {
    /// Errors first. `others` have a mailbox without being registered.
    pub fn lint(&self, roster: &Roster, others: &[AgentId]) -> Vec<Complaint> {
        let known = Known {
            policy: self,
            roster,
            others,
        };
        let mut found = Vec::new();
        for rule in self.denies().iter().chain(self.allows()) {
            known.look_at(
                &rule.rule,
                &rule.principals,
                &rule.actions,
                &rule.targets,
                &mut found,
            );
        }
        for limit in self.limits() {
            known.look_at(
                &limit.rule,
                &limit.principals,
                &limit.actions,
                &[],
                &mut found,
            );
            if limit.at_most == 0 {
                let why = "at_most is 0: that is a deny, and says so better as one";
                found.push(warning(&limit.rule, why.into()));
            }
        }
        for quota in self.quotas() {
            known.look_at(
                &quota.rule,
                &quota.principals,
                &[],
                &quota.targets,
                &mut found,
            );
            found.extend(faults(quota).map(|why| warning(&quota.rule, why.into())));
        }
        found.extend(self.allows().iter().filter_map(|rule| self.shadowed(rule)));
        if !self.has_builtin() && !self.allows().iter().any(allows_the_owner) {
            found.push(Complaint {
                gravity: Gravity::Warning,
                rule: None,
                why: "builtin is false, and no rule allows the person at the terminal everything"
                    .into(),
            });
        }
        found.sort_by_key(|it| it.gravity);
        found
    }

    /// An `allow` that a `deny` takes back whole.
    fn shadowed(&self, rule: &Rule) -> Option<Complaint> {
        let by = self.denies().iter().find(|deny| covers(deny, rule))?;
        let why = format!("it allows nothing: {} denies all of it", by.rule);
        Some(warning(&rule.rule, why))
    }
}

/// What makes a quota another one than it looks like.
fn faults(quota: &Quota) -> impl Iterator<Item = &'static str> {
    let Quota {
        pending,
        pending_of_sender: own,
        ..
    } = quota;
    let is_deny = *pending == Some(0) || *own == Some(0);
    let is_idle = pending.zip(*own).is_some_and(|(all, own)| own >= all);
    let is_nowhere = quota.targets.iter().all(Targets::is_channel);
    [
        (
            is_deny,
            "it is 0: that is a deny, and says so better as one",
        ),
        (
            is_idle && !is_deny,
            "pending_of_sender is never reached: pending is not more",
        ),
        (is_nowhere, "it bounds nothing: a channel is no mailbox"),
    ]
    .into_iter()
    .filter_map(|(holds, why)| holds.then_some(why))
}

fn covers(deny: &Rule, rule: &Rule) -> bool {
    let by = |it: &Principals| deny.principals.iter().any(|by| by.covers(it));
    let does = |it: &Actions| deny.actions.iter().any(|does| does.covers(it));
    let to = |it: &Targets| deny.targets.iter().any(|to| to.covers(it));
    rule.principals.iter().all(by) && rule.actions.iter().all(does) && rule.targets.iter().all(to)
}

fn allows_the_owner(rule: &Rule) -> bool {
    rule.principals.iter().any(Principals::is_every_user)
        && rule.actions.iter().any(Actions::is_every)
        && rule.targets.contains(&Targets::All)
}

fn warning(rule: &str, why: String) -> Complaint {
    Complaint {
        gravity: Gravity::Warning,
        rule: Some(rule.into()),
        why,
    }
}

struct Known<'a> {
    policy: &'a Policy,
    roster: &'a Roster,
    others: &'a [AgentId],
}

impl Known<'_> {
    fn look_at(
        &self,
        rule: &str,
        principals: &[Principals],
        actions: &[Actions],
        targets: &[Targets],
        found: &mut Vec<Complaint>,
    ) {
        let mut error = |why| {
            found.push(Complaint {
                gravity: Gravity::Error,
                rule: Some(rule.into()),
                why,
            });
        };
        for it in actions.iter().filter(|it| !it.is_known()) {
            error(format!("no program knows the action {it}"));
        }
        let roles = principals.iter().filter_map(Principals::role);
        for role in roles.chain(targets.iter().filter_map(Targets::role)) {
            if !self.is_role(role) {
                error(format!("nobody has the role {role}"));
            }
        }
        let agents = principals.iter().filter_map(Principals::agent);
        for agent in agents.chain(targets.iter().filter_map(Targets::agent)) {
            if !self.is_agent(agent) {
                found.push(warning(rule, format!("there is no agent {agent}")));
            }
        }
    }

    fn is_role(&self, role: &str) -> bool {
        self.policy.roles().any(|it| it == role) || !self.roster.role(role).is_empty()
    }

    fn is_agent(&self, name: &str) -> bool {
        AgentId::parse(name).is_ok_and(|id| {
            id.is_reserved() || self.roster.entry(&id).is_some() || self.others.contains(&id)
        })
    }
}
