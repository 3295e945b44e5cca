//! What is said in a channel that belongs to an agent, on its way into the agent's mailbox.

use super::answer::from_here;
use super::error::Error;
use super::visit::Visit;
use crate::desk::{Breaker, Unknown};
use crate::mailbox::Sent;
use crate::names::AgentId;

/// Text of somebody outside, tainted as such; the same message of Discord's is the same mail however often it comes.
pub(super) fn deliver(visit: &Visit, to: &AgentId, text: &str) -> Result<Sent, Error> {
    visit
        .desk
        .visit("a channel", vec![("agent".into(), to.to_string())])?;
    let mut draft = visit.desk.draft(to, text.to_owned());
    draft.key = Some(visit.key(to));
    from_here(visit, &mut draft.metadata);
    Ok(visit
        .desk
        .send(draft, Unknown::Refuse, Breaker::Override, visit.now)?)
}
