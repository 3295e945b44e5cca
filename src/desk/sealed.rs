//! Mail that only its recipient can read. Whoever sends and shows mail does without the crates that seal it: he asks who
//! may open what, and lets `secctl` do it.

use super::{Desk, Done};
use crate::names::{AgentId, Explain as _, Kind, MessageId, Verb};
use crate::security::keys;
#[cfg(feature = "age")]
use crate::security::sealed::{self, Opener};

impl Desk {
    /// Whether the caller may open what is sealed to `agent`. To have asked leaves no trace.
    pub fn may_open(&self, agent: &AgentId) -> Done<bool> {
        match self.permit_unlogged(Verb::MailOpen, agent) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == Kind::Refused => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The key of a sealed answer that says `text`: said again after a kill, sealed anew, it is the same answer. It tells
    /// nobody what that was. `None` where the caller has no key of his own to make it with.
    pub fn key_of_sealed_reply(&self, to: MessageId, text: &str) -> Done<Option<String>> {
        let key = keys::signing_key(&self.home, &self.caller.agent)?;
        Ok(key.map(|key| {
            let mark = key.mark(format!("reply:{to}:{text}").as_bytes());
            format!("reply:{to}:{mark:032x}")
        }))
    }

    /// For `agent` alone. Anybody may: it takes nothing but what everybody knows.
    #[cfg(feature = "age")]
    pub fn seal(&self, agent: &AgentId, bytes: &[u8]) -> Done<String> {
        Ok(sealed::seal(&self.home, agent, bytes)?)
    }

    /// What opens the mail of `agent`. Whoever opens another's is recorded.
    #[cfg(feature = "age")]
    pub fn opener(&self, agent: &AgentId) -> Done<Opener> {
        let permit = self.permit(Verb::MailOpen, agent)?;
        if *agent != self.caller.agent {
            self.record(&permit)?;
        }
        Ok(Opener::of(&self.home, agent)?)
    }
}
