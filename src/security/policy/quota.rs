//! How much mail may wait: what the quotas say to one who sends to one mailbox. What waits there, the mailbox counts.

use super::builtin;
use super::decide::{Policy, Question};
use super::document::Quota;
use crate::names::{CAPTAIN, Roster, Verb};
use crate::security::Principal;

/// What quotas are about.
pub(super) const BOUNDED: Verb = Verb::MailSend;

/// How many messages may wait in a mailbox together with those of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance<'p> {
    /// The name of the quota.
    pub rule: &'p str,
    /// Of anybody.
    pub pending: Option<u64>,
    /// Of the one who sends.
    pub pending_of_sender: Option<u64>,
    /// Urgent mail passes whatever waits.
    pub spares_urgent: bool,
}

impl Policy {
    /// Those that bound this act: all of them hold.
    pub fn allowances(&self, question: &Question, roster: &Roster) -> Vec<Allowance<'_>> {
        let builtin = self.bounding_builtin(question);
        let builtin = builtin.map(|(rule, most)| Allowance {
            rule,
            pending: Some(most),
            pending_of_sender: None,
            spares_urgent: false,
        });
        let quotas = self.quotas().iter().filter(|quota| {
            question.verb == BOUNDED
                && self.names(&quota.principals, question, roster)
                && self.reaches(&quota.targets, question, roster)
        });
        let quotas = quotas.map(|quota| Allowance {
            rule: &quota.rule,
            pending: quota.pending,
            pending_of_sender: quota.pending_of_sender,
            spares_urgent: spares_urgent(quota, question.principal),
        });
        builtin.into_iter().chain(quotas).collect()
    }

    pub(super) fn bounding_builtin(&self, question: &Question) -> Option<(&'static str, u64)> {
        (self.has_builtin() && question.verb == BOUNDED)
            .then(|| builtin::bounding(question.principal))
            .flatten()
    }

    /// What a quota says, by its name.
    pub fn quota_says(&self, rule: &str) -> Option<String> {
        let quota = self.quotas().iter().find(|quota| quota.rule == rule)?;
        let all = quota.pending.map(|n| format!("at most {n} pending"));
        let own = quota.pending_of_sender;
        let own = own.map(|n| format!("at most {n} pending of the sender"));
        let says: Vec<String> = all.into_iter().chain(own).collect();
        Some(says.join(", "))
    }
}

/// A flood must not stop the captain's lane, nor a person's: that takes a quota that names him in full, not by a pattern
/// or a role.
fn spares_urgent(quota: &Quota, principal: &Principal) -> bool {
    let has_lane = match principal {
        Principal::User(_) => true,
        Principal::Agent(id) => id.as_str() == CAPTAIN,
        Principal::Role(_) | Principal::Discord(_) | Principal::Bridge(_) => false,
    };
    let name = principal.to_string();
    has_lane && !quota.principals.iter().any(|it| it.to_string() == name)
}
