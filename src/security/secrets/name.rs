//! How a secret is named, in the store and in the environment. Pure.

use std::fmt;

/// `[a-z][a-z0-9_]{0,63}`: two names never mean one variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

/// The text itself is not told: whoever mixed up the arguments wrote the secret in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no name of a secret: use a-z, 0-9 and '_', at most 64, starting with a letter")]
pub struct BadName;

impl SecretName {
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let is_small = |b: &u8| b.is_ascii_lowercase();
        let starts = text.as_bytes().first().is_some_and(is_small);
        let rest = text.bytes();
        let fits = rest
            .into_iter()
            .all(|b| is_small(&b) || b.is_ascii_digit() || b == b'_');
        if starts && fits && text.len() <= 64 {
            Ok(Self(text.into()))
        } else {
            Err(BadName)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The environment variable that stands above the store.
    pub fn variable(&self) -> String {
        format!("DREAMOS_SECRET_{}", self.0.to_ascii_uppercase())
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_and_says_its_variable() {
        let name = SecretName::parse("discord_token2").unwrap();
        assert_eq!(name.variable(), "DREAMOS_SECRET_DISCORD_TOKEN2");
        for bad in [
            "",
            "_a",
            "2a",
            "A",
            "a-b",
            "a.b",
            "a b",
            "é",
            &"a".repeat(65),
        ] {
            assert_eq!(SecretName::parse(bad), Err(BadName), "{bad}");
        }
    }
}
