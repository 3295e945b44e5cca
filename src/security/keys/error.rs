use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use crate::names::{AgentId, Explain, Kind};
use crate::security::document::Unfit;
use crate::security::files;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("{path} is no file of keys: {why}", path = path.display())]
    Malformed { path: PathBuf, why: Unfit },
    /// Of what somebody brought.
    #[error("these are no public keys: {0}")]
    NotPublic(Unfit),
    #[error("{agent} has no key")]
    NoKey { agent: AgentId },
    /// Made by a program without age.
    #[error("{agent} has a key that signs, but none that mail could be sealed to")]
    NoRecipient { agent: AgentId },
    #[error("{agent} has a key already")]
    HasKey { agent: AgentId },
    #[error("{agent} has no key {id}")]
    UnknownKey { agent: AgentId, id: Fingerprint },
    /// When another is to be called so.
    #[error("{agent} has a key of its own")]
    InTheWay { agent: AgentId, path: PathBuf },
    /// Nobody would believe what it signs.
    #[error("the key {id} of {agent} is not current")]
    NotCurrent { agent: AgentId, id: Fingerprint },
    #[error("other keys of {agent} are known than those that came before these")]
    OtherKeys { agent: AgentId, path: PathBuf },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Files(error) => error.kind(),
            Self::Malformed { why, .. } => match why {
                Unfit::Newer(_) => Kind::Config,
                Unfit::NoObject | Unfit::Member(_) => Kind::Corrupt,
            },
            Self::NotPublic(_) => Kind::Usage,
            Self::NoKey { .. } | Self::NoRecipient { .. } | Self::UnknownKey { .. } => {
                Kind::Unknown
            }
            Self::HasKey { .. } | Self::InTheWay { .. } => Kind::CannotCreate,
            Self::NotCurrent { .. } => Kind::Config,
            Self::OtherKeys { .. } => Kind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::Malformed { .. } => Some("it was left as it is; move it away".into()),
            Self::NotPublic(_) => None,
            Self::NoKey { agent } => Some(format!("make one: secctl keys make {agent}")),
            Self::NoRecipient { agent }
            | Self::HasKey { agent }
            | Self::NotCurrent { agent, .. } => {
                Some(format!("give it another: secctl keys rotate {agent}"))
            }
            Self::InTheWay { .. } => Some("choose another name, or move it away".into()),
            Self::UnknownKey { .. } => Some("secctl keys list shows them".into()),
            Self::OtherKeys { path, .. } => Some(format!(
                "ask its owner for the fingerprint; if these are the right ones, remove {} first",
                path.display()
            )),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Files(error) => error.path(),
            Self::Malformed { path, .. }
            | Self::OtherKeys { path, .. }
            | Self::InTheWay { path, .. } => Some(path),
            Self::NotPublic(_)
            | Self::NoKey { .. }
            | Self::NoRecipient { .. }
            | Self::HasKey { .. }
            | Self::UnknownKey { .. }
            | Self::NotCurrent { .. } => None,
        }
    }
}
