//! Before each verb: whether its caller may, by the policy as it stands at this moment. A refusal is logged.

use std::sync::Arc;

use super::{Desk, Done, Error};
use crate::agents;
use crate::mailbox::Bound;
use crate::names::{
    Act, AgentId, Caller, Channel, Event, Explain as _, Kind, Level, Permit, USER, Verb,
};
use crate::security::approvals::When;
use crate::security::{self, Identity, Policy, Principal, Question, Refusal, Target, Unproven};
use crate::time::Now;

impl Desk {
    /// Whether the caller may, who does it then; a refusal is logged.
    pub(super) fn permit(&self, verb: Verb, target: &AgentId) -> Done<Permit> {
        Ok(self.permit_under(verb, target)?.0)
    }

    /// As `permit`, with the policy that allows it.
    pub(super) fn permit_under(&self, verb: Verb, target: &AgentId) -> Done<(Permit, Arc<Policy>)> {
        if matches!(verb, Verb::MailTake | Verb::MailAck | Verb::MailNack) {
            self.must_live()?;
        }
        let granted = self.policy_for(verb).and_then(|policy| {
            let permit = self.ask(&policy, verb, target)?;
            self.must_not_be_too_often(&policy, permit.act())?;
            if verb.is_privileged() {
                self.must_be_approved(permit.act(), When::Now)?;
            }
            Ok((permit, policy))
        });
        if !verb.only_reads() && !self.rehearses && granted.is_ok() {
            self.close_to_others();
        }
        granted.map_err(|error| self.refused(verb, target, error))
    }

    /// As `permit`, of what is not done now: it counts against no limit and changes nothing.
    pub(super) fn permit_to_come(&self, verb: Verb, target: &AgentId) -> Done<Permit> {
        let granted = self.permit_unlogged(verb, target).and_then(|permit| {
            if verb.is_privileged() {
                self.must_be_approved(permit.act(), When::Later)?;
            }
            Ok(permit)
        });
        granted.map_err(|error| self.refused(verb, target, error))
    }

    /// As `permit_to_come`, where something else is done if he may not.
    pub(super) fn permit_unlogged(&self, verb: Verb, target: &AgentId) -> Done<Permit> {
        self.ask(&*self.policy_for(verb)?, verb, target)
    }

    /// What the toolkit itself tells: nobody has to prove that he is the system, and no limit counts it.
    pub(super) fn permit_of_the_system(&self, verb: Verb, target: &AgentId) -> Done<Permit> {
        let caller = Caller {
            agent: AgentId::system(),
            incarnation: None,
            ..self.caller.clone()
        };
        let target = target.clone();
        let act = Act {
            verb,
            caller,
            target,
        };
        Ok(self.policy_for(verb)?.permit(act, &self.roster)?)
    }

    /// Where it cannot be known what the policy says nothing is changed, but what is there can be seen as far as ever.
    pub(super) fn policy_for(&self, verb: Verb) -> Done<Arc<Policy>> {
        match self.policies.current() {
            Err(error) if verb.only_reads() && error.kind() == Kind::Config => {
                Ok(Arc::new(Policy::builtin()))
            }
            other => Ok(other?),
        }
    }

    fn ask(&self, policy: &Policy, verb: Verb, target: &AgentId) -> Done<Permit> {
        match policy.identity() {
            Identity::Claimed => {}
            Identity::Required => self.must_be_himself()?,
        }
        let act = Act {
            verb,
            caller: self.caller.clone(),
            target: target.clone(),
        };
        Ok(policy.permit(act, &self.roster)?)
    }

    /// The person at the terminal has no token; what runs as an agent is not that person.
    fn must_be_himself(&self) -> Done<()> {
        let agent = &self.caller.agent;
        if agent.as_str() != USER {
            let shown = self.token.as_deref();
            return Ok(self.policies.prove(agent, shown, Now::read().wall)?);
        }
        match &self.runs_as {
            Some(agent) => Err(security::Error::from(Unproven::AgentAsUser {
                agent: agent.clone(),
            })
            .into()),
            None => Ok(()),
        }
    }

    fn must_not_be_too_often(&self, policy: &Policy, act: &Act) -> Done<()> {
        if policy.limits().is_empty() {
            return Ok(());
        }
        let question = Question {
            principal: &Principal::of(&act.caller),
            verb: act.verb,
            target: &Target::Agent(act.target.clone()),
        };
        match self.policies.count(policy, &question, &self.roster)? {
            None => Ok(()),
            Some(limit) => Err(Refusal::TooOften {
                verb: act.verb,
                caller: act.caller.name(),
                rule: limit.rule,
                again_in: limit.again_in,
            }
            .into()),
        }
    }

    /// How much mail the policy lets wait where this act sends.
    pub(super) fn bounds<'p>(&self, policy: &'p Policy, act: &Act) -> Vec<Bound<'p>> {
        let question = Question {
            principal: &Principal::of(&act.caller),
            verb: act.verb,
            target: &Target::Agent(act.target.clone()),
        };
        let allowances = policy.allowances(&question, &self.roster).into_iter();
        allowances
            .map(|it| Bound {
                rule: it.rule,
                pending: it.pending,
                of_sender: it.pending_of_sender,
                spares_urgent: it.spares_urgent,
            })
            .collect()
    }

    /// What is left of a life that is over takes no mail and closes none. Of whom nobody supervises nothing is known.
    pub(super) fn must_live(&self) -> Done<()> {
        let Some(incarnation) = &self.caller.incarnation else {
            return Ok(());
        };
        if agents::is_over(&self.home, &self.caller.agent, incarnation)? {
            return Err(Error::DeadLife {
                agent: self.caller.agent.clone(),
                incarnation: incarnation.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn refused(&self, verb: Verb, target: &AgentId, error: Error) -> Error {
        let event = Event {
            channel: Channel::System,
            level: Level::Warn,
            event: format!("{}.refused", verb.room()).into(),
            msg: error.to_string(),
            agent: Some(target.clone()),
            id: None,
            fields: Vec::new(),
        };
        let now = Now::read();
        self.log(&[event], now);
        self.record_refusal(verb, target, &error, now);
        error
    }
}
