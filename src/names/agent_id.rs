//! Who can have a mailbox.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

pub const USER: &str = "user";
pub const SYSTEM: &str = "system";
pub const CAPTAIN: &str = "captain";
/// Whose tasks nobody does yet.
pub const UNASSIGNED: &str = "unassigned";

/// Ids that nobody may register: `user` is the person at the terminal, `system` sends notices, the others are
/// words of the grammar.
pub const RESERVED: [&str; 5] = [USER, SYSTEM, "all", "none", UNASSIGNED];

/// A valid agent id: `[a-z0-9][a-z0-9._-]{0,63}` without `..`. Also a directory name, hence the rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AgentId(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no agent name: use a-z, 0-9, '.', '_', '-', at most 64, starting with a letter or digit"
)]
pub struct BadAgentId(pub String);

impl AgentId {
    pub fn parse(text: &str) -> Result<Self, BadAgentId> {
        let bytes = text.as_bytes();
        let first = bytes
            .first()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let rest = bytes.iter().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
        });
        if !first || !rest || bytes.len() > 64 || text.contains("..") {
            return Err(BadAgentId(text.chars().take(80).collect()));
        }
        Ok(Self(text.into()))
    }

    pub fn user() -> Self {
        Self(USER.into())
    }

    pub fn system() -> Self {
        Self(SYSTEM.into())
    }

    pub fn captain() -> Self {
        Self(CAPTAIN.into())
    }

    pub fn unassigned() -> Self {
        Self(UNASSIGNED.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.as_str())
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for AgentId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_directory_name_is_no_agent() {
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            "-a",
            "A",
            "a/b",
            "a b",
            "é",
            &"a".repeat(65),
        ] {
            assert!(AgentId::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["a", "agent-1", "0x", "a.b_c-d", &"a".repeat(64)] {
            assert_eq!(AgentId::parse(good).unwrap().as_str(), good);
        }
    }
}
