//! Mail that only its recipient can read: sealed to the key in his public file, opened with the one in his private file.
//!
//! Not here: that it was sent by whom it names. Anybody can seal; who wrote it, the signature of the message says.

use std::path::Path;

use zeroize::Zeroizing;

use super::document::Unfit;
use super::keys::{self, PublicKeys};
use super::secrets::{self, ExposeSecret as _, Identity, Unlock, Unopened, open_with, seal_to};
use crate::names::{AgentId, Explain, Kind};
use crate::root::Home;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Keys(#[from] keys::Error),
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    #[error("this was not opened as mail of {agent}: {why}")]
    Unopened { agent: AgentId, why: Unopened },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Keys(error) => error.kind(),
            Self::Secrets(error) => error.kind(),
            Self::Unopened { why, .. } => why.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Keys(error) => error.hint(),
            Self::Secrets(error) => error.hint(),
            Self::Unopened { why, .. } => match why {
                Unopened::WrongKey => Some("only the one whom it was sealed to opens it".into()),
                Unopened::Damaged => Some("nothing of it is shown; ask for it again".into()),
                Unopened::NeedsPassphrase | Unopened::WrongPassphrase => {
                    Some("age --decrypt asks for the passphrase".into())
                }
                Unopened::NeedsKey | Unopened::TooCostly => None,
            },
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Keys(error) => error.path(),
            Self::Secrets(error) => error.path(),
            Self::Unopened { .. } => None,
        }
    }
}

/// For `agent` alone, as armored text.
pub fn seal(home: &Home, agent: &AgentId, bytes: &[u8]) -> Result<String, Error> {
    let keys = keys::public_keys(home, agent)?;
    match keys.as_ref().and_then(PublicKeys::recipient) {
        Some(recipient) => Ok(seal_to(&[recipient], bytes)?),
        None => Err(without(agent, keys.as_ref()).into()),
    }
}

/// Why nothing is sealed to `agent`, and nothing opened.
fn without(agent: &AgentId, keys: Option<&PublicKeys>) -> keys::Error {
    let agent = agent.clone();
    match keys.and_then(PublicKeys::current) {
        Some(_) => keys::Error::NoRecipient { agent },
        None => keys::Error::NoKey { agent },
    }
}

/// Opens what was sealed to one agent.
#[derive(Debug)]
pub struct Opener {
    agent: AgentId,
    unlock: Unlock,
}

impl Opener {
    pub fn of(home: &Home, agent: &AgentId) -> Result<Self, Error> {
        let Some(identity) = keys::identity(home, agent)? else {
            let keys = keys::public_keys(home, agent)?;
            return Err(without(agent, keys.as_ref()).into());
        };
        let identity = Identity::parse(identity.expose_secret());
        let identity = identity.ok_or_else(|| keys::Error::Malformed {
            path: home.private_key(agent),
            why: Unfit::Member("age_identity"),
        })?;
        Ok(Self {
            agent: agent.clone(),
            unlock: Unlock::Identity(vec![identity]),
        })
    }

    /// All of it, once it is known that nothing of it was changed.
    pub fn open(&self, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        open_with(&self.unlock, sealed).map_err(|why| Error::Unopened {
            agent: self.agent.clone(),
            why,
        })
    }
}
