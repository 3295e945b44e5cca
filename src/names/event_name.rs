//! What a script may call what happened.

use std::fmt;

use super::{Explain, Kind};

/// A longer one is no name.
const LONGEST: usize = 64;
/// What begins so, the toolkit says itself.
const OURS: [&str; 11] = [
    "mail", "agent", "task", "log", "metrics", "memory", "token", "approval", "audit", "key",
    "secret",
];

/// `script.deployed`: two or more words with dots between them, none of our own events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEventName {
    #[error("{0:?} is no name of an event")]
    Shape(String),
    #[error("{0} is for the toolkit to say")]
    Ours(String),
}

impl Explain for BadEventName {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Shape(_) => {
                format!(
                    "as script.deployed: small letters, digits and _ with dots between, at most {LONGEST}"
                )
            }
            Self::Ours(name) => format!("call it script.{}", name.replace('.', "_")),
        })
    }
}

impl EventName {
    pub fn parse(name: &str) -> Result<Self, BadEventName> {
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if name.len() > LONGEST || !name.contains('.') || !name.split('.').all(is_word) {
            return Err(BadEventName::Shape(name.chars().take(80).collect()));
        }
        let room = name.split('.').next().unwrap_or_default();
        if OURS.contains(&room) {
            return Err(BadEventName::Ours(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_with_dots_between_and_none_of_ours() {
        for name in ["script.deployed", "a.b_2.c", "mailer.sent"] {
            assert_eq!(EventName::parse(name).unwrap().to_string(), name);
        }
        let long = format!("script.{}", "a".repeat(58));
        for name in [
            "", "script", "script.", ".a", "a..b", "A.b", "a.2", "a.b c", "a.b\n", &long,
        ] {
            let error = EventName::parse(name).unwrap_err();
            assert!(matches!(error, BadEventName::Shape(_)), "{name:?}");
        }
        let error = EventName::parse("mail.sent").unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("call it script.mail_sent"));
    }
}
