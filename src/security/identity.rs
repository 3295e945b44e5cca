//! What an agent proves by that it is that agent: a secret of one of its lives, or one that was issued to it. Pure.
//!
//! A guard rail against a confused agent that speaks in another's name: within one uid whoever looks for the file of a
//! token can read it.

use serde::{Deserialize, Serialize};

use super::audit::Hash;
use crate::names::{AgentId, Explain, Kind, Token};
use crate::time::Timestamp;

/// What is known of one that was issued: not the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// SHA-256 of the secret.
    pub hash: String,
    pub issued_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// Why a claim is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("{agent} has no token, and identity is required")]
    Missing { agent: AgentId },
    #[error("the token in {path} cannot be read: {why}")]
    Unreadable { path: String, why: String },
    #[error("the token is that of {of}, not of {agent}")]
    Foreign { agent: AgentId, of: AgentId },
    #[error("the token of {agent} is of a life that is over")]
    Over { agent: AgentId },
    #[error("the token of {agent} expired at {at}")]
    Expired { agent: AgentId, at: Timestamp },
    #[error("nobody gave {agent} this token")]
    Unknown { agent: AgentId },
    #[error("what runs as {agent} does not speak for the person at the terminal")]
    AgentAsUser { agent: AgentId },
}

impl Explain for Unproven {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { agent } | Self::Expired { agent, .. } | Self::Unknown { agent } => {
                Some(format!(
                    "who is started by agentctl has one; for others: secctl token issue {agent}"
                ))
            }
            Self::Unreadable { .. } => {
                Some("DREAMOS_TOKEN_FILE says where it is; only its owner may read it".into())
            }
            Self::Foreign { of, .. } => Some(format!("speak as {of}")),
            Self::AgentAsUser { agent } => Some(format!("speak as {agent}")),
            Self::Over { .. } => None,
        }
    }
}

/// What a claim is compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The token of the life that is.
    pub(super) living: Option<Token>,
    pub(super) issued: Vec<Issued>,
}

/// Whether the token proves that its bearer is `agent`.
pub(super) fn prove(
    agent: &AgentId,
    shown: &Token,
    known: &Known,
    now: Timestamp,
) -> Result<(), Unproven> {
    let agent = || agent.clone();
    if shown.agent != agent() {
        return Err(Unproven::Foreign {
            agent: agent(),
            of: shown.agent.clone(),
        });
    }
    if shown.incarnation.is_some() {
        return match &known.living {
            Some(living) if hash(living) == hash(shown) => Ok(()),
            Some(living) if living.incarnation == shown.incarnation => {
                Err(Unproven::Unknown { agent: agent() })
            }
            _ => Err(Unproven::Over { agent: agent() }),
        };
    }
    let hash = hash_text(shown);
    match known.issued.iter().find(|it| it.hash == hash) {
        None => Err(Unproven::Unknown { agent: agent() }),
        Some(issued) => match issued.expires_at.filter(|at| *at <= now) {
            Some(at) => Err(Unproven::Expired { agent: agent(), at }),
            None => Ok(()),
        },
    }
}

/// Two hashes have one length, so that their comparison tells nothing of the secrets.
fn hash(token: &Token) -> Hash {
    Hash::of(token.secret().as_bytes())
}

/// As `Issued` keeps it.
pub(super) fn hash_text(token: &Token) -> String {
    hash(token).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn id(name: &str) -> AgentId {
        AgentId::parse(name).unwrap()
    }

    fn of_life(name: &str, life: &str, secret: u128) -> Token {
        Token::new(id(name), Some(life.into()), [secret, secret])
    }

    fn issued(token: &Token, expires_at: Option<Timestamp>) -> Known {
        Known {
            living: None,
            issued: vec![Issued {
                hash: hash_text(token),
                issued_at: NOW,
                expires_at,
            }],
        }
    }

    #[test]
    fn the_token_of_the_life_that_is_proves_it_and_no_other_does() {
        let known = Known {
            living: Some(of_life("agent-1", "b", 2)),
            issued: Vec::new(),
        };
        let ask = |shown: &Token| prove(&id("agent-1"), shown, &known, NOW);
        assert_eq!(ask(&of_life("agent-1", "b", 2)), Ok(()));
        // An earlier life's, one that somebody made up, and another agent's.
        assert_eq!(
            ask(&of_life("agent-1", "a", 1)),
            Err(Unproven::Over {
                agent: id("agent-1")
            })
        );
        assert_eq!(
            ask(&of_life("agent-1", "b", 3)),
            Err(Unproven::Unknown {
                agent: id("agent-1")
            })
        );
        assert_eq!(
            ask(&of_life("agent-2", "b", 2)),
            Err(Unproven::Foreign {
                agent: id("agent-1"),
                of: id("agent-2")
            })
        );
        let dead = prove(
            &id("agent-1"),
            &of_life("agent-1", "b", 2),
            &Known::default(),
            NOW,
        );
        assert_eq!(
            dead,
            Err(Unproven::Over {
                agent: id("agent-1")
            })
        );
    }

    #[test]
    fn one_that_was_issued_counts_until_it_expires_or_is_taken_back() {
        let token = Token::new(id("captain"), None, [1, 2]);
        let ask = |known: &Known| prove(&id("captain"), &token, known, NOW);
        assert_eq!(ask(&issued(&token, None)), Ok(()));
        let later = NOW.plus(std::time::Duration::from_secs(1));
        assert_eq!(ask(&issued(&token, Some(later))), Ok(()));
        assert_eq!(
            ask(&issued(&token, Some(NOW))),
            Err(Unproven::Expired {
                agent: id("captain"),
                at: NOW
            })
        );
        assert_eq!(
            ask(&Known::default()),
            Err(Unproven::Unknown {
                agent: id("captain")
            })
        );
    }
}
