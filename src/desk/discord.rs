//! What a person on Discord asks the bot for: whether he may ask at all, and the record of it. What he asks for is asked of
//! the policy beside.

use super::{Desk, Done};
use crate::names::{AgentId, Origin, Permit, Verb};
use crate::security;
use crate::security::audit::{self, Entry, Verdict};
use crate::time::Now;

impl Desk {
    /// A command or a button, before anything is done.
    pub fn visit(&self, what: &str, given: Vec<(String, String)>) -> Done<()> {
        let permit = self.permit(Verb::DiscordUse, &self.caller.agent)?;
        self.record_visit(&permit, what, given)
    }

    /// What is completed while it is typed: looked at so often that only a refusal is recorded.
    pub fn glimpse(&self) -> Done<()> {
        self.permit(Verb::DiscordUse, &self.caller.agent)?;
        Ok(())
    }

    /// What is told of agents beside what they print.
    pub fn may_look_at(&self, agent: &AgentId) -> Done<()> {
        self.permit(Verb::AgentLook, agent)?;
        Ok(())
    }

    /// What all do.
    pub fn may_see_logs(&self) -> Done<()> {
        self.may_look_at(&AgentId::system())
    }

    /// To write to everybody at once.
    pub fn may_broadcast(&self) -> Done<()> {
        self.permit(Verb::DiscordBroadcast, &self.caller.agent)?;
        Ok(())
    }

    /// To say which channel belongs to that agent.
    pub fn may_bind(&self, agent: &AgentId) -> Done<()> {
        self.permit(Verb::DiscordConfigure, agent)?;
        Ok(())
    }

    /// Whether the policy says what whoever has that role may do.
    pub fn has_rules_for(&self, role: &str) -> Done<bool> {
        Ok(self.policies.current()?.speaks_of(role))
    }

    /// Gives a person there a role, in the policy. Whether it is new.
    pub fn enrol(&self, role: &str, user: u64, now: Now) -> Done<bool> {
        self.record(&self.permit(Verb::PolicyWrite, &AgentId::system())?)?;
        let origin = Origin::of_discord(user);
        let is_new = security::enrol(&self.home, role, origin.as_str())?;
        let msg = format!("{origin} has the role {role}");
        self.tell_security("policy.changed", msg, None, now);
        Ok(is_new)
    }

    /// The bot's own, so that it can be written to before it was ever written to.
    pub fn make_mailbox_of(&self, agent: &AgentId, now: Now) -> Done<()> {
        self.permit(Verb::MailCreate, agent)?;
        self.make_mailbox(agent, now)?;
        Ok(())
    }

    fn record_visit(&self, permit: &Permit, what: &str, given: Vec<(String, String)>) -> Done<()> {
        let act = permit.act();
        let policy = self.policies.current()?;
        let detail = given.into_iter().map(|(name, value)| (name.into(), value));
        let entry = Entry {
            rule: policy.judge(act, &self.roster).rule.to_owned(),
            policy: Some(policy.hash().to_owned()),
            why: what.to_owned(),
            detail: detail.collect(),
            ..Entry::new(
                act.verb.as_str(),
                &self.caller,
                act.target.as_str(),
                Verdict::Allowed,
            )
        };
        audit::append(&self.home, &[entry], Now::read().wall)?;
        Ok(())
    }
}
