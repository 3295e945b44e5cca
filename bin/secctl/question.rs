//! May this one do that to those? As people write it.

use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dreamos::cli::{Context, Error, Failure};
use dreamos::desk::Desk;
use dreamos::names::{AgentId, USER, Verb};
use dreamos::security::{Policies, Policy, Principal, Target};

use super::desk;

// No doc comments on these: clap would take them for the description of the verb.
#[derive(clap::Args)]
pub(crate) struct Question {
    /// Who: an agent, user, or user:NAME, agent:ID, role:NAME, discord:NUMBER, bridge:NAME
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// What: mail.send, agent.stop, task.edit and the like
    #[arg(value_name = "ACTION", value_parser = verb(), hide_possible_values = true)]
    verb: Verb,
    /// To whom: an agent, self, role:NAME (all who have it), or channel:NAME
    #[arg(value_name = "TARGET")]
    target: String,
}

/// The same, with all names known.
pub(crate) struct Asked {
    pub(crate) principal: Principal,
    pub(crate) verb: Verb,
    pub(crate) targets: Vec<Target>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) desk: Desk,
}

fn verb() -> impl TypedValueParser<Value = Verb> {
    PossibleValuesParser::new(Verb::ALL.iter().map(|verb| verb.as_str()))
        .map(|name| Verb::parse(&name).expect("it is one of them"))
}

impl Question {
    pub(crate) fn asked(self, context: &Context) -> Result<Asked, Failure> {
        let desk = desk::open(context)?;
        let policy = Policies::of(desk.home().clone()).current()?;
        let principal = principal(&self.principal, context, &desk)?;
        Ok(Asked {
            targets: targets(&self.target, &principal, &desk)?,
            principal,
            verb: self.verb,
            policy,
            desk,
        })
    }
}

fn principal(text: &str, context: &Context, desk: &Desk) -> Result<Principal, Failure> {
    if text == USER {
        return Ok(Principal::of(&context.caller(AgentId::user())));
    }
    if text.contains(':') {
        let parsed = Principal::parse(text);
        return Ok(parsed.map_err(|bad| Error::usage(bad.to_string()))?);
    }
    Ok(Principal::Agent(desk.resolve(text)?))
}

fn targets(text: &str, principal: &Principal, desk: &Desk) -> Result<Vec<Target>, Failure> {
    match (text.split_once(':'), principal) {
        (Some(("channel", name)), _) if !name.is_empty() => Ok(vec![Target::Channel(name.into())]),
        (Some(("role", name)), _) => {
            let members = desk.resolve_role(name)?;
            Ok(members.into_iter().map(Target::Agent).collect())
        }
        (Some(("agent", name)), _) => Ok(vec![Target::Agent(desk.resolve(name)?)]),
        (Some(_), _) => Err(Error::usage(format!(
            "{text:?} is no target: write an agent, self, role:NAME or channel:NAME"
        ))
        .into()),
        (None, Principal::Agent(id)) if text == "self" => Ok(vec![Target::Agent(id.clone())]),
        (None, Principal::User(_)) if text == "self" => Ok(vec![Target::Agent(AgentId::user())]),
        (None, _) => Ok(vec![Target::Agent(desk.resolve(text)?)]),
    }
}
