//! Where text came from that nobody on this machine wrote: `discord:80351110224678912`, `bridge:matrix`.

use std::fmt;

use super::{Explain, Kind};

/// A longer one is no origin.
const LONGEST: usize = 128;

/// A kind in small letters, a colon, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin")]
pub struct BadOrigin(String);

impl Explain for BadOrigin {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(format!(
            "as discord:80351110224678912 or bridge:matrix: a kind in small letters and a name, at most {LONGEST} bytes"
        ))
    }
}

impl Origin {
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        let is_name = |name: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"._@/-".contains(&b);
            !name.is_empty() && name.bytes().all(fits)
        };
        let is_kind = |kind: &str| {
            !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        match text.split_once(':') {
            Some((kind, name)) if text.len() <= LONGEST && is_kind(kind) && is_name(name) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(BadOrigin(text.chars().take(80).collect())),
        }
    }

    /// A person on Discord.
    pub fn of_discord(user: u64) -> Self {
        Self(format!("discord:{user}"))
    }

    /// Of text of which no more is known.
    pub fn unknown() -> Self {
        Self("outside:unknown".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_kind_and_a_name() {
        for good in [
            "discord:80351110224678912",
            "bridge:matrix",
            "web:example.org/a-b_c",
            "a:B@c",
        ] {
            assert_eq!(Origin::parse(good).unwrap().to_string(), good);
        }
        let long = format!("web:{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "discord",
            "discord:",
            ":1",
            "Discord:1",
            "a:b c",
            "a:b:c",
            "a:\u{202e}",
            &long,
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad:?}");
        }
    }
}
