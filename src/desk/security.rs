//! What proves who speaks, and who wrote: tokens and keys.

use std::path::Path;

use super::{Desk, Done};
use crate::mailbox;
use crate::names::{AgentId, Channel, Event, Explain as _, Kind, Level, Verb};
use crate::root::Home;
use crate::security::keys::{self, Fingerprint};
use crate::security::{self, NewFile};
use crate::time::{Now, Timestamp};

impl Desk {
    /// A token for what nobody supervises, in a new file. Its text lies nowhere else: whoever loses it asks for another.
    pub fn issue_token(
        &self,
        agent: &AgentId,
        expires_at: Option<Timestamp>,
        out: &Path,
        now: Now,
    ) -> Done<()> {
        let permit = self.permit(Verb::TokenIssue, agent)?;
        // Before there is a token, so that none is lost for want of a place.
        let file = NewFile::make(out).map_err(security::Error::from)?;
        self.record(&permit)?;
        let token = self.policies.issue(agent, expires_at, now.wall)?;
        file.fill(token.to_text().as_bytes())
            .map_err(security::Error::from)?;
        self.tell_security(
            "token.issued",
            format!("a token for {agent}"),
            Some(agent),
            now,
        );
        Ok(())
    }

    /// Takes back all that were issued to it: how many there were.
    pub fn revoke_tokens(&self, agent: &AgentId, now: Now) -> Done<usize> {
        self.record(&self.permit(Verb::TokenIssue, agent)?)?;
        let taken = self.policies.take_back(agent)?;
        if taken > 0 {
            let msg = format!("{taken} tokens of {agent}");
            self.tell_security("token.revoked", msg, Some(agent), now);
        }
        Ok(taken)
    }

    pub(super) fn tell_security(
        &self,
        event: &'static str,
        msg: String,
        agent: Option<&AgentId>,
        now: Now,
    ) {
        let event = Event {
            channel: Channel::Security,
            level: Level::Info,
            event: event.into(),
            msg,
            agent: agent.cloned(),
            id: None,
            fields: Vec::new(),
        };
        self.log(&[event], now);
    }
}

// Keys.

impl Desk {
    pub fn make_key(&self, agent: &AgentId, now: Now) -> Done<Fingerprint> {
        self.change_keys(agent, "key.made", now, |home| {
            let pair = pair();
            keys::make(home, agent, pair.as_ref(), now.wall)
        })
    }

    /// What was signed before counts as it did.
    pub fn rotate_key(&self, agent: &AgentId, now: Now) -> Done<Fingerprint> {
        self.change_keys(agent, "key.rotated", now, |home| {
            keys::rotate(home, agent, pair().as_ref(), || Now::read().wall)
        })
    }

    /// Whose keys are meant: those of an agent, or of one that is known by its public keys alone, here or elsewhere.
    pub fn whose_keys(&self, name: &str) -> Done<AgentId> {
        let found = self.resolve(name);
        match (&found, AgentId::parse(name)) {
            (Err(error), Ok(id))
                if error.kind() == Kind::Unknown
                    && keys::public_keys(&self.home, &id)?.is_some() =>
            {
                Ok(id)
            }
            _ => found,
        }
    }

    /// Nothing that was signed with it counts any more.
    pub fn revoke_key(&self, agent: &AgentId, key: Fingerprint, now: Now) -> Done<()> {
        let bearer = self.bearer(agent, key)?;
        self.change_keys(agent, "key.revoked", now, |home| {
            keys::revoke(home, &bearer, key, now.wall).map(|()| key)
        })?;
        Ok(())
    }

    /// The name of the agent, today's or a former one, under which it signed with this key.
    fn bearer(&self, agent: &AgentId, key: Fingerprint) -> Done<AgentId> {
        let has = |name: &AgentId| -> Done<bool> {
            let keys = keys::public_keys(&self.home, name)?;
            Ok(keys.is_some_and(|keys| keys.find(key).is_some()))
        };
        if !has(agent)? {
            for name in mailbox::former_names(&self.home.mailboxes(), agent)? {
                if has(&name)? {
                    return Ok(name);
                }
            }
        }
        Ok(agent.clone())
    }

    /// The public keys of an agent of another home, as that one's `config/security/keys/` has them.
    pub fn import_keys(&self, text: &[u8], now: Now) -> Done<AgentId> {
        let permit = self.permit(Verb::KeyWrite, &AgentId::system())?;
        self.record(&permit)?;
        let keys = keys::import(&self.home, text)?;
        let agent = keys.agent().clone();
        let msg = format!("public keys of {agent}");
        self.tell_security("key.imported", msg, Some(&agent), now);
        Ok(agent)
    }

    fn change_keys(
        &self,
        agent: &AgentId,
        event: &'static str,
        now: Now,
        change: impl FnOnce(&Home) -> Result<Fingerprint, keys::Error>,
    ) -> Done<Fingerprint> {
        self.record(&self.permit(Verb::KeyWrite, agent)?)?;
        let key = change(&self.home)?;
        self.tell_security(event, format!("{key} of {agent}"), Some(agent), now);
        Ok(key)
    }
}

/// What mail is sealed to.
#[cfg(feature = "age")]
#[expect(clippy::unnecessary_wraps, reason = "without `age` there is none")]
fn pair() -> Option<keys::Pair> {
    Some(crate::security::secrets::Identity::generate().to_pair())
}

#[cfg(not(feature = "age"))]
const fn pair() -> Option<keys::Pair> {
    None
}
