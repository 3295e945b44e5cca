//! What proves who speaks.

use super::{Desk, Done};
use crate::names::{AgentId, Channel, Event, Level, Token, Verb};
use crate::time::{Now, Timestamp};

impl Desk {
    /// A token for what nobody supervises. Its text is kept by nobody else: whoever loses it asks for another.
    pub fn issue_token(
        &self,
        agent: &AgentId,
        expires_at: Option<Timestamp>,
        now: Now,
    ) -> Done<Token> {
        self.permit(Verb::TokenIssue, agent)?;
        let token = self.policies.issue(agent, expires_at, now.wall)?;
        self.tell_of_token("token.issued", format!("a token for {agent}"), agent, now);
        Ok(token)
    }

    /// Takes back all that were issued to it: how many there were.
    pub fn revoke_tokens(&self, agent: &AgentId, now: Now) -> Done<usize> {
        self.permit(Verb::TokenIssue, agent)?;
        let taken = self.policies.take_back(agent)?;
        if taken > 0 {
            let msg = format!("{taken} tokens of {agent}");
            self.tell_of_token("token.revoked", msg, agent, now);
        }
        Ok(taken)
    }

    fn tell_of_token(&self, event: &'static str, msg: String, agent: &AgentId, now: Now) {
        let event = Event {
            channel: Channel::Security,
            level: Level::Info,
            event: event.into(),
            msg,
            agent: Some(agent.clone()),
            id: None,
            fields: Vec::new(),
        };
        self.log(&[event], now);
    }
}
